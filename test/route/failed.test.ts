import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import type { Step } from '../../src/effect.ts'
import { routeOf } from '../../src/route/cache.ts'
import type { Failure } from '../../src/route/failed.ts'
import type { State } from '../../src/state.ts'
import { step } from '../../src/web.ts'
import { b, bob, HOUR, link, me, now, r, s, stranger, world } from '../custody/rows.ts'

/** We stand between `s` and `r`; `r` tells of its link to `b`. */
const failure = (more: Partial<Failure> = {}): Failure => ({
  route: [s, me, r, b],
  next: b,
  entity: bob,
  reason: 'down',
  at: now,
  by: r,
  jws: 'rerr',
  ...more,
})
const hear = (given: Failure, from = r, change: (state: State) => unknown = () => {}): { state: State; made: Step } => {
  const state = world()
  apply(state, { put: 'route', row: routeOf({ entity: bob, hops: [me, s, b], expires: now + HOUR }) })
  change(state)
  const made = step(state, { on: 'failed', from, failure: given }, now)
  for (const one of made.changes) apply(state, one)
  return { state, made }
}
const ways = (state: State) => (state.routes.get(bob) ?? []).map(({ hops }) => hops[1])

describe('route: a way that broke', () => {
  it('goes, the other one stays, and who stands before us hears of it', () => {
    const { state, made } = hear(failure())
    expect(ways(state)).to.deep.equal([s])
    expect(made.effects).to.deep.equal([{ do: 'tell', to: s, message: { t: 'RERR', rerr: 'rerr' } }])
  })

  it('also further on than our neighbour', () => {
    const far = failure({ route: [me, r, stranger, b], by: stranger })
    const { state, made } = hear(far, r, (state) => {
      state.routes.set(bob, [routeOf({ entity: bob, hops: [me, r, stranger, b], expires: now + HOUR })])
    })
    expect([ways(state), made.effects]).to.deep.equal([[], []])
  })

  const lies: [what: string, failure: Failure, from: string][] = [
    ['told by somebody who is not on the route', failure({ by: stranger }), r],
    ['told of a link that is not its own next', failure({ route: [s, me, r, stranger, b] }), r],
    ['told by a hop before us', failure({ by: s, next: me }), s],
    ['brought by another than comes next', failure(), s],
    ['of a route on which we do not stand', failure({ route: [s, r, b] }), r],
    ['told long ago', failure({ at: now - HOUR - 1 }), r],
    ['told by a clock far ahead', failure({ at: now + HOUR + 1 }), r],
  ]
  for (const [what, lie, from] of lies)
    it(`is not believed when ${what}`, () => {
      const { state, made } = hear(lie, from)
      expect([ways(state), made]).to.deep.equal([[s, r], { changes: [], effects: [] }])
    })

  it('is not believed over a link that was revoked', () =>
    expect(ways(hear(failure(), r, (state) => state.links.set(r, link(r, { state: 'revoked' }))).state)).to.have.length(
      2,
    ))

  it('is not passed to whoever stands before us and is no neighbour any more', () =>
    expect(hear(failure(), r, (state) => state.links.set(s, link(s, { state: 'revoked' }))).made.effects).to.deep.equal(
      [],
    ))

  it('is another matter for a way to somebody else', () => {
    const other = routeOf({ entity: stranger, hops: [me, r, b], expires: now + HOUR })
    const { state } = hear(failure(), r, (state) => apply(state, { put: 'route', row: other }))
    expect(state.routes.get(stranger)).to.deep.equal([other])
  })

  it('costs a token: a neighbour that sends them without end is not heard, nor passed on', () => {
    const state = world()
    let passed = 0
    for (let i = 0; i < 100; i++) {
      const made = step(state, { on: 'failed', from: r, failure: failure() }, now)
      for (const change of made.changes) apply(state, change)
      passed += made.effects.length
    }
    expect(passed).to.be.within(5, 20)
  })
})
