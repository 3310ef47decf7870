import { expect } from 'chai'
import fc from 'fast-check'
import {
  decodeHands,
  decodeJson,
  decodeRecords,
  encodeHead,
  type Hand,
  type Head,
  handAnswer,
  handsAnswers,
  readHead,
  recordAnswers,
  refusedBy,
} from '../../gateway/link/frame.ts'
import { LinkFault } from '../../gateway/link/handlers.ts'
import { backoffMs, linkLimits } from '../../gateway/link/limits.ts'
import { gather } from '../../gateway/link/reading.ts'
import { Refusal } from '../../src/refusal.ts'
import { heldBytes } from '../fixture/memory.ts'

const LIMIT = linkLimits.headBytes

const head = fc
  .record({
    envelope: fc.string({ maxLength: 500, size: 'max' }),
    stamps: fc.array(fc.string({ maxLength: 100, size: 'max' }), { maxLength: 16, size: 'max' }),
    route: fc.array(fc.stringMatching(/^[a-z2-7]{51}[aq]$/), { maxLength: 16, size: 'max' }),
    sha256: fc.stringMatching(/^[0-9a-f]{64}$/),
    size: fc.nat(),
    part: fc.nat(),
  })
  .map(({ part, ...whole }): Head => ({ ...whole, from: part % (whole.size + 1) }))

async function* inChunks(bytes: Buffer, sizes: number[]): AsyncGenerator<Buffer, undefined> {
  let at = 0
  for (const size of sizes) {
    if (at >= bytes.length) return undefined
    yield bytes.subarray(at, at + size)
    at += size
  }
  if (at < bytes.length) yield bytes.subarray(at)
  return undefined
}

/** What a decoder says to bytes of a stranger: a value, a refusal by name, or a fault; anything else is a bug. */
const said = async (decode: () => unknown): Promise<'value' | 'refusal' | 'fault'> => {
  try {
    await decode()
    return 'value'
  } catch (error) {
    if (error instanceof Refusal) return 'refusal'
    if (error instanceof LinkFault) return 'fault'
    throw error
  }
}

describe("a hand-over's head", () => {
  it('is read as it was written, however it is cut, and nothing of the payload is lost', () =>
    fc.assert(
      fc.asyncProperty(
        head,
        fc.uint8Array({ maxLength: 300, size: 'max' }),
        fc.array(fc.integer({ min: 1, max: 200 })),
        async (made, body, sizes) => {
          const chunks = inChunks(Buffer.concat([encodeHead(made), Buffer.from(body)]), sizes)
          const read = await readHead(chunks, LIMIT)
          expect(read?.head).to.deep.equal(made)
          const rest = [read?.rest ?? Buffer.alloc(0)]
          for await (const chunk of chunks) rest.push(chunk)
          expect(Buffer.concat(rest).equals(Buffer.from(body))).to.equal(true)
        },
      ),
    ))

  it('cut short is not taken for whole', () =>
    fc.assert(
      fc.asyncProperty(head, fc.nat(), async (made, cut) => {
        const bytes = encodeHead(made)
        expect(await readHead(inChunks(bytes.subarray(0, cut % bytes.length), []), LIMIT)).to.equal(undefined)
      }),
    ))

  it('is refused by name when it is anything else', () =>
    fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.uint8Array(), async (json, bytes) => {
        const text = Buffer.from(JSON.stringify(json))
        const length = Buffer.alloc(4)
        length.writeUInt32BE(text.length)
        expect(await said(() => readHead(inChunks(Buffer.concat([length, text]), []), LIMIT))).to.equal('refusal')
        await said(() => readHead(inChunks(Buffer.from(bytes), []), LIMIT))
      }),
    ))
})

describe('small hand-overs in one call', () => {
  const hand = fc
    .tuple(head, fc.uint8Array({ maxLength: 300, size: 'max' }))
    .map(([made, bytes]): Hand => ({ head: { ...made, size: bytes.length, from: 0 }, payload: Buffer.from(bytes) }))
  const encoded = (hands: readonly Hand[]) =>
    Buffer.concat(hands.flatMap(({ head, payload }) => [encodeHead(head), payload]))

  it('are read as they were written', () =>
    fc.assert(
      fc.property(fc.array(hand, { maxLength: 64, size: 'max' }), (made) => {
        expect(decodeHands(encoded(made), linkLimits)).to.deep.equal(made)
      }),
    ))

  it('cut short are refused by name, but where one ends', () =>
    fc.assert(
      fc.asyncProperty(fc.array(hand, { minLength: 1, maxLength: 5 }), fc.nat(), async (made, cut) => {
        const bytes = encoded(made)
        const at = cut % bytes.length
        const isBetween = made.some((_, i) => encoded(made.slice(0, i)).length === at)
        expect(await said(() => decodeHands(bytes.subarray(0, at), linkLimits))).to.equal(
          isBetween ? 'value' : 'refusal',
        )
      }),
    ))

  it('of any bytes are read or refused by name', () =>
    fc.assert(
      fc.asyncProperty(fc.uint8Array(), async (bytes) => {
        expect(await said(() => decodeHands(Buffer.from(bytes), linkLimits))).to.be.oneOf(['value', 'refusal'])
      }),
    ))
})

describe('a body that comes byte by byte', () => {
  it('takes no more memory than it has bytes, or twice as much', async () => {
    const size = 200_000
    let held = 0
    const chunks = async function* () {
      const before = heldBytes()
      for (let i = 0; i < size; i++) yield Buffer.from(Uint8Array.of(i % 256))
      held = heldBytes() - before
    }
    const body = await gather(chunks())
    expect(body.equals(Buffer.from(Uint8Array.from({ length: size }, (_, i) => i % 256)))).to.equal(true)
    expect(held).to.be.lessThan(10 * size)
  })
})

describe('records and answers', () => {
  it('of any bytes are read or refused by name', () =>
    fc.assert(
      fc.asyncProperty(fc.oneof(fc.json(), fc.string()), async (text) => {
        expect(await said(() => decodeJson(Buffer.from(text)))).to.be.oneOf(['value', 'refusal'])
        expect(await said(() => decodeRecords(Buffer.from(text), linkLimits))).to.be.oneOf(['value', 'refusal'])
      }),
    ))

  it('of any JSON are read, or are the fault of who answers', () =>
    fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.nat({ max: 3 }), async (json, count) => {
        for (const decode of [
          () => handAnswer(json),
          () => recordAnswers(json, count),
          () => handsAnswers(json, count),
          () => refusedBy(json),
        ])
          expect(await said(decode)).not.to.equal('refusal')
      }),
    ))

  const faults: [what: string, decode: () => unknown][] = [
    ['fewer answers than records', () => recordAnswers([{ ok: true }], 2)],
    ['fewer answers than hand-overs', () => handsAnswers([{ accepted: 'r' }], 2)],
    ['neither yes nor no', () => recordAnswers([{}], 1)],
    ['a code nobody knows', () => handAnswer({ refused: 'because' })],
    ['a receipt that is no text', () => handAnswer({ accepted: 1 })],
    ['an offset below zero', () => handAnswer({ retry: -1 })],
  ]
  for (const [what, decode] of faults)
    it(`with ${what} are a fault`, async () => expect(await said(decode)).to.equal('fault'))
})

describe('the wait before the next dial', () => {
  it('doubles from a quarter of a second to half a minute, and is never less than half of that', () => {
    const waits = Array.from({ length: 40 }, (_, failures) => [
      backoffMs(failures, linkLimits, 0),
      backoffMs(failures, linkLimits, 1),
    ])
    expect(waits.slice(0, 3)).to.deep.equal([
      [125, 250],
      [250, 500],
      [500, 1000],
    ])
    expect(waits.at(-1)).to.deep.equal([15_000, 30_000])
  })
})
