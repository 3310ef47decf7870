/** `vouchsafe link`: invitations, as code, link and QR picture. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { act, type Context, perform, type ResultOf, UsageError, verb } from './context.ts'
import { hostPortsOf } from './given.ts'
import { clock, facts, table } from './layout.ts'
import { describe } from './neighbour.ts'
import { refuseUnwritable, writeNew } from './out.ts'
import { qrAsPng, qrOnTerminal } from './qr.ts'

type Invite = { hours: number; address?: string[]; for?: string; qr?: boolean; qrFile?: string; wait?: true }

export const invite = (link: Command): void => {
  const command = verb(link, 'invite', 'make an invitation: a code that one neighbour can use once')
    .option('--hours <number>', 'how long it can be used', hoursOf, 72)
    .option(
      '--address <host:port...>',
      'where the neighbour shall dial (default: link.announce of the configuration)',
      hostPortsOf,
    )
    .option('--for <name>', 'whom it is for: a note of your own, shown by `link invitations`')
    .option('--qr', 'show it as a QR picture, too (on a terminal: always)')
    .option('--no-qr', 'no QR picture')
    .option('--qr-file <file>', 'write the QR picture, as PNG, to a file (mode 0600) that is not there yet')
    .option('--wait', 'stay until it has been used, and show by whom')
  act<Invite>(command, async (context, _args, { hours, address, for: guest, qr, qrFile, wait }) => {
    if (wait && (await perform(context, 'status', {})).upMs === null)
      throw new UsageError('Only a running gateway can be dialled: `vouchsafe serve` first, or leave --wait out.')
    if (qrFile !== undefined) await refuseUnwritable(qrFile) // or an invitation stands whose code nobody has seen
    const made = await perform(context, 'link.invite', { hours, addresses: address, guest })
    if (qrFile !== undefined) await writeNew(qrFile, qrAsPng(made.link)) // whoever reads it can use it
    const told = {
      text: [
        made.code,
        '',
        facts({ link: made.link, id: made.id, expires: clock(made.expires), dials: made.addresses.join(', ') }),
        '',
        facts({ words: made.words }),
      ].join('\n'),
      ...((qr ?? process.stdout.isTTY) && { picture: qrOnTerminal(made.link) }),
    }
    if (wait) {
      context.say(context.json ? made.code : `${told.picture ?? ''}\n${told.text}\n\nWaiting for the neighbour …`)
      const by = await untilUsed(context, made.id)
      return { result: { ...made, by }, text: `${by.name} has accepted.\n\n${describe(by)}`, next: [COMPARE] }
    }
    return {
      result: made,
      ...told,
      next: [
        'give code, link or picture to your neighbour, by mail or on paper; whoever has it can use it once',
        'the neighbour runs there: vouchsafe link accept CODE',
        `then: vouchsafe link invitations, and compare the six words; to take it back: vouchsafe link uninvite ${made.id}`,
      ],
    }
  })
}

const COMPARE = 'compare the six words with what the neighbour sees there: vouchsafe status'

/** How often a waiting command looks. */
const LOOK_MS = 500

const untilUsed = async (context: Context, id: string): Promise<ResultOf<'link.show'>> => {
  for (;;) {
    const one = (await perform(context, 'link.invitations', {})).find((invitation) => invitation.id === id)
    if (one?.by) return perform(context, 'link.show', { neighbour: one.by.agent })
    if (one?.state !== 'open') throw new Error('The invitation was taken back, or has expired.')
    await delay(LOOK_MS)
  }
}

export const accept = (link: Command): void => {
  const command = verb(link, 'accept', "accept a neighbour's invitation").argument(
    '<code...>',
    'code or link as it was given, line breaks and all',
  )
  act(command, async (context, words) => {
    const made = await perform(context, 'link.accept', { code: words.join('') })
    return {
      result: made,
      text: `You and ${made.name} are neighbours now.\n\n${describe(made)}`,
      next: [
        'compare the six words with what the neighbour was shown at `link invite`',
        ...(made.up ? [] : ['vouchsafe link list        # after some seconds: whether it is connected']),
      ],
    }
  })
}

export const invitations = (link: Command): void =>
  act(verb(link, 'invitations', 'invitations made here: open, used, expired'), async (context) => {
    const all = await perform(context, 'link.invitations', {})
    if (all.length === 0) return { result: all, text: 'No invitations.', next: ['vouchsafe link invite'] }
    const rows = all.map((one) => [one.id, one.state, clock(one.expires), one.guest ?? '', usedBy(one)])
    return { result: all, text: table(['id', 'state', 'expires', 'for', 'used by'], rows) }
  })

const usedBy = ({ by }: ResultOf<'link.invitations'>[number]): string =>
  by ? `${by.name} (${by.words}), ${clock(by.at)}` : ''

export const uninvite = (link: Command): void =>
  act(
    verb(link, 'uninvite', 'take an invitation back before it is used').argument('<invitation>', 'its id or its code'),
    async (context, [invitation = '']) => {
      const gone = await perform(context, 'link.uninvite', { invitation })
      return { result: gone, text: `The invitation ${gone.id} is taken back: nobody can use it any more.` }
    },
  )

const hoursOf = (value: string): number => {
  const hours = Number(value)
  if (hours > 0 && hours <= 24 * 365) return hours
  throw new InvalidArgumentError('Give a number of hours, at most 8760 (a year).')
}
