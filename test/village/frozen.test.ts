/**
 * A link that LINK1 has frozen (src/link/alarm.ts): nothing goes over it, nothing is lost for it, and what waited
 * goes once it thaws.
 */
import { expect } from 'chai'
import type { Alarm } from '../../src/link/alert.ts'
import type { Agent } from './agent.ts'
import { diamond, pass, rowAt, turn } from './scene.ts'
import { HOUR, MINUTE, type Village, write } from './village.ts'

const stand = { n: 1, incarnation: '0'.repeat(16) }
const diverged: Alarm = { what: 'diverged', ours: stand, theirs: stand, seenBy: 'us' }

const freeze = (village: Village, one: Agent, other: Agent): void => {
  one.raise({ on: 'alarm', agent: other.id, alarm: diverged })
  pass(village, 1000)
}
const letters = ({ mail }: Agent) => mail.filter(({ provenance }) => provenance !== undefined)
const notices = ({ mail }: Agent, word: string) => mail.filter(({ text }) => text.includes(word))

describe('the village with a frozen link', () => {
  it('mail waits for it, and arrives once when it thaws; its owners have one letter each', () => {
    const { village, a, r1, b } = diamond(1)
    for (const [one, other] of [
      [a, r1],
      [r1, a],
    ] as const) {
      freeze(village, one, other)
      freeze(village, one, other)
    }
    turn(village, r1, [a], false) // as the gateway cuts it
    for (let i = 0; i < 3; i++) write(village, a, [{ address: 'p@3.test' }])
    pass(village, HOUR)
    expect(letters(b)).to.have.length(1)
    for (const { key } of village.written.slice(1)) expect(rowAt(a, key).state).to.equal('waiting')
    expect([a, r1].map((one) => notices(one, 'Subject: A link is frozen').length)).to.deep.equal([1, 1])

    a.raise({ on: 'thawed', agent: r1.id })
    r1.raise({ on: 'alarm', agent: a.id, alarm: { what: 'rekeyed', epoch: village.clock.now, reason: 'restore' } })
    turn(village, r1, [a], true)
    pass(village, 10 * MINUTE)
    for (const { key, text } of village.written)
      expect(
        letters(b)
          .filter((one) => one.provenance?.key === key)
          .map((one) => one.text),
      ).to.deep.equal([text])
  })

  it('mail goes another way, where there is one', () => {
    const { village, a, r1, r2, b } = diamond(2)
    freeze(village, a, r1)
    turn(village, r2, [a, b], true)
    for (let i = 0; i < 3; i++) write(village, a, [{ address: 'p@3.test' }])
    pass(village, 10 * MINUTE)
    const ways = letters(b).map(({ provenance }) => provenance?.path[1])
    expect(ways).to.deep.equal([r1.id, r2.id, r2.id, r2.id])
  })

  it('what comes over it all the same is refused: the other side may not know yet, or not care', () => {
    const { village, a, r1, r2, b } = diamond(3)
    freeze(village, r1, a)
    turn(village, r2, [a, b], true)
    for (let i = 0; i < 3; i++) write(village, a, [{ address: 'p@3.test' }])
    pass(village, 20 * MINUTE)
    expect(letters(b).map(({ provenance }) => provenance?.path[1])).to.deep.equal([r1.id, r2.id, r2.id, r2.id])
    expect(rowAt(a, village.written[1]?.key ?? '').outcome?.event).to.equal('delivered')
  })
})
