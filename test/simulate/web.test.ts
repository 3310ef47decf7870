/** The webs of the simulator, and searches in them, at a size for seconds. */
import { expect } from 'chai'
import { DEBIAN_PACKAGE, debianWeb } from '../../scripts/simulate/debian.ts'
import { degree, distances, type Graph, graphOf, largestPart, linksOf, shapeOf } from '../../scripts/simulate/graph.ts'
import { openSearching } from '../../scripts/simulate/ring.ts'
import { foundShare, searchWeb } from '../../scripts/simulate/rings.ts'
import { holmeKim, wattsStrogatz } from '../../scripts/simulate/topology.ts'
import { openWeb, pairIn } from '../../scripts/simulate/web.ts'
import { seeded } from '../village/random.ts'

const ring = graphOf(
  6,
  [0, 1, 2, 3, 4, 5].map((a) => [a, (a + 1) % 6] as const),
)
const sidesOf = ({ to, twin }: Graph) => [...to.keys()].map((side) => [side, to[side], twin[twin[side] ?? -1]] as const)

describe('simulate: webs', () => {
  it('each link has two sides, and each side knows the other', () => {
    for (const [side, , back] of sidesOf(ring)) expect(back).to.equal(side)
    expect(linksOf(ring)).to.equal(6)
  })

  it('distances, clustering and the largest part are what can be counted by hand', () => {
    expect([...distances(ring, 0)]).to.deep.equal([0, 1, 2, 3, 2, 1])
    const kite = graphOf(6, [
      [0, 1],
      [1, 2],
      [2, 0],
      [2, 3],
      [4, 5],
    ])
    const part = largestPart(kite)
    expect([part.size, linksOf(part)]).to.deep.equal([4, 4])
    // Two corners of the triangle have both neighbours linked, the third one pair of three, the tail none.
    expect(shapeOf(part, seeded(1)).clustering).to.be.closeTo((1 + 1 + 1 / 3) / 4, 1e-9)
  })

  it('Holme and Kim: every newcomer brings m links, the web hangs together and has hubs', () => {
    const web = holmeKim(1000, 4, 0.6, seeded(1))
    expect(linksOf(web)).to.equal(4 * (1000 - 4))
    expect(largestPart(web).size).to.equal(1000)
    const most = Math.max(...Array.from({ length: web.size }, (_, a) => degree(web, a)))
    expect(most).to.be.greaterThan(60)
    expect(shapeOf(web, seeded(1)).clustering).to.be.within(0.2, 0.4)
  })

  it('Watts and Strogatz: no link is lost, the web is clustered and has no hubs', () => {
    const web = wattsStrogatz(1000, 8, 0.1, seeded(1))
    expect(linksOf(web)).to.equal(4000)
    const most = Math.max(...Array.from({ length: web.size }, (_, a) => degree(web, a)))
    expect(most).to.be.lessThan(20)
    expect(shapeOf(web, seeded(1)).clustering).to.be.within(0.4, 0.55)
  })

  it("the web of Debian's people is the one the reference counted", function () {
    const real = debianWeb()
    if (real === undefined) {
      const message = `${DEBIAN_PACKAGE} is not installed: apt-get install ${DEBIAN_PACKAGE}`
      if (process.env.CI === 'true') throw new Error(message)
      console.warn(`      skipped: ${message}`)
      return this.skip()
    }
    // Another version of the package has other keys, but the same kind of web.
    expect(real.keys).to.be.within(900, 1500)
    expect(real.certifications).to.be.within(10_000, 20_000)
    expect(real.graph.size).to.be.within(700, 1200)
    const shape = shapeOf(real.graph, seeded(1))
    expect(shape.clustering).to.be.within(0.2, 0.35)
    expect(shape.meanPath).to.be.within(3, 4)
  })
})

describe('simulate: searches', () => {
  it('whoever is as near as there are rings is found, by a way that is there, and once', () => {
    const web = holmeKim(150, 4, 0.6, seeded(2))
    const random = seeded(3)
    const searching = openSearching(web, random)
    for (let i = 0; i < 40; i++) {
      const [from, to] = pairIn(web, random)
      const far = distances(web, from)[to] ?? 0
      const { isFound, hops, who, none, rings } = searching.search(from, to)
      expect([isFound, hops >= far, rings <= 5]).to.deep.equal([true, true, true])
      expect(who).to.be.greaterThan(0)
      expect(none).to.be.lessThan(who) // the one that was answered by PATH was not answered by NONE
    }
  })

  it('on the real web 99 of 100 are found by the fifth ring, and each asks but a part of the web', function () {
    this.timeout(120_000)
    const web = openWeb('debian', 0, 1)
    if (web === undefined) return this.skip() // openWeb says what is missing
    const searches = searchWeb(web, 100, 1)
    expect(foundShare(searches)).to.be.at.least(0.99)
    const messages = searches.all.reduce((sum, { who }) => sum + who, 0) / 100
    expect(messages).to.be.lessThan(3000)
  })

  it('nobody is found where no link leads', () => {
    const parted = graphOf(4, [
      [0, 1],
      [2, 3],
    ])
    const { isFound, rings } = openSearching(parted, seeded(1)).search(0, 3)
    expect([isFound, rings]).to.deep.equal([false, 1])
  })
})
