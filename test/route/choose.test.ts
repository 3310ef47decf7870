import { expect } from 'chai'
import { routeOf } from '../../src/route/cache.ts'
import { choose, type Wish } from '../../src/route/choose.ts'
import type { State } from '../../src/state.ts'
import { b, bob, HOUR, link, me, now, r, s, stranger, world } from '../custody/rows.ts'

const wish = (more: Partial<Wish> = {}): Wish => ({ entity: bob, path: [me], avoid: [], advice: [], ...more })
const down = (agent: string) => (state: State) => state.links.set(agent, link(agent, { up: false }))
const revoked = (agent: string) => (state: State) =>
  state.links.set(agent, link(agent, { state: 'revoked', up: false }))
const neighbour = (state: State) => state.links.set(b, link(b))
const all =
  (...changes: ((state: State) => unknown)[]) =>
  (state: State): void => {
    for (const change of changes) change(state)
  }

describe('route: the next hop', () => {
  const cases: [
    what: string,
    wish: Wish,
    change: (state: State) => unknown,
    next: string | undefined,
    onward: string[],
  ][] = [
    ['the way that was found', wish(), () => {}, r, [b]],
    ['the recipient’s agent itself, if it is a neighbour', wish(), neighbour, b, []],
    ['a way that is up rather than a neighbour that is down', wish(), all(neighbour, down(b)), r, [b]],
    ['the neighbour all the same, if nothing is up', wish(), all(neighbour, down(b), down(r)), b, []],
    ['a way that is down, if there is no other', wish(), down(r), r, [b]],
    ['the way it was advised, if none was found', wish({ entity: stranger, advice: [s, b] }), () => {}, s, [b]],
    ['the found way before the advised one', wish({ advice: [s, b] }), () => {}, r, [b]],
    [
      'none that is over a day old',
      wish(),
      (state) => state.routes.set(bob, [routeOf({ entity: bob, hops: [me, r, b], expires: now })]),
      undefined,
      [],
    ],
    [
      'none to where the recipient was before',
      wish(),
      (state) => state.known.set(bob, { entity: bob, address: 'bob@b.test', agent: stranger, expires: now + HOUR }),
      undefined,
      [],
    ],
    ['never a revoked neighbour', wish(), revoked(r), undefined, []],
    ['never somebody who is no neighbour', wish({ entity: stranger, advice: [stranger] }), () => {}, undefined, []],
    ['never back where it has been', wish({ path: [r, me] }), () => {}, undefined, []],
    ['never to itself', wish({ entity: stranger, advice: [me] }), () => {}, undefined, []],
    ['not to one that refused it lately', wish({ avoid: [{ by: r, until: now + 1 }] }), () => {}, undefined, []],
    ['but to one that refused it long ago', wish({ avoid: [{ by: r, until: now }] }), () => {}, r, [b]],
    [
      'and to one that refused it when there was no such link',
      wish({ avoid: [{ by: r, until: now + 1, at: now - 1 }] }),
      () => {},
      r,
      [b],
    ],
    [
      'rather round than over a way that failed it, in part',
      wish({ shun: [stranger, b], advice: [s] }),
      () => {},
      s,
      [],
    ],
    [
      'rather over one of those than over somebody who was silent',
      wish({ shun: [b], advice: [s] }),
      (state) => state.blamed.set(s, { agent: s, times: 1, until: now + 1 }),
      r,
      [b],
    ],
    [
      'rather round than to one that refused it',
      wish({ avoid: [{ by: r, until: now + HOUR }], advice: [s] }),
      () => {},
      s,
      [],
    ],
    ['nowhere, if nothing is known', wish({ entity: stranger }), () => {}, undefined, []],
  ]
  for (const [what, wanted, change, next, onward] of cases)
    it(what, () => {
      const state = world()
      change(state)
      expect(choose(state, wanted, now)).to.deep.equal(next === undefined ? undefined : { next, onward })
    })
})
