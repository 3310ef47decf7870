import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import type { Effect } from '../../src/effect.ts'
import type { Event } from '../../src/event.ts'
import { step } from '../../src/web.ts'
import { key, link, now, r, row, world } from './rows.ts'

/** What a postmaster greps: test/custody/*.test.ts leave the lines out. */
describe('custody: what is logged', () => {
  const logs = (effects: readonly Effect[]) => effects.filter((effect) => effect.do === 'log')
  const about = { key, messageId: '<1@me.test>', recipient: 'bob@b.test' }

  it('why a message waits, once for each reason', () => {
    const state = world(row())
    const run = (event: Event, at: number) => {
      const made = step(state, event, at)
      for (const change of made.changes) apply(state, change)
      return logs(made.effects).map(({ do: _, ...said }) => said)
    }
    state.links.set(r, link(r, { up: false }))
    const away = { event: 'waiting', ...about, to: r, detail: 'for the neighbour to connect' }
    expect(run({ on: 'due', key }, now)).to.deep.equal([away])
    expect(run({ on: 'due', key }, now + 3_600_000)).to.deep.equal([])
    state.links.delete(r)
    expect(run({ on: 'due', key }, now + 7_200_000)).to.deep.equal([
      { event: 'waiting', ...about, detail: 'for a path' },
    ])
    for (const hours of [3, 4, 5]) expect(run({ on: 'due', key }, now + hours * 3_600_000)).to.deep.equal([])
  })

  it('a neighbour’s no, by the Message-ID too', () => {
    const state = world(row({ state: 'handing', next: r, tried: [{ by: r, saidNo: false }] }))
    const { effects } = step(state, { on: 'rejected', key, by: r, code: 'custody-full' }, now)
    expect(logs(effects)).to.deep.equal([{ do: 'log', event: 'hop-refused', ...about, to: r, detail: 'custody-full' }])
  })
})
