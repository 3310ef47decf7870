import { expect } from 'chai'
import { ownCard } from '../../gateway/carry/card.ts'
import { generateAgent } from '../../src/identity/agent.ts'
import { readCard } from '../../src/identity/card.ts'
import { generateEntity } from '../../src/identity/entity.ts'

const DAY = 86_400_000

describe('own cards', () => {
  const agent = generateAgent()
  const made = Date.now()
  const core = (at: number, id = agent.id) => ({ agent: { ...agent, id }, net: 'test', now: () => at })

  it('are shown for a day, and stand for a year and a month', async () => {
    const entity = await generateEntity({ name: 'Ann', address: 'ann@a.test', now: made })
    const text = await ownCard(core(made), entity)
    expect(await ownCard(core(made + DAY - 1), entity)).to.equal(text)
    const next = await ownCard(core(made + DAY), entity)
    const [first, second] = await Promise.all([readCard(text, 'test', made), readCard(next, 'test', made + DAY)])
    expect(second.delegation.seq).to.be.greaterThan(first.delegation.seq)
    expect(first.delegation.expires - made).to.equal(400 * DAY)
  })

  it('a card that could not be made is made at the next try', async () => {
    const entity = await generateEntity({ name: 'Ann', address: 'ann@a.test', now: made })
    const { name, ...rest } = entity
    let isBroken = true
    const flaky = Object.defineProperty({ ...rest }, 'name', {
      get: () => {
        if (isBroken) throw new Error('not now')
        return name
      },
    }) as typeof entity
    expect(await ownCard(core(made), flaky).catch((error: Error) => error.message)).to.equal('not now')
    isBroken = false
    expect((await readCard(await ownCard(core(made), flaky), 'test', made)).address).to.equal('ann@a.test')
  })
})
