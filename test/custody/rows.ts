/**
 * A small world for claims about custody: we are `me`, linked to `r` and `s`, both connected; the
 * recipient `bob` is represented by `b`, further on over `r`. Times are epoch ms.
 */
import type { Arrival } from '../../src/custody/arrival.ts'
import { type Custody, unsent } from '../../src/custody/custody.ts'
import type { Submission } from '../../src/custody/submission.ts'
import type { Step } from '../../src/effect.ts'
import type { Report } from '../../src/report/report.ts'
import { routeOf } from '../../src/route/cache.ts'
import { admitLocal, type Change, emptyState, type Link, type State } from '../../src/state.ts'

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const now = 1_700_000_000_000

/** Ids as the web spells them. */
const id = (letter: string): string => `${letter.repeat(51)}a`
export const me = id('m')
export const r = id('r')
export const s = id('s')
export const b = id('b')
export const stranger = id('x')
export const bob = id('e')
export const ann = id('n')
export const envelopeId = '0123456789abcdef'.repeat(2)
export const key = `${me}/${envelopeId}`

export const link = (agent: string, more: Partial<Link> = {}): Link => ({
  agent,
  name: `${agent[0]}.test`,
  addresses: [],
  state: 'active',
  since: now,
  up: true,
  ...more,
})

export const row = (more: Partial<Custody> = {}): Custody => ({
  ...unsent(me, {
    id: envelopeId,
    to: bob,
    submission: 'letter 1',
    sender: ann,
    address: 'bob@b.test',
    messageId: '<1@me.test>',
    body: 7,
    size: 100,
    created: now,
    expires: now + 12 * HOUR,
    retryAt: null,
    delayAt: null,
  }),
  state: 'waiting',
  envelope: 'envelope',
  hash: 'f'.repeat(64),
  ...more,
})

/** The same at a relay, between `s` and whoever is next. */
export const relayed = (more: Partial<Custody> = {}): Custody => {
  const { submission, sender, address, messageId, ...rest } = row({ role: 'relay', origin: s, from: s, path: [s, me] })
  return { ...rest, key: `${s}/${envelopeId}`, acceptedAt: now, ...more }
}

export const submission = (more: Partial<Submission> = {}): Submission => ({
  id: 'letter 1',
  account: 1,
  entity: ann,
  from: 'ann@me.test',
  messageId: '<1@me.test>',
  subject: 'hello',
  header: Buffer.from('Subject: hello\r\n\r\n').toString('base64'),
  ret: 'HDRS',
  body: 7,
  size: 100,
  at: now,
  recipients: [{ address: 'bob@b.test', notify: [], envelope: envelopeId, stage: 'Queued' }],
  clearAt: null,
  ...more,
})

export const world = (...rows: Custody[]): State => {
  const state = emptyState(me, 'me.test')
  admitLocal(state, { entity: ann, account: 1, address: 'ann@me.test' })
  for (const one of [link(r), link(s)]) state.links.set(one.agent, one)
  state.known.set(bob, { entity: bob, address: 'bob@b.test', agent: b, expires: now + 1000 * HOUR })
  state.knownAt.set('bob@b.test', bob)
  state.routes.set(bob, [routeOf({ entity: bob, hops: [me, r, b], expires: now + 24 * HOUR })])
  state.submissions.set('letter 1', submission())
  for (const one of rows) state.custody.set(one.key, one)
  return state
}

export const report = (by: string, event: Report['event'], more: Partial<Report> = {}): Report => ({
  id: envelopeId,
  origin: me,
  event,
  at: now,
  by,
  jws: `${event} by ${by}`,
  ...more,
})

export const permit = '00112233445566778899aabbccddeeff'

/** An envelope of `s`, handed to us by `s`. */
export const arrival = (to: string, more: Partial<Arrival> = {}): Arrival => ({
  from: s,
  envelope: {
    id: envelopeId,
    to,
    hash: 'f'.repeat(64),
    size: 100,
    priority: 'interactive',
    created: now,
    expires: now + HOUR,
    origin: s,
    jws: 'envelope',
  },
  stamps: ['stamp'],
  path: [s],
  advice: [],
  body: 3,
  ...more,
})

/** What we see in it when it is for somebody here. */
export const opened: NonNullable<Arrival['opened']> = {
  from: bob,
  address: 'bob@b.test',
  messageId: '<2@b.test>',
  permit,
}

/** The row as a step leaves it. */
export const left = (step: Step): Custody | undefined => {
  const put = step.changes.findLast((change) => 'put' in change && change.put === 'custody')
  return put && 'put' in put && put.put === 'custody' ? put.row : undefined
}

/** What the one who raised the event is told. */
export const said = ({ answer }: Step): string => (answer?.say === 'refused' ? answer.code : (answer?.say ?? 'nothing'))

/** What is owed after a step, as `event by whom` or the signed text. */
export const owes = (step: Step): string[] =>
  step.changes.flatMap((change) =>
    'put' in change && change.put === 'owed'
      ? change.row.items.map((item) => ('jws' in item ? item.jws : `own ${item.own.event}`))
      : [],
  )

/** Notices and messages put into folders here. */
export const delivered = (step: Step): Extract<Change, { deliver: unknown }>['deliver'][] =>
  step.changes.flatMap((change) => ('deliver' in change ? [change.deliver] : []))

/** What the effects are, without their words: `hand r`, `search`, … Log lines are left out. */
export const asks = (step: Step): string[] =>
  step.effects.flatMap((effect) => {
    if (effect.do === 'log') return []
    return 'to' in effect && effect.to ? [`${effect.do} ${effect.to[0]}`] : [effect.do]
  })

/** What neighbours are owed after it: the kind of each message, or reports. */
export const kindsOwed = (made: Step): string[] =>
  made.changes.flatMap((change) =>
    'put' in change && change.put === 'owed' ? [change.row.message?.t ?? 'reports'] : [],
  )
