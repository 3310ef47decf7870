/**
 * An envelope arrives over a link: ours to deliver, or ours to hand on. Its chain of stamps has
 * been checked; one for an entity here has been opened and its sender's signature verified.
 */
import { type Answer, nothing, refuse, type Step } from '../effect.ts'
import { type Envelope, keyOf } from '../envelope/envelope.ts'
import { type Paired, paired } from '../link/pair.ts'
import { isActive, whyNot } from '../link/standing.ts'
import { type Item, owe } from '../report/owed.ts'
import { isFinalEvent } from '../report/report.ts'
import { leadsTo, ROUTE_LIFE_MS, renew, waysTo } from '../route/cache.ts'
import { choose } from '../route/choose.ts'
import { complain } from '../route/failed.ts'
import { conflict, weigh } from '../route/known.ts'
import type { Known } from '../route/search.ts'
import type { Change, Delivery, Local, State } from '../state.ts'
import { folderFor, isTrusted } from '../trust/contact.ts'
import { welcomed } from '../trust/household.ts'
import type { PairRecord } from '../wire/pair.ts'
import { tellClaim } from './claimed.ts'
import { type Custody, forgetAt, ROW_BYTES } from './custody.ts'
import { forwarded } from './finish.ts'
import { advance } from './handing.ts'
import { deliveredAs, lodge } from './lodge.ts'
import { logged } from './log.ts'
import { costOf, JUDGING_MS, takenOnCredit } from './meter.ts'

export type Arrival = {
  from: string
  envelope: Envelope
  stamps: string[]
  /** Agents that have had it, origin first, `from` last. */
  path: string[]
  advice: string[]
  body: number
  /** Who signed what was inside, when it is for an entity here. `body` is then the opened message. */
  opened?: {
    from: string
    address: string
    messageId: string
    /** What we give senders at this origin whom this recipient knows. */
    permit?: string
    /** False where From names somebody else than who signed: such a letter waits in Requests. */
    isAuthor?: boolean
    card?: { known: Known; text: string }
    /** It is no letter to a person: the other agent's word that it wants a direct link. */
    pair?: Pick<PairRecord, 'name' | 'addresses' | 'answer'>
  }
}

export const arrived = (state: State, arrival: Arrival, now: number): Step => {
  const { envelope, from, stamps } = arrival
  const key = keyOf(envelope.origin, envelope.id)
  const accepted: Answer = { say: 'accepted', at: now }
  const was = state.custody.get(key)
  if (was !== undefined) return repeated(was, from, accepted)

  const link = state.links.get(from)
  if (!isActive(link)) return refuse(whyNot(link), 'this gateway takes no mail over this link at present')
  const row: Custody = {
    key,
    id: envelope.id,
    origin: envelope.origin,
    role: 'relay',
    state: 'waiting',
    to: envelope.to,
    body: arrival.body,
    envelope: envelope.jws,
    hash: envelope.hash,
    stamps,
    path: [...arrival.path, state.me],
    from,
    advice: arrival.advice,
    onward: [],
    avoid: [],
    tried: [],
    size: envelope.size,
    priority: envelope.priority,
    created: envelope.created,
    expires: envelope.expires,
    ...(now + state.terms.heldMs < envelope.expires && { keepUntil: now + state.terms.heldMs }),
    acceptedAt: now,
    retryAt: null,
    attempts: 0,
    awaits: null,
    delayAt: null,
    ...(envelope.permit && { permit: envelope.permit }),
    trail: [],
  }
  const local = state.locals.get(envelope.to)
  if (local !== undefined) return { answer: accepted, ...deliver(state, row, arrival, local, now) }
  return relay(state, row, from, accepted, now)
}

/** Custody is a promise: whoever has no way onward, or no credit for it, says so while the sender can still go round. */
const relay = (state: State, row: Custody, from: string, accepted: Answer, now: number): Step => {
  const wish = { entity: row.to ?? '', path: row.path, avoid: [], advice: row.advice }
  const failure = complain(state, row)
  const way = choose(state, wish, now)
  if (way === undefined)
    return state.removed.has(wish.entity)
      ? refuse('mailbox-missing', 'the recipient has left this gateway')
      : { ...refuse('no-route', 'this gateway knows no way to the recipient'), effects: failure }
  if (isTooMuch(state, way.next, row.size))
    return refuse('custody-full', 'as much mail as we keep waits for that neighbour already')
  if (bringsTooMuch(state, from, row.size))
    return refuse('custody-full', 'as much mail as we keep for you is under way here already')
  const paid = row.permit === undefined ? onCredit(state, row, from, row.origin, now) : { row, changes: [] }
  if (paid === undefined || choose(state, { ...wish, isMetered: row.permit === undefined }, now) === undefined)
    return noCredit
  const onward = advance(state, paid.row, now)
  return {
    changes: [...paid.changes, ...onward.changes],
    effects: [logged('accepted', row, { from }), ...failure, ...onward.effects],
    answer: accepted,
  }
}

/** The row as one that `from` pays for, or nothing if it can't. */
const onCredit = (state: State, row: Custody, from: string, sender: string, now: number) => {
  const weight = costOf(state, from, 'theirs', now)
  return weight === 0 ? undefined : takenOnCredit(state, row, { from, weight, sender }, now)
}

/** Only what waits for a neighbour that is away is counted: the rest is gone in a moment, as a rule. */
const isTooMuch = (state: State, next: string, size: number): boolean =>
  state.links.get(next)?.up !== true && (state.held.get(next) ?? 0) + size > state.terms.heldBytes

/** So many times what waits for one that is away: a neighbour may bring for many of them. */
const BROUGHT_TIMES = 32

/** A payload lies here until its end is reported, and who never reports may be a friend of whoever brings more. One alone goes always. */
const bringsTooMuch = (state: State, from: string, size: number): boolean => {
  const brought = state.brought.get(from) ?? 0
  return brought > 0 && brought + size + ROW_BYTES > BROUGHT_TIMES * state.terms.heldBytes
}

const deliver = (state: State, row: Custody, arrival: Arrival, local: Local, now: number): Step => {
  const { opened } = arrival
  // Its account was made while the envelope came in: the next try finds it, and opens it.
  if (opened === undefined) return refuse('entity-unknown', 'the recipient has only just moved here')
  const isKnown = isTrusted(state, local.entity, opened.from)
  if (row.permit !== undefined && !isKnown)
    return refuse('permit-ended', 'the recipient does not know this sender, or no longer')
  const guests = welcomed(state, { agent: arrival.envelope.origin, entity: opened.from, isKnown }, now)
  if (guests === undefined)
    return refuse('strangers-full', 'too many people of this sender’s gateway wrote whom nobody here knows')
  const paid = isKnown ? { row, changes: [] } : onCredit(state, row, arrival.from, opened.from, now)
  if (paid === undefined) return noCredit
  const pair = opened.pair && paired(state, pairedOf(arrival, opened.pair, opened), now)
  if (pair?.answer) return pair
  const outcome = { event: 'delivered', by: state.me, at: now } as const
  const done: Custody = {
    ...paid.row,
    role: 'destination',
    state: 'done',
    body: null,
    stamps: [],
    messageId: opened.messageId,
    sender: opened.from,
    ...(!isKnown && { judgeBy: now + JUDGING_MS }),
    ...(isKnown && opened.permit && { permit: opened.permit }),
    outcome,
  }
  const folder = opened.isAuthor === false ? 'Requests' : folderFor(state, local.entity, opened.from)
  const provenance = { key: row.key, from: opened.from, address: opened.address, path: row.path, at: now }
  // A stranger's word about an address is not taken before anybody here trusts them: a search would have to confirm it.
  const sender: Step = folder === 'INBOX' ? meet(state, arrival, now) : nothing
  const claim = tellClaim(state, local, opened, now)
  const place = { account: local.account, folder, body: arrival.body, provenance } as const
  const kept =
    state.lodging === 'lmtp' && !pair
      ? lodge(asUnderway(done, arrival.body, { to: local.address, from: opened.address }), now)
      : keep(done, arrival.from, local.address, pair ? undefined : place)
  return {
    changes: [
      ...(pair?.changes ?? []),
      ...kept.changes,
      ...guests,
      ...paid.changes,
      ...sender.changes,
      ...claim.changes,
    ],
    effects: [...kept.effects, ...(pair?.effects ?? []), ...sender.effects, ...claim.effects],
  }
}

/** Into the folder, and that is all: the report is owed in the same transaction. */
const keep = (done: Custody, from: string, recipient: string, place: Delivery | undefined): Step => ({
  changes: [
    ...(place ? [{ deliver: place }] : []),
    { put: 'custody', row: done },
    { put: 'owed', row: owe(undefined, from, done.key, [deliveredAs(done)], forgetAt(done)) },
  ],
  effects: [
    logged('delivered', done, { from, recipient, detail: place?.folder ?? 'a PAIR record' }),
    { do: 'settle', to: from },
  ],
})

/** The same while the server that keeps the recipient's mail has still to take it. */
const asUnderway = ({ outcome, ...done }: Custody, body: number, to: NonNullable<Custody['lodge']>): Custody => ({
  ...done,
  state: 'handing',
  body,
  lodge: to,
})

const pairedOf = (
  { envelope }: Arrival,
  { name, addresses, answer }: Pick<PairRecord, 'name' | 'addresses' | 'answer'>,
  { from, address }: { from: string; address: string },
): Paired => ({ agent: envelope.origin, from, address, to: envelope.to, name, addresses, answer })

/** The card that came in the letter, and the way it came: so an answer needs no search. */
const meet = (state: State, { opened, envelope, path }: Arrival, now: number): Step => {
  if (opened?.card === undefined) return nothing
  const { known, text } = opened.card
  if (known.expires <= now || known.agent !== envelope.origin) return nothing
  const worth = weigh(state, known)
  if (worth === 'conflict') return { changes: [], effects: [conflict(state, known)] }
  if (worth === 'outdated') return nothing
  const isKept = waysTo(state, known.entity).some((route) => route.expires > now && leadsTo(route, known.agent))
  const back = { entity: known.entity, hops: [state.me, ...[...path].reverse()], expires: now + ROUTE_LIFE_MS }
  const changes: Change[] = [
    ...(worth === 'news' ? [{ put: 'known', row: known, card: text } as const] : []),
    ...(isKept ? [] : renew(state, back, now)),
  ]
  return { changes, effects: [] }
}

/**
 * A second copy. Over the same link it is a lost receipt, which is given again, and what that
 * neighbour was told before is told again: who asks anew may have lost it. Over another link it went
 * round, because somebody before us heard nothing of the first: that neighbour gets its receipt, too,
 * and hears what the first one hears, or it would take our silence for a loss in its turn. Not so one
 * that we have handed it to: each would wait for the other.
 */
const repeated = (was: Custody, from: string, accepted: Answer): Step => {
  const { outcome } = was
  if (outcome && outcome.event !== 'delivered')
    return refuse(outcome.code ?? 'expired', 'this gateway had it before, and it ended so')
  if (was.role === 'origin') return refuse('path-loops', 'this gateway sent it')
  if (was.role === 'relay' && was.tried.some((one) => one.by === from && !one.saidNo))
    return refuse('path-loops', 'this gateway has handed it to you')
  const log = logged('repeated', was, { from })
  const items = retold(was)
  // Whoever brings a copy later is told what is reported, and at the destination also that it was wanted.
  const isTold = was.role === 'destination' || was.state !== 'done'
  const isNew = isTold && was.from !== from && !was.also?.includes(from)
  const row: Change[] = isNew ? [{ put: 'custody', row: { ...was, also: [...(was.also ?? []), from] } }] : []
  if (items.length === 0) return { changes: row, effects: [log], answer: accepted }
  return {
    changes: [...row, { put: 'owed', row: owe(undefined, from, was.key, items, forgetAt(was)) }],
    effects: [log, { do: 'settle', to: from }],
    answer: accepted,
  }
}

/** All that was ever reported of it upstream, in the same order and words. */
const retold = (row: Custody): Item[] => {
  const { key, role, trail, outcome } = row
  if (role === 'destination') return outcome ? [deliveredAs(row)] : []
  return trail
    .filter(({ event }) => event === 'delivered' || !isFinalEvent(event)) // a way that failed was not the end
    .map(({ event, by, at, jws }) => (event === 'accepted' ? forwarded(key, by, at, jws) : { jws }))
}

const noCredit = refuse('no-credit', 'too much over this link is not judged yet, or was unwanted')
