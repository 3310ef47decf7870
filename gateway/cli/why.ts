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
      return { result: why, text: describeWhy(why), next: nextOf(why) }
    },
  )

export const overruleCommand = (link: Command): void =>
  act(
    verb(link, 'overrule', 'take back a suspension: the link is as it was, and what led to it counts no more').argument(
      '<neighbour>',
    ),
    async (context, [neighbour = '']) => {
      const one = await perform(context, 'link.overrule', { neighbour })
      return { result: one, text: `${one.name} is ${one.state} again.` }
    },
  )

export const describeWhy = (why: Why): string =>
  [
    facts({
      neighbour: why.name,
      state: `${why.state} since ${clock(why.since)}`,
      frozen: frozenOf(why),
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
    ...why.decisions.map((one) => `\n${decided(why, one)}`),
    ...(why.accused === null ? [] : [`\n${accused(why, why.accused)}`]),
    ...(why.complaints.length === 0 ? [] : ['', complaintTable(why)]),
  ].join('\n')

type Decision = Why['decisions'][number]

const decided = ({ name }: Why, one: Decision): string =>
  facts({
    suspended: `${clock(one.at)}, until ${clock(one.until)}, by the rule ${one.rule}`,
    because: ruleOf(name, one),
    messages: one.envelopes.join(' ') || undefined,
    ended: one.ended === undefined ? 'not yet' : `${clock(one.ended.at)}: ${endings[one.ended.how](name)}`,
  })

const ruleOf = (name: string, one: Decision): string => {
  switch (one.rule) {
    case 'R1':
      return `for eighteen days ${name} owed ${one.load.toFixed(2)} of its limit of ${one.limit} on average (${one.loads.map((load) => load.toFixed(2)).join(', ')}); more than 0.60 is too much`
    case 'R2':
      return `${plural(one.complaints, 'complaint')} from ${plural(one.sources, 'source')} about ${plural(one.messages, 'message')}: more than ${Math.floor(one.rate * 100)} % are unwanted for sure, and 10 % is too much`
    case 'statements':
      return 'its signed number of what is owed has differed from ours for more than a day'
  }
}

const endings: Record<NonNullable<Decision['ended']>['how'], (name: string) => string> = {
  punished: (name) => `${name} cut whoever it had the messages from, and is on probation`,
  overruled: () => 'you overruled it',
  agreed: () => 'the numbers agree again',
  expired: (name) => `${name} cut nobody in time, and is no neighbour any more`,
}

const accused = ({ name }: Why, one: NonNullable<Why['accused']>): string =>
  facts({
    'suspended us': `${name}, ${clock(one.at)}, until ${clock(one.until)}, by the rule ${one.rule}: ${plural(one.complaints, 'complaint')} about ${plural(one.messages, 'message')}`,
    messages: one.envelopes.join(' ') || undefined,
    answered:
      one.answeredAt === undefined ? 'not yet: cut whoever it came from, or let a rule do it' : clock(one.answeredAt),
  })

const frozenOf = ({ frozen }: Why): string | undefined => {
  if (!frozen) return undefined
  const why = frozen.why === 'diverged' ? 'its secret is not the one we know' : 'clocks were wrong too often'
  return `${clock(frozen.since)}, for ${why}: vouchsafe link alerts`
}

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

const nextOf = ({ agent, state, theirs, complaints }: Why): string[] => [
  ...(state === 'suspended' ? [`to overrule it: vouchsafe link overrule ${agent.slice(0, 8)}`] : []),
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
