/**
 * What the requests of a link say, as bytes. All are POSTs with JSON, but for `/hand` and `/hands`:
 *
 *   /hello    {v, net, link, payloadBytes, recordBytes, batchBytes}  → {ok, …the same, aurq?} | {busy}
 *   /arpl     ARPL (src/wire/link1.ts)                               → PROCEED | {busy} | {diverged}
 *   /commit   COMMIT                                                 → ARSL | {busy}
 *   /pair     anything the gateway understands                       → anything
 *   /directory  {v, tell} | {v, where}                         → {v, ok} | {v, record?}; also by strangers (reach/directory.ts)
 *   /moved    MOVED | FORMER (src/wire/moved.ts)                     → {v, ok} | MOVED; also by strangers
 *   /records  [text, …]                                              → [{ok} | {refused}, …]
 *   /offset   {v, sha256, size}                                      → {offset}
 *   /hands    (length 4 (big-endian) | head | payload) …, small ones → [{accepted} | {refused, detail} | {fault}, …]
 *   /hand     length | head | payload from head.from, a large one    → {accepted} | {refused, detail} | {retry}
 *
 * `retry` is an offset: the payload is wanted from there, because what the receiver had is gone or damaged.
 * Any request may be answered by {refused, detail}, or by {fault} when the answerer failed; blanks before an answer are signs of life.
 * `/lend` asks for nothing: see lent.ts.
 */
import { appended } from '../../src/mail/grow.ts'
import { isRefusalCode, Refusal, type RefusalCode } from '../../src/refusal.ts'
import { MAX_HOPS, MAX_PAYLOAD_BYTES } from '../../src/wire/record.ts'
import { hashId, list, randomId, record, type Shape, sha256, text, whole } from '../../src/wire/shape.ts'
import { type HandAnswer, LinkFault, type RecordAnswer } from './handlers.ts'
import type { LinkLimits } from './limits.ts'

/** Records in one call: so many answers stay well below `answerBytes`, whatever their codes. */
export const MAX_RECORDS = 1000
/** Hand-overs in one call: by then its cost is shared enough, and the receipts fill a quarter of `answerBytes`. */
export const MAX_HANDS = 64

export const BLANK = 0x20 // JSON ignores it

export type Path =
  | '/hello'
  | '/arpl'
  | '/commit'
  | '/pair'
  | '/directory'
  | '/moved'
  | '/records'
  | '/offset'
  | '/hands'
  | '/hand'

const bytes = whole(1, Number.MAX_SAFE_INTEGER)
const size = whole(0, MAX_PAYLOAD_BYTES)

export const helloShape = record({
  net: text(255),
  link: randomId,
  payloadBytes: bytes,
  recordBytes: bytes,
  batchBytes: bytes,
})
export type Hello = ReturnType<typeof helloShape>

export const payloadShape = record({ sha256, size })
export type Payload = { sha256: string; size: number }

/** Looser than the chain's own check, which refuses by better names; this only bounds. */
const jws = text(16_384)
const headShape = record({
  envelope: jws,
  stamps: list(jws, 0, MAX_HOPS),
  route: list(hashId, 0, MAX_HOPS),
  sha256,
  size,
  from: size,
})
export type Head = ReturnType<typeof headShape>

export const encodeHead = (head: Head): Buffer => {
  const json = Buffer.from(JSON.stringify({ v: 1, ...head }))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(json.length)
  return Buffer.concat([length, json])
}

/**
 * Reads the head off the front of a body.
 *
 * @returns the head, and what came behind it in the same chunk; undefined if the body ends before
 * @throws Refusal `record-malformed`, `record-version`, `record-too-large`
 */
export const readHead = async (chunks: AsyncIterator<Buffer>, limit: number): Promise<Headed | undefined> => {
  let got: Buffer = Buffer.alloc(0)
  let size = 0
  for (;;) {
    const read = headOf(got.subarray(0, size), limit)
    if (read) return read
    const next = await chunks.next()
    if (next.done) return undefined
    got = size === 0 ? next.value : appended(got, size, next.value)
    size += next.value.length
  }
}

/** @returns undefined where not all of it is there */
const headOf = (got: Buffer, limit: number): Headed | undefined => {
  if (got.length < 4) return undefined
  const end = 4 + got.readUInt32BE()
  if (end > limit) throw new Refusal('record-too-large', `a hand-over's head may have ${limit} bytes`)
  if (got.length < end) return undefined
  const head = headShape(decodeJson(got.subarray(4, end)), 'the head')
  if (head.from > head.size) throw new Refusal('record-malformed', 'the head begins behind the end of its payload')
  return { head, rest: got.subarray(end) }
}

type Headed = { head: Head; rest: Buffer }

/** A small hand-over, as it shares a call with others. */
export type Hand = { head: Head; payload: Buffer }

/** @throws Refusal as `readHead`, and `payload-mismatch`: where one ends is known by those before it, so all are refused */
export const decodeHands = (bytes: Buffer, limits: Pick<LinkLimits, 'headBytes' | 'memoryBytes'>): Hand[] => {
  const hands: Hand[] = []
  for (let left = bytes; left.length > 0; ) {
    const read = headOf(left, limits.headBytes)
    if (!read) throw new Refusal('record-malformed', 'a hand-over ends within its head')
    const { head, rest } = read
    if (head.from !== 0 || head.size > limits.memoryBytes)
      throw new Refusal(
        'record-malformed',
        `hand-overs in one call have whole payloads of at most ${limits.memoryBytes} bytes`,
      )
    if (rest.length < head.size) throw new Refusal('payload-mismatch', 'the payload is shorter than announced')
    hands.push({ head, payload: rest.subarray(0, head.size) })
    if (hands.length > MAX_HANDS) throw new Refusal('record-too-large', `at most ${MAX_HANDS} hand-overs in one call`)
    left = rest.subarray(head.size)
  }
  return hands
}

/** @throws Refusal `record-malformed` */
export const decodeJson = (json: Buffer): unknown => {
  try {
    return JSON.parse(json.toString())
  } catch {
    throw new Refusal('record-malformed', 'this is no JSON')
  }
}

/** @throws Refusal `record-malformed`, or `record-too-large` for one of them or for their number */
export const decodeRecords = (json: Buffer, { recordBytes }: Pick<LinkLimits, 'recordBytes'>): string[] => {
  const records = decodeJson(json)
  if (!Array.isArray(records) || !records.every((one): one is string => typeof one === 'string'))
    throw new Refusal('record-malformed', 'records are a list of texts')
  if (records.length > MAX_RECORDS) throw new Refusal('record-too-large', `at most ${MAX_RECORDS} records in one call`)
  if (records.some((one) => Buffer.byteLength(one) > recordBytes))
    throw new Refusal('record-too-large', `a record may have ${recordBytes} bytes`)
  return records
}

type Refused = { refused: RefusalCode; detail: string }

/** A refusal among the answers, with the neighbour's words made fit for a log. */
export const refusedBy = (answer: unknown): Refused | undefined => {
  if (typeof answer !== 'object' || answer === null || !('refused' in answer)) return undefined
  if (!isRefusalCode(answer.refused)) throw new LinkFault('fault', 'the neighbour refuses by a code unknown here')
  const detail = 'detail' in answer && typeof answer.detail === 'string' ? answer.detail : answer.refused
  return { refused: answer.refused, detail: detail.replace(/\p{C}/gu, ' ').slice(0, 300) }
}

/** Wraps a shape for answers: a neighbour who answers nonsense is a fault, not a refusal of ours. */
export const answerAs = <T>(shape: Shape<T>, answer: unknown): T => {
  try {
    return shape(answer, 'the answer')
  } catch (error) {
    if (error instanceof Refusal) throw new LinkFault('fault', error.detail)
    throw error
  }
}

/** @throws LinkFault `fault` */
export const handAnswer = (answer: unknown): HandAnswer | { retry: number } => {
  const refused = refusedBy(answer)
  if (refused) return refused
  if (typeof answer === 'object' && answer !== null) {
    if ('accepted' in answer && typeof answer.accepted === 'string') return { accepted: answer.accepted }
    if ('retry' in answer) return { retry: answerAs(size, answer.retry) }
  }
  throw new LinkFault('fault', 'the neighbour answers a hand-over with nonsense')
}

/** One by one; a refusal of the call is one of each. @throws LinkFault `fault` */
export const handsAnswers = (answer: unknown, count: number): (HandAnswer | LinkFault)[] => {
  const refused = refusedBy(answer)
  if (refused) return new Array(count).fill(refused)
  if (!Array.isArray(answer) || answer.length !== count)
    throw new LinkFault('fault', 'the neighbour does not answer hand-over by hand-over')
  return answer.map((one: unknown) => {
    if (isFault(one)) return new LinkFault('fault', 'the neighbour failed')
    const said = handAnswer(one)
    return 'retry' in said ? new LinkFault('fault', 'the neighbour resumes what was sent whole') : said
  })
}

export const isFault = (answer: unknown): boolean => typeof answer === 'object' && answer !== null && 'fault' in answer

/** @throws LinkFault `fault` */
export const recordAnswers = (answer: unknown, count: number): RecordAnswer[] => {
  if (!Array.isArray(answer) || answer.length !== count)
    throw new LinkFault('fault', 'the neighbour does not answer record by record')
  return answer.map((one: unknown) => {
    const refused = refusedBy(one)
    if (refused) return { refused: refused.refused }
    if (typeof one === 'object' && one !== null && 'ok' in one && one.ok === true) return { ok: true }
    throw new LinkFault('fault', 'the neighbour answers a record with nonsense')
  })
}
