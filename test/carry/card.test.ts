import { expect } from 'chai'
import { cardOf, ownCard } from '../../gateway/carry/card.ts'
import type { Core } from '../../gateway/core.ts'
import { generateAgent } from '../../src/identity/agent.ts'
import { makeCard, readCard } from '../../src/identity/card.ts'
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

  it('are made anew where the clock was set back: nobody believes one from the future', async () => {
    const entity = await generateEntity({ name: 'Ann', address: 'ann@a.test', now: made - DAY })
    await ownCard(core(made), entity)
    const text = await ownCard(core(made - DAY / 2), entity)
    expect((await readCard(text, 'test', made - DAY / 2)).at).to.equal(made - DAY / 2)
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

describe("others' cards", () => {
  const now = Date.now()
  const agent = generateAgent()

  /** A house that knows `entity` by a delegation `seq`, and keeps `text` as the card. */
  const house = (entity: string, seq: number, text: string) => {
    let reads = 0
    const range = async () => {
      reads++
      return [{ data: JSON.stringify({ card: text }) }]
    }
    const known = new Map([[entity, { entity, address: 'ann@a.test', agent: agent.id, seq, expires: now + DAY }]])
    const core = { engine: { state: { known } }, store: { db: { read: { range } } }, net: 'test', now: () => now }
    return { core: core as unknown as Core, reads: () => reads }
  }
  const cardBy = async (seq: number) => {
    const entity = await generateEntity({ name: 'Ann', address: 'ann@a.test', now })
    const text = await makeCard(entity, agent.id, 'test', { now, seq, expires: now + DAY })
    return { entity, text }
  }

  it('are read once for all that is sealed by them', async () => {
    const { entity, text } = await cardBy(7)
    const { core, reads } = house(entity.id, 7, text)
    for (let i = 0; i < 3; i++) expect((await cardOf(core, entity.id)).entityId).to.equal(entity.id)
    expect(reads()).to.equal(1)
  })

  it('are of use though they are from the future: our clock was set back since they were learned', async () => {
    const { entity, text } = await cardBy(7)
    const { core } = house(entity.id, 7, text)
    expect((await cardOf({ ...core, now: () => now - DAY / 2 }, entity.id)).entityId).to.equal(entity.id)
  })

  it('are read again while the store still has the one before', async () => {
    const { entity, text } = await cardBy(7)
    const { core, reads } = house(entity.id, 8, text)
    for (let i = 0; i < 3; i++) await cardOf(core, entity.id)
    expect(reads()).to.equal(3)
  })
})
