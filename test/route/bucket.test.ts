import { expect } from 'chai'
import { type Bucket, draw } from '../../src/route/bucket.ts'
import { now } from '../custody/rows.ts'

const pace = { burst: 20, everyMs: 5000 }
/** Draws in turn; each query is `asker/target/ttl`. */
const drawn = (queries: string[], everyMs = 0): { taken: string[]; bucket: Bucket | undefined } => {
  let bucket: Bucket | undefined
  const taken: string[] = []
  for (const [i, query] of queries.entries()) {
    const [origin = '', target = '', ttl = '2'] = query.split('/')
    const [next, isLeft] = draw(bucket, { neighbour: 'n', origin, target, ttl: Number(ttl) }, pace, now + i * everyMs)
    bucket = next
    if (isLeft) taken.push(query)
  }
  return { taken, bucket }
}
const many = (asker: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${asker}/${i}`)
const by = (asker: string, taken: string[]) => taken.filter((one) => one.startsWith(asker)).length

describe('route: the bucket of a neighbour', () => {
  it('gives twenty searches at once, to two askers or more', () =>
    expect(drawn([...many('a', 10), ...many('b', 10), ...many('c', 10)]).taken).to.have.length(20))

  it('then one every five seconds', () => {
    const flood = drawn(
      Array.from({ length: 600 }, (_, i) => `${i}/${i}`),
      1000,
    )
    expect(flood.taken).to.have.length(20 + 119)
  })

  it('leaves half to others than the one who floods from behind it', () => {
    const { taken } = drawn([...many('flood', 500), ...many('honest', 3)])
    expect([by('flood', taken), by('honest', taken)]).to.deep.equal([10, 3])
  })

  it('and goes on doing so while the flood lasts', () => {
    const minute = Array.from({ length: 600 }, (_, i) => (i % 50 === 49 ? `honest/${i}` : `flood/${i}`))
    expect(by('honest', drawn(minute, 100).taken), 'all twelve of a minute').to.equal(12)
  })

  it('counts the rings of one search once, and the same ring again anew', () => {
    const rings = ['a/x/2', 'a/x/3', 'a/x/4', 'a/x/5', 'a/x/2']
    expect(drawn(rings).bucket?.tokens).to.equal(18)
    const spent = [...many('a', 10), ...many('b', 10), 'a/0/3', 'a/0/3']
    expect(drawn(spent).taken.slice(20), 'though no token is left').to.deep.equal(['a/0/3'])
  })

  it('keeps no more names than the bucket has tokens, and forgets them', () => {
    const names = Array.from({ length: 5000 }, (_, i) => `${i}/${i}`)
    const { bucket } = drawn(names, 100)
    expect(bucket?.drawn.size).to.be.at.most(41)
    expect(bucket?.rings.size).to.be.at.most(41)
  })

  it('and does so though the clock was set back', () => {
    const names = Array.from({ length: 500 }, (_, i) => `${i}/${i}`)
    const query = (target: string) => ({ neighbour: 'n', origin: target, target, ttl: 2 })
    let [bucket] = draw(undefined, query('first'), pace, now)
    for (const [i, name] of names.entries())
      [bucket] = draw(bucket, query(name), pace, now - 86_400_000 + i * pace.everyMs)
    expect(bucket.rings.size).to.be.at.most(41)
  })
})
