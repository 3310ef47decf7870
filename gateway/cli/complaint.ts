/** `vouchsafe complaint`: what people here said about mail, and what others said about theirs. */
import type { Command } from 'commander'
import { grievances } from '../../src/complaint/verdict.ts'
import { act, noun, perform, type ResultOf, verb } from './context.ts'
import { oneOf } from './given.ts'
import { clock, facts, table } from './layout.ts'

export const complaintCommands = (root: Command): void =>
  noun(root, 'complaint', 'complaints', [list, show, raise, withdraw])

type All = ResultOf<'complaint.list'>
type Made = All['made'][number]

const list = (complaint: Command): void =>
  act(verb(complaint, 'list', 'complaints: made here, about mail from here, and handed on'), async (context) => {
    const all = await perform(context, 'complaint.list', {})
    return { result: all, text: describe(all) || 'No complaints.' }
  })

const describe = ({ made, received }: All): string =>
  [
    ...(made.length === 0 ? [] : ['Made here:', madeTable(made)]),
    ...(received.length === 0 ? [] : ['Received from others:', receivedTable(received)]),
  ].join('\n')

const madeTable = (made: Made[]): string =>
  table(
    ['when', 'by', 'about mail of', 'reason', 'paid by', 'envelope', 'stands'],
    made.map((one) => [clock(one.at), one.by, one.of, one.reason, one.costs?.name ?? '-', one.envelope, standsOf(one)]),
  )

const receivedTable = (received: All['received']): string =>
  table(
    ['when', 'about mail of', 'reason', 'envelope', 'we paid', 'paid us', 'stands', 'message'],
    received.map((one) => [
      clock(one.at),
      one.about ?? '(handed on)',
      one.reason,
      one.envelope,
      one.paid?.name ?? '-',
      one.charged?.name ?? '-',
      one.withdrawnAt === null ? 'counts' : 'taken back',
      one.messageId ?? '-',
    ]),
  )

const stands: Record<Made['stage'], string> = {
  pending: 'in its grace',
  made: 'sent',
  undoing: 'being taken back',
  undone: 'taken back',
  distrusting: 'trust is being taken back instead',
  distrusted: 'trust was taken back instead: no complaint',
  refused: 'refused',
}

/** Without a grace it is due at once, and done as soon as the gateway runs. */
export const standsOf = ({ stage, dueAt, code }: Pick<Made, 'stage' | 'dueAt' | 'code'>): string =>
  dueAt !== null && dueAt <= Date.now()
    ? 'about to be sent'
    : [stands[stage], dueAt === null ? '' : `, sent at ${clock(dueAt)}`, code === null ? '' : `: ${code}`].join('')

const show = (complaint: Command): void =>
  act(
    verb(complaint, 'show', 'one complaint: by whom, what for, and whom it costs').argument(
      '<envelope>',
      'its envelope id, as `complaint list` shows it',
    ),
    async (context, [envelope = '']) => {
      const { made, received } = await perform(context, 'complaint.show', { envelope })
      const texts = [...made.map(detail), ...(received.length === 0 ? [] : [receivedTable(received)])]
      const mine = made.find(({ stage }) => stage === 'made' || stage === 'pending')
      return {
        result: { made, received },
        text: texts.join('\n\n'),
        ...(mine && { next: [`to take it back: vouchsafe complaint withdraw ${envelope} --as ${mine.by}`] }),
      }
    },
  )

const detail = (one: Made): string =>
  facts({
    envelope: one.envelope,
    'complaint of': one.by,
    'about mail of': one.of,
    reason: one.reason,
    stands: standsOf(one),
    since: clock(one.at),
    delivered: clock(one.delivered),
    'paid by':
      one.costs === null
        ? 'nobody: it never left this gateway'
        : `${one.costs.name}, which is paid back by whoever handed it the message`,
    'came by': one.path.map(({ name }) => name).join(' > '),
  })

const of = (command: Command): Command =>
  command
    .argument('<message>', 'envelope id (in the line Vouchsafe-Path above the message) or Message-ID')
    .option('--as <address>', 'the account that received it, if several did')

const raise = (complaint: Command): void => {
  const command = of(
    verb(complaint, 'raise', 'complain about a message, where a mail program has no Junk folder'),
  ).option('--reason <reason>', 'abuse, fraud, virus or other', oneOf(grievances), 'abuse')
  act<{ as?: string; reason: string }>(command, async (context, [message = ''], { as, reason }) => {
    const made = await perform(context, 'complaint.raise', { message, reason, as })
    return {
      result: made,
      text: detail(made),
      next: [`vouchsafe complaint show ${made.envelope} shows what became of it`],
    }
  })
}

const withdraw = (complaint: Command): void => {
  const command = of(verb(complaint, 'withdraw', 'take a complaint back'))
  act<{ as?: string }>(command, async (context, [message = ''], { as }) => {
    const undone = await perform(context, 'complaint.withdraw', { message, as })
    return { result: undone, text: detail(undone) }
  })
}
