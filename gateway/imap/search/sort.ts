/**
 * Messages in the order a client asks for. RFC 5256 §3, RFC 5957.
 */
import { at, countTo, orderedBy, PAUSE_STEPS } from '../../../src/mail/ranks.ts'
import type { Edge } from '../edge.ts'
import { inSlices } from '../slices.ts'
import { type Numbered, uidsOf } from '../view/shown.ts'
import { fail, type Words } from '../wire/words.ts'
import { type Criterion, isCriterion } from './order-column.ts'
import type { Ordering, Whole } from './order-keys.ts'
import type { Place } from './search.ts'

export type Order = { by: Criterion; isReverse: boolean }

/** More of them order nothing that was not in order before. */
const CRITERIA_MAX = 20

/** `(REVERSE DATE SUBJECT)`: REVERSE is for the one that follows it. */
export const parseOrder = (words: Words): Order[] => {
  const order = words.list(() => {
    let name = words.keyword().toLowerCase()
    const isReverse = name === 'reverse'
    if (isReverse) {
      words.space()
      name = words.keyword().toLowerCase()
    }
    return isCriterion(name) ? { by: name, isReverse } : fail('there is no such sort criterion')
  })
  if (order.length === 0 || order.length > CRITERIA_MAX) fail('one sort criterion was expected, or some')
  return order
}

/** Messages that are equal in everything stay in the order of the mailbox. @param found ascending */
export const sorted = async (
  { orderKeys }: Edge,
  { mailbox, view }: Place,
  found: readonly Numbered[],
  order: readonly Order[],
): Promise<Numbered[]> => {
  return inSlices(inOrder(found, await orderKeys.of(mailbox.id, view, found, namesOf(order)), order))
}

/** These messages put where they belong among those that are sorted already, and are here. */
export const inserted = async (
  edge: Edge,
  place: Place,
  uids: readonly number[],
  messages: readonly Numbered[],
  order: readonly Order[],
): Promise<number[]> => {
  const { mailbox, view } = place
  const whole = await edge.orderKeys.whole(mailbox.id, view, namesOf(order))
  const few = uidsOf(await sorted(edge, place, messages, order))
  return inSlices(merged(uids, few, comparing(whole, order)))
}

const namesOf = (order: readonly Order[]): Criterion[] => [...new Set(order.map(({ by }) => by))]

type Compare = (uid: number, other: number) => number

const comparing =
  ({ slotOf, columns }: Whole<Criterion>, order: readonly Order[]): Compare =>
  (uid, other) => {
    const [slot, others] = [slotOf(uid), slotOf(other)]
    for (const { by, isReverse } of order) {
      const { ranks } = columns[by]
      const more = at(ranks, slot) - at(ranks, others)
      if (more !== 0) return isReverse ? -more : more
    }
    return uid - other
  }

/** Both in order; the places of the few are looked for among the many. */
function* merged(uids: readonly number[], few: readonly number[], compare: Compare): Generator<void, number[]> {
  const all: number[] = []
  let next = 0
  for (const uid of few) {
    let [low, high] = [next, uids.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compare(uid, uids[middle] ?? 0) < 0) high = middle
      else low = middle + 1
    }
    for (; next < low; next++) all.push(uids[next] ?? 0)
    all.push(uid)
    yield
  }
  for (; next < uids.length; next++) all.push(uids[next] ?? 0)
  return all
}

function* inOrder(
  found: readonly Numbered[],
  { slots, columns }: Ordering<Criterion>,
  order: readonly Order[],
): Generator<void, Numbered[]> {
  let places = countTo(found.length)
  for (const { by, isReverse } of order.toReversed()) {
    places = orderedBy(places, slots, columns[by], isReverse)
    yield
  }
  const ordered: Numbered[] = []
  for (let at = 0; at < places.length; at += PAUSE_STEPS) {
    pick(found, places.subarray(at, at + PAUSE_STEPS), ordered)
    yield
  }
  return ordered
}

/** On its own, for in a generator it would take ten times as long. */
const pick = (found: readonly Numbered[], places: Uint32Array, ordered: Numbered[]): void => {
  for (const place of places) {
    const each = found[place]
    if (each) ordered.push(each)
  }
}
