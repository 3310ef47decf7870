/**
 * What is wrong with this gateway and with its links, and whose fault it is: looked at from here and, by
 * neighbours that dial back, from outside. Words and sides: src/reach/diagnosis.ts.
 */
import { X509Certificate } from 'node:crypto'
import { lookup, Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { ipCanonical } from '../../src/ip.ts'
import { isFrozen, isSettled } from '../../src/link/standing.ts'
import { type Finding, fromOutside, notConnected, ourClock } from '../../src/reach/diagnosis.ts'
import type { Link } from '../../src/state.ts'
import { ConfigError, readConfig } from '../config/config.ts'
import { certificateOf, waysIn } from '../config/settings.ts'
import { type Srv, srvRecords, writeSrv } from '../config/srv.ts'
import { readHostPort } from '../config/value.ts'
import type { Progress } from '../control.ts'
import type { House, Operation, Serving } from '../house.ts'
import { isFor, lifeLeft, openTls } from '../tls.ts'
import { frozenBy } from './alert.ts'
import { mailServer, unreached } from './reachable.ts'
import { roomAt } from './status.ts'

type Examined = { findings: Finding[]; wrong: number }

/** Neighbours that are asked to dial back: more would say the same. */
const ASKED = 5

export const doctor: Operation<object, Examined> = async (house, _args, progress) => {
  progress({ step: 'looking at configuration, ports, certificate, name and disk' })
  const near = await Promise.all([
    configuration(house),
    running(house),
    ...Object.entries(house.serving?.listening ?? {}).flatMap(([edge, all]) => all.map((at) => port(edge, at))),
    mailServer(house),
    certificate(house),
    ...namesOf(house).map((host) => name(house, host)),
    disk(house),
    serviceRecords(house),
  ])
  const far = house.serving ? await links(house, house.serving, progress) : []
  const findings = [...near.flat(), ...far]
  return { findings, wrong: findings.filter(({ state }) => state === 'wrong').length }
}

const configuration = async ({ home }: House): Promise<Finding[]> => {
  const what = 'configuration'
  try {
    await readConfig(home)
    return [{ what, state: 'ok', detail: `${home}/vouchsafe.toml can be used` }]
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return [{ what, state: 'wrong', side: 'ours', detail: error.message, fix: 'correct it: the next start would fail' }]
  }
}

const running = async ({ serving }: House): Promise<Finding[]> => {
  const what = 'gateway'
  if (!serving) return [{ what, state: 'wrong', side: 'ours', detail: 'it does not run', fix: 'vouchsafe serve' }]
  const problems = serving.reach.problems()
  return [
    { what, state: 'ok', detail: 'it runs' },
    ...problems.map((detail): Finding => ({ what: 'DNS name', state: 'wrong', side: 'ours', detail })),
    ...serving.certifying.problems(),
  ]
}

/** Whether the machine itself reaches the port: a firewall, or another program, would show here. */
const port = async (edge: string, at: string): Promise<Finding[]> => {
  const what = `${edge} port ${at}`
  const { host = '', port = 0 } = readHostPort(at) ?? {}
  const near = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  const why = await unreached({ host: near, port })
  if (why === undefined) return [{ what, state: 'ok', detail: 'open on this machine' }]
  const fix = 'look into the log and into this machine’s firewall, and restart the gateway'
  return [{ what, state: 'wrong', side: 'ours', detail: `this machine itself can not connect: ${why}`, fix }]
}

/** Answers of a name server that is far away come within a second; one more try. */
const DNS = { timeout: 2_000, tries: 2 }

/** The records by which mail clients find their servers from an address alone: what to enter, and what is there. */
const serviceRecords = async ({ config, domain }: House): Promise<Finding[]> => {
  const wanted = config.gateway.domain === undefined ? [] : srvRecords(domain, waysIn(config))
  const what = 'DNS records for mail clients'
  if (wanted.length === 0) return [] // they reach it on this machine only, or by an IP address
  const resolver = new Resolver(DNS)
  const isThere = async ({ name, target, port }: Srv): Promise<boolean> =>
    (await resolver.resolveSrv(name).catch(() => [])).some(
      (one) => one.port === port && one.name.toLowerCase() === target,
    )
  const there = await Promise.all(wanted.map(isThere))
  const missing = wanted.filter((_one, i) => !there[i])
  if (missing.length === 0) return [{ what, state: 'ok', detail: 'clients find their servers from an address alone' }]
  return missing.map((one) => ({
    what,
    state: 'note',
    side: 'ours',
    detail: `not found: ${one.name}`,
    fix: `enter at your name server: ${writeSrv(one)}`,
  }))
}

/** The one that clients see, and that of the files, where it is another by now: the next start takes it. */
const certificate = async ({ home, config, serving }: House): Promise<Finding[]> => {
  const what = 'certificate for mail clients'
  const options = certificateOf(home, config)
  const pair = await openTls(options).catch((error: Error) => error)
  if (pair instanceof Error) return [{ what, state: 'wrong', side: 'ours', detail: pair.message }]
  const { certificate } = pair.current()
  const seen = serving?.certificate() ?? certificate
  const unknown = options.hosts.filter((host) => !isFor(certificate, host))
  return [
    lifeOf(what, seen),
    ...(seen === certificate ? [] : [lifeOf(`${what} from the next start`, certificate)]),
    ...unknown.map((host): Finding => ({ what, state: 'note', side: 'ours', ...notFor(host) })),
  ]
}

const lifeOf = (what: string, certificate: string): Finding => {
  const { days, told, isLittle } = lifeLeft(certificate, 14)
  if (isLittle) return { what, state: 'wrong', side: 'ours', detail: `it ${told}`, fix: 'renew it' }
  const { fingerprint256 } = new X509Certificate(certificate)
  return { what, state: 'ok', detail: `valid for ${days} days, SHA-256 ${fingerprint256}` }
}

const notFor = (host: string) => ({
  detail: `mail clients are told to connect to ${host}, and it is not for that name`,
  fix: 'take one that is, or let [setup] name the servers by a name that it is for',
})

const namesOf = ({ addresses, config }: House): string[] => {
  const hosts = [...addresses().map((at) => readHostPort(at)?.host ?? ''), config.dns?.name ?? '']
  return [...new Set(hosts)].filter((host) => host !== '' && isIP(host) === 0)
}

/** Where our own name points, compared with where neighbours see us. */
const name = async ({ serving }: House, host: string): Promise<Finding[]> => {
  const what = `name ${host}`
  const found = await lookup(host, { all: true }).catch((error: NodeJS.ErrnoException) => error.code ?? 'unknown')
  if (typeof found === 'string')
    return [
      {
        what,
        state: 'wrong',
        side: 'ours',
        detail: `it is not found in the DNS (${found}): neighbours can not dial it`,
        fix: 'enter it at your name server, keep it there with [dns], or correct link.announce',
      },
    ]
  const addresses = found.map(({ address }) => ipCanonical(address) ?? address)
  const seen = Object.values(serving?.reach.own() ?? {}).filter((one) => one !== undefined)
  const isElsewhere = seen.length > 0 && !seen.some((one) => addresses.includes(one))
  if (!isElsewhere) return [{ what, state: 'ok', detail: `points to ${addresses.join(', ')}` }]
  const detail = `it points to ${addresses.join(', ')}, but neighbours see this gateway come from ${seen.join(', ')}`
  return [{ what, state: 'note', side: 'ours', detail, fix: 'if the address has changed, let [dns] keep the name' }]
}

const disk = async ({ home }: House): Promise<Finding[]> => {
  const { mib, isLittle } = await roomAt(home)
  const detail = `${mib} MiB free at ${home}`
  if (!isLittle) return [{ what: 'disk', state: 'ok', detail }]
  return [{ what: 'disk', state: 'wrong', side: 'ours', detail, fix: 'make room: mail is refused when it is full' }]
}

/** From both ends: neighbours dial back, and those that are not connected are dialled from here. */
const links = async ({ web, addresses, config }: House, { reach }: Serving, progress: Progress): Promise<Finding[]> => {
  const all = web.links().filter(isSettled)
  const [up, down] = [all.filter((link) => link.up), all.filter((link) => !link.up)]
  progress({
    step: `asking neighbours to dial back (${Math.min(ASKED, up.length)}), dialling those that are not connected (${down.length})`,
  })
  const [back, probed, directories] = await Promise.all([
    Promise.all(up.slice(0, ASKED).map(async ({ agent, name }) => ({ name, found: await reach.dialBack(agent) }))),
    Promise.all(down.map(async (link) => ({ link, probes: await reach.probe(link.agent) }))),
    reach.testDirectories(),
  ])
  const heard = back.flatMap(({ name, found }) => (found ? [{ name, ...found }] : []))
  const outside = fromOutside({ isMeant: config.link.announce.length > 0, announced: addresses() }, heard)
  const here = {
    isOnline: up.length > 0,
    isReached: outside.some(({ state }) => state === 'ok'),
  }
  const heardOf = ({ agent }: Link): number | undefined => {
    const reach = web.reach(agent)
    return reach !== undefined && reach.record !== reach.pass ? reach.seq : undefined
  }
  return [
    ...outside,
    ...directories,
    ourClock(heard.map(({ name, offsetMs }) => ({ name, ms: offsetMs }))),
    ...up.map(({ name }): Finding => ({ what: `neighbour ${name}`, state: 'ok', detail: 'connected' })),
    ...web.links().filter(isFrozen).map(frozen),
    ...probed.map(({ link, probes }) => {
      const at = heardOf(link)
      return notConnected({ name: link.name, probes, ...(at !== undefined && { heardOf: at }) }, here, Date.now())
    }),
  ]
}

/** Whatever answers at its address makes no link before a person has seen to it. */
const frozen = (link: Link): Finding => ({
  what: `neighbour ${link.name}`,
  state: 'wrong',
  detail: `the link is frozen: ${frozenBy(link.frozen)}`,
  fix: 'vouchsafe link alerts',
})
