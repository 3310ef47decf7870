import { Readable } from 'node:stream'
import { expect } from 'chai'
import { decodeHands } from '../../gateway/link/frame.ts'
import { type Body, LinkFault } from '../../gateway/link/handlers.ts'
import { shareCalls } from '../../gateway/link/hands.ts'
import { linkLimits } from '../../gateway/link/limits.ts'
import { offerOf } from './agents.ts'

const bodyOf = (text: string, size = text.length): Body => ({
  ...{ size, sha256: '0'.repeat(64) },
  open: () => Buffer.from(text),
})

/** A neighbour who answers as told, and remembers what each call brought. */
const neighbour = (answer: (names: string[]) => unknown, mostBytes = linkLimits.handsBytes) => {
  const calls: string[][] = []
  const hands = shareCalls(async (bytes) => {
    const names = decodeHands(bytes, linkLimits).map(({ head, payload }) => `${head.envelope} ${payload}`)
    calls.push(names)
    return answer(names)
  }, mostBytes)
  return { calls, hands }
}
const yes = (names: string[]) => names.map((name) => ({ accepted: `receipt for ${name}` }))

const said = (work: Promise<unknown>): Promise<unknown> =>
  work.catch((error: unknown) => (error instanceof Error ? error.message : error))

describe('small hand-overs out', () => {
  it('asked for together share a call, and each has its own answer', async () => {
    const { calls, hands } = neighbour(yes)
    const one = hands.hand(offerOf('one'), bodyOf('1'))
    const two = hands.hand(offerOf('two'), { ...bodyOf('22'), open: () => Readable.from([Buffer.from('22')]) })
    expect(hands.busy()).to.equal(2)
    expect(await Promise.all([one, two])).to.deep.equal([
      { accepted: 'receipt for one 1' },
      { accepted: 'receipt for two 22' },
    ])
    expect(await hands.hand(offerOf('three'), bodyOf('3'))).to.deep.equal({ accepted: 'receipt for three 3' })
    expect(calls).to.deep.equal([['one 1', 'two 22'], ['three 3']])
    expect(hands.busy()).to.equal(0)
  })

  it('are no more in a call than it holds, by number and by bytes', async () => {
    const many = neighbour(yes)
    await Promise.all(Array.from({ length: 150 }, (_, i) => many.hands.hand(offerOf(`${i}`), bodyOf('x'))))
    expect(many.calls.map((call) => call.length)).to.deep.equal([64, 64, 22])
    expect(many.calls.flat()).to.deep.equal(Array.from({ length: 150 }, (_, i) => `${i} x`))

    const large = neighbour(yes, 2_500)
    await Promise.all(
      [500, 500, 500, 2_500, 500].map((size) => large.hands.hand(offerOf('x'), bodyOf('x'.repeat(size)))),
    )
    expect(large.calls.map((call) => call.map((name) => name.length - 2))).to.deep.equal([
      [500, 500, 500],
      [2_500],
      [500],
    ])
  })

  it('fail alone where the neighbour failed at one, or our own payload is wrong', async () => {
    const { calls, hands } = neighbour((names) =>
      yes(names).map((one, i) => [one, { fault: true }, { refused: 'disk-full', detail: 'full' }, { retry: 0 }][i]),
    )
    const all = ['good', 'fault', 'refused', 'again'].map((name) => said(hands.hand(offerOf(name), bodyOf(name))))
    const broken = said(hands.hand(offerOf('broken'), bodyOf('short', 100)))
    expect(await Promise.all([...all, broken])).to.deep.equal([
      { accepted: 'receipt for good good' },
      'fault: the neighbour failed',
      { refused: 'disk-full', detail: 'full' },
      'fault: the neighbour resumes what was sent whole',
      `our own payload ${'0'.repeat(64)} has another size than 100`,
    ])
    expect(calls).to.have.length(1)
    expect(hands.busy()).to.equal(0)
  })

  const whole: [what: string, answer: () => unknown, outcome: unknown][] = [
    ['refused', () => ({ refused: 'link-suspended', detail: 'no' }), { refused: 'link-suspended', detail: 'no' }],
    ['answered by a list too short', () => [], 'fault: the neighbour does not answer hand-over by hand-over'],
    [
      'broken off',
      () => {
        throw new LinkFault('closed', 'the link broke')
      },
      'closed: the link broke',
    ],
  ]
  for (const [what, answer, outcome] of whole)
    it(`have the same outcome all where the call is ${what}`, async () => {
      const { hands } = neighbour(answer)
      const both = ['one', 'two'].map((name) => said(hands.hand(offerOf(name), bodyOf(name))))
      expect(await Promise.all(both)).to.deep.equal([outcome, outcome])
    })
})
