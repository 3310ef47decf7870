/**
 * Messages as conversations: THREAD=REFERENCES and THREAD=ORDEREDSUBJECT. RFC 5256 §3. Pure.
 *
 * By references: every Message-ID that anybody names is a node, its parent the one named before it. A node that no
 * message here has is a *dummy*: at the top it holds several together, below it leaves no trace. Threads left over are
 * gathered by the subject they share. Repeated ids, loops and messages naming themselves are all sent by somebody.
 *
 * A hundred thousand messages are threaded in numbers alone, message `i` being the one in slot `slots[i]`: no texts
 * are compared and no objects made. Generators pause (ranks.ts).
 */
import { type Forest, planted } from './forest.ts'
import type { Links } from './links.ts'
import { at, countTo, orderedBy, PAUSE_STEPS, type Ranks } from './ranks.ts'

/** `slots` ascend, as the messages do. `subject` is the base subject; `sent` and `links` have the same slots. */
export type Conversing = { slots: Uint32Array; sent: Ranks; subject: Ranks; links: Links }

/** Threads are those of one subject; the earliest is answered by all the others. */
export function* threadBySubject({ slots, sent, subject }: Conversing): Generator<void, Forest> {
  const order = byDate(slots, sent)
  yield
  const holder = new Int32Array(slots.length).fill(-1)
  const firsts = new Int32Array(subject.distinct.length).fill(-1)
  for (const message of order) {
    const base = at(subject.ranks, at(slots, message))
    const first = at(firsts, base)
    if (first < 0) firsts[base] = message
    else holder[message] = first
  }
  return planted(order, holder)
}

export function* threadByReferences(messages: Conversing): Generator<void, Forest> {
  const order = byDate(messages.slots, messages.sent)
  yield
  const { above, messageOf, nodeOf } = yield* nodesOf(messages)
  const { holder, dummies } = yield* pruned(above, messageOf, nodeOf)
  yield
  const gathered = gatheredBySubject(messages, order, holder, dummies)
  yield
  return planted(order, holder, gathered)
}

const byDate = (slots: Uint32Array, sent: Ranks): Uint32Array => orderedBy(countTo(slots.length), slots, sent)

/** `above`: the parent of each node, -1 at the top; `messageOf`: which message it is, -1 for none; `nodeOf`: the other way. */
type Nodes = { above: Int32Array; messageOf: Int32Array; nodeOf: Int32Array }

/** All nodes, linked as the messages say. A message whose id is missing or taken has a node of its own. */
function* nodesOf({ slots, links }: Conversing): Generator<void, Nodes> {
  const { own, answered, ends, count } = links
  const above = new Int32Array(count + slots.length).fill(-1)
  const messageOf = new Int32Array(count + slots.length).fill(-1)
  const nodeOf = new Int32Array(slots.length)
  let steps = 0
  for (let message = 0; message < slots.length; message++) {
    const slot = at(slots, message)
    const named = at(own, slot)
    const node = named < 0 || at(messageOf, named) >= 0 ? count + message : named
    messageOf[node] = message
    nodeOf[message] = node
    let parent = -1
    for (let i = at(ends, slot); i < at(ends, slot + 1); i++) {
      const next = at(answered, i)
      if (parent >= 0 && at(above, next) < 0 && mayHold(above, parent, next)) above[next] = parent
      parent = next
      if (++steps % PAUSE_STEPS === 0) yield
    }
    above[node] = -1 // what others said of it counts less than what it says itself, be it that it answers nothing
    if (parent >= 0 && mayHold(above, parent, node)) above[node] = parent
    if (++steps % PAUSE_STEPS === 0) yield
  }
  return { above, messageOf, nodeOf }
}

/** No conversation is so deep, and every link is checked against all above it: what is deeper begins a thread. */
const DEPTH_MAX = 1000

/** Not where it would close a loop. */
const mayHold = (above: Int32Array, parent: number, child: number): boolean => {
  let depth = 0
  for (let node = parent; node >= 0; node = at(above, node)) if (node === child || ++depth > DEPTH_MAX) return false
  return true
}

/** What each message is right below, without dummies but those that hold several at the top: -1, a message, or from n on a dummy. */
function* pruned(
  above: Int32Array,
  messageOf: Int32Array,
  nodeOf: Int32Array,
): Generator<void, { holder: Int32Array; dummies: number }> {
  const messages = nodeOf.length
  const holder = new Int32Array(messages).fill(-1)
  const dummies = new Map<number, number>()
  for (let message = 0; message < messages; message++) {
    if (message % PAUSE_STEPS === 0) yield
    const parent = at(above, at(nodeOf, message))
    if (parent < 0) continue
    const node = anchor(above, messageOf, parent)
    const held = at(messageOf, node)
    if (held < 0 && !dummies.has(node)) dummies.set(node, messages + dummies.size)
    holder[message] = held < 0 ? (dummies.get(node) ?? -1) : held
  }
  const children = new Int32Array(dummies.size)
  for (const above of holder) if (above >= messages) children[above - messages] = at(children, above - messages) + 1
  for (let message = 0; message < messages; message++) {
    const dummy = at(holder, message) - messages
    if (dummy >= 0 && at(children, dummy) === 1) holder[message] = -1
  }
  return { holder, dummies: dummies.size }
}

/** The nearest that is here, from this one up, or the top one. All dummies on the way learn of it: the next way is short. */
const anchor = (above: Int32Array, messageOf: Int32Array, from: number): number => {
  let top = from
  while (at(messageOf, top) < 0 && at(above, top) >= 0) top = at(above, top)
  for (let node = from; node !== top; ) {
    const next = at(above, node)
    above[node] = top
    node = next
  }
  return top
}

/**
 * Puts threads of one subject under the one that began it. RFC 5256 §3 (REFERENCES, 5).
 *
 * @param holder as `pruned` gives it, changed here
 * @returns how many dummies there are now
 */
const gatheredBySubject = (
  { slots, subject, links }: Conversing,
  order: Uint32Array,
  holder: Int32Array,
  dummies: number,
): number => {
  const messages = slots.length
  const { tops, first: firstBelow } = planted(order, holder, dummies)
  const baseOf = (top: number): number => at(subject.ranks, at(slots, speaker(top)))
  const speaker = (top: number): number => (top < messages ? top : at(firstBelow, top))
  const isReply = (top: number): boolean => links.isReply[at(slots, speaker(top))] === 1
  const isHere = (top: number): boolean => top < messages

  const firsts = new Int32Array(subject.distinct.length).fill(-1)
  const nothing = subject.distinct[0] === '' ? 0 : -1
  for (const top of tops) {
    const base = baseOf(top)
    const first = at(firsts, base)
    const isBetter = first < 0 || (isHere(first) && (!isHere(top) || (isReply(first) && !isReply(top))))
    if (base !== nothing && isBetter) firsts[base] = top
  }
  let count = dummies
  /** Which dummy has the children of each by now. */
  const heir = countTo(dummies)
  for (const top of tops) {
    const base = baseOf(top)
    const first = at(firsts, base)
    if (first < 0 || first === top) continue
    if (!isHere(top)) heir[top - messages] = first - messages
    else if (!isHere(first) || (isReply(top) && !isReply(first))) holder[top] = first
    else {
      const both = messages + count++
      holder[first] = both
      holder[top] = both
      firsts[base] = both
    }
  }
  for (let message = 0; message < messages; message++) {
    const dummy = at(holder, message) - messages
    if (dummy >= 0 && dummy < dummies) holder[message] = messages + at(heir, dummy)
  }
  return count
}
