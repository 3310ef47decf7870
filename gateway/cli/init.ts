/** `vouchsafe init`: makes a home: folder, configuration, keys, certificate, database. */
import { type Command, InvalidArgumentError } from 'commander'
import { clientSettings } from '../config/settings.ts'
import { defaultPorts, portsFrom } from '../config/text.ts'
import { act, verb } from './context.ts'
import { domainOf } from './given.ts'
import { quoted } from './hint.ts'
import { facts } from './layout.ts'
import { refuseOthers } from './owner.ts'

type Options = { domain?: string; name?: string; portBase?: number; plainLoopback?: true; host?: string; net?: string }

export const initCommand = (root: Command): void => {
  const init = verb(root, 'init', 'make a home: folder, keys, certificate, configuration')
    .option(
      '--domain <domain>',
      'the domain of the addresses here (default: a .vouchsafe.alt name of its own)',
      domainOf,
    )
    .option('--name <name>', 'how neighbours see this gateway')
    .option(
      '--port-base <number>',
      'ports from here: SMTP +25 and +46, IMAP +14 and +93, set-up +8 and +43, link +40, health +80',
      baseOf,
    )
    .option('--plain-loopback', 'allow login without TLS on 127.0.0.1 and ::1, only there')
    .option(
      '--host <name>',
      'where neighbours reach this gateway (default: the domain); 127.0.0.1 keeps links on this machine',
    )
    .option('--net <name>', 'the name of the web, for a trial web of your own')

  act<Options>(init, async (context, _args, options) => {
    await refuseOthers(context.home)
    const { makeHome } = await import('../home.ts')
    const { portBase, ...chosen } = options
    const ports = portBase === undefined ? defaultPorts : portsFrom(portBase)
    const made = await makeHome(context.home, { ...chosen, ports, setup: portBase !== undefined }, context)
    const settings = clientSettings(made.config)
    const home = context.home === `${process.cwd()}/var` ? '' : ` --home ${quoted(context.home)}`
    return {
      result: { ...made, config: undefined, settings, ports },
      text: [
        facts({ home: context.home, domain: made.domain, agent: made.agent, words: made.words }),
        '\nFor mail clients (the user name is the whole address):\n',
        facts(settings),
        `\nThe certificate is self-signed. When a client asks about it, compare its SHA-256:\n${made.fingerprint}`,
      ].join('\n'),
      next: [
        `vouchsafe user add you@${made.domain}${home}`,
        `vouchsafe serve${home}`,
        `vouchsafe link invite${home}        # and give the code to a neighbour`,
      ],
    }
  })
}

/** The highest port is base + 93. */
const baseOf = (value: string): number => {
  const base = Number(value)
  if (Number.isInteger(base) && base >= 1 && base <= 65_535 - 93) return base
  throw new InvalidArgumentError('Give a number from 1 to 65442, for example 2000.')
}
