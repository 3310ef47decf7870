/** `vouchsafe link why`: the numbers a neighbour stands on, in words. */
import type { Command } from 'commander'
import { act, perform, type ResultOf, verb } from './context.ts'
import { clock, facts, plural, table } from './layout.ts'

type Why = ResultOf<'link.why'>

export const whyCommand = (link: Command): void =>
  act(
    verb(link, 'why', 'why a neighbour stands as it does: numbers, rules, dates, messages').argument('<neighbour>'),
    async (context, [neighbour = '']) => {
      const why = await perform(context, 'link.why', { neighbour })
      return { result: why, text: describe(why), next: nextOf(why) }
    },
  )

const describe = (why: Why): string =>
  [
    facts({
      neighbour: why.name,
      state: `${why.state} since ${clock(why.since)}`,
      limit: `${why.limit} unwanted messages${why.isLimitSet ? ', as you set it' : `, as usual for "${why.state}"`}`,
      owed: owed(why),
    }),
    '',
    table(
      ['mail', 'not judged yet', 'weighs', 'one more weighs', 'to strangers', 'unwanted in 28 days', 'wanted'],
      [
        ['theirs to us', ...cells(why.theirs)],
        ['ours to them', ...cells(why.ours)],
      ],
    ),
    '',
    'A message is taken if what is owed, what is not judged yet and its own weight stay within the limit.',
    'What is owed loses a tenth a day. Mail among people who know each other costs nothing.',
    ...(why.complaints.length === 0 ? [] : ['', complaintTable(why)]),
  ].join('\n')

const owed = ({ name, debt }: Why): string => {
  if (debt === 0) return 'nothing'
  return debt > 0 ? `${name} owes us ${debt.toFixed(2)}` : `we owe ${name} ${(-debt).toFixed(2)}`
}

const cells = (flow: Why['theirs']): string[] => [
  String(flow.pending),
  flow.reserved.toFixed(2),
  flow.weight.toFixed(2),
  flow.isTaken ? 'taken' : 'no credit',
  String(flow.complaints),
  String(flow.wanted),
]

const complaintTable = ({ complaints, name }: Why): string =>
  table(
    ['complaint', 'about mail', 'reason', 'envelope', 'paid by'],
    complaints.map((one) => [
      clock(one.at),
      one.direction === 'theirs' ? `from ${name}` : `over us to ${name}`,
      one.reason,
      one.envelope,
      one.withdrawnAt === null
        ? one.direction === 'theirs'
          ? name
          : 'us'
        : `nobody: taken back ${clock(one.withdrawnAt)}`,
    ]),
  )

const nextOf = ({ agent, theirs, complaints }: Why): string[] => [
  ...(theirs.isTaken
    ? []
    : [
        `nothing to strangers is taken from this neighbour until it heals: ${plural(theirs.complaints, 'complaint')} in 28 days`,
        `to let it cost more: vouchsafe link trust ${agent.slice(0, 8)} --limit …`,
      ]),
  ...(complaints.length === 0
    ? []
    : ['one of them in full: vouchsafe complaint show ENVELOPE, vouchsafe trace ENVELOPE']),
]
