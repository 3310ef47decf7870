/**
 * Which messages say that they answer which: their Message-IDs as numbers. RFC 5256 §3 (REFERENCES, 1). Pure.
 *
 * Every id that anybody names has a number, whether or not its message is here.
 */
import { normalId } from './message-id.ts'
import type { Parsed } from './parsed.ts'
import { PAUSE_STEPS } from './ranks.ts'
import { baseSubject } from './subject.ts'

/** What a message says of itself, as far as it is remembered (walk.ts). */
type Saying = Partial<Pick<Parsed, 'messageId' | 'inReplyTo' | 'references' | 'subject'>>

/** By slot, one for each message. Never changed, only followed by another. */
export type Links = {
  /** The number of its own id; -1 without one. */
  readonly own: Int32Array
  /** 1 if its subject says so. */
  readonly isReply: Uint8Array
  /** What all of them answer, the oldest first. Those of a slot are from `ends[slot]` up to `ends[slot + 1]`. */
  readonly answered: Int32Array
  readonly ends: Uint32Array
  /** Numbers are below this. */
  readonly count: number
  /** Shared with the links that follow these: holds more numbers then. */
  readonly numbers: Map<string, number>
}

export const noLinks = (): Links => ({
  own: new Int32Array(),
  isReply: new Uint8Array(),
  answered: new Int32Array(),
  ends: new Uint32Array(1),
  count: 0,
  numbers: new Map(),
})

/** What links are made of, gathered message by message. */
export type Linking = { own: string | null; answered: readonly string[]; isReply: boolean }

/** In-Reply-To counts where nothing else is said. */
export const linkingOf = ({ messageId = null, inReplyTo, references = [], subject = '' }: Saying): Linking => ({
  own: messageId && normalId(messageId),
  answered: (references.length > 0 || !inReplyTo?.startsWith('<') ? references : [inReplyTo]).map(normalId),
  isReply: baseSubject(subject).isReply,
})

/** With more messages in the slots behind those that are known. */
export function* linked(known: Links, more: readonly Linking[]): Generator<void, Links> {
  const { numbers } = known
  const numberOf = (id: string): number => {
    const number = numbers.get(id) ?? numbers.size
    if (number === numbers.size) numbers.set(id, number)
    return number
  }
  const own = widened(Int32Array, known.own, more.length)
  const isReply = widened(Uint8Array, known.isReply, more.length)
  const ends = widened(Uint32Array, known.ends, more.length)
  const answered = widened(
    Int32Array,
    known.answered,
    more.reduce((sum, each) => sum + each.answered.length, 0),
  )
  let end = known.answered.length
  let slot = known.own.length
  for (const each of more) {
    own[slot] = each.own === null ? -1 : numberOf(each.own)
    isReply[slot] = each.isReply ? 1 : 0
    for (const id of each.answered) {
      answered[end++] = numberOf(id)
      if (end % PAUSE_STEPS === 0) yield
    }
    ends[++slot] = end
    if (slot % PAUSE_STEPS === 0) yield
  }
  return { own, isReply, answered, ends, count: numbers.size, numbers }
}

type Numbers = Int32Array | Uint8Array | Uint32Array

const widened = <A extends Numbers>(Kind: new (length: number) => A, numbers: A, by: number): A => {
  const wide = new Kind(numbers.length + by)
  wide.set(numbers)
  return wide
}
