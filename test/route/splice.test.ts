import { expect } from 'chai'
import { splice } from '../../src/route/splice.ts'
import { type CachedRecord, MAX_HOPS, type PathRecord } from '../../src/wire/record.ts'
import { b, bob, HOUR, me, now, r, s, stranger } from '../custody/rows.ts'

describe('route: an answer from memory', () => {
  const path = (route: string[]): PathRecord => ({
    qid: 'its own',
    target: 'its own',
    entity: bob,
    route,
    card: 'f'.repeat(64),
    expires: now + HOUR,
  })
  const cached = (route: string[]): CachedRecord => ({ qid: 'new', target: 'theirs', route, path: 'f'.repeat(64) })
  const viaMany = (count: number) => [...Array.from({ length: count - 1 }, (_, i) => `n${i}`), r]
  const cases: [what: string, cached: string[], path: string[], route: string[] | undefined][] = [
    ['the way to the relay, and its own from there', [me, r], [r, s, b], [me, r, s, b]],
    ['of a way that begins with another', [me, r], [stranger, r, b], undefined],
    ['by a relay at which the way to it does not end', [me, r, s], [r, b], undefined],
    ['over somebody twice', [me, s, r], [r, s, b], undefined],
    ['as long as a way may be', viaMany(MAX_HOPS - 1), [r, b], [...viaMany(MAX_HOPS - 1), b]],
    ['longer than that', viaMany(MAX_HOPS), [r, b], undefined],
  ]
  for (const [what, to, onward, route] of cases)
    it(`${what}: ${route ? 'is one' : 'is none'}`, () =>
      expect(splice(path(onward), cached(to), r)).to.deep.equal(
        route && { ...path(route), qid: 'new', target: 'theirs' },
      ))
})
