/**
 * Invented routes. A looks for B and asks X alone, who keeps the question to itself and answers as it likes; queries
 * are unsigned, so X may have had genuine signatures of B and R over any route it named to them.
 *
 *   X – A – R – B      A and R are apart until the lies are told
 */
import { expect } from 'chai'
import { targetOfAddress } from '../../src/address.ts'
import { decodeMessage, encodeMessage } from '../../src/wire/record.ts'
import type { Agent } from './agent.ts'
import type { Call, Reply } from './carrier.ts'
import { hashOf } from './papers.ts'
import { dropCalls, moveIn, pass } from './scene.ts'
import { at, entityOf, found, HOUR, type Village, write } from './village.ts'

const bob = 'p@2.test'

/** `qid`: of A's question, which X has got. */
const asked = (seed: number) => {
  const village = found(seed, 4, [
    [0, 1],
    [1, 2],
    [3, 0],
  ])
  const [a, r, b, x] = [at(village, 0), at(village, 1), at(village, 2), at(village, 3)]
  moveIn(village, b, 'q@2.test')
  village.carrier.turn(a.id, r.id, false)
  pass(village, 1000)
  let qid = ''
  dropCalls(village, (from, to, call) => {
    const [message] = 'records' in call ? call.records.map(decodeMessage) : []
    if (from !== a.id || to !== x.id || message?.t !== 'WHO') return false
    qid = message.qid
    return true
  })
  a.raise({ on: 'search', target: targetOfAddress(bob), seed: village.random.id() })
  pass(village, 100)
  expect(qid).to.have.length(32)
  return { village, a, r, b, x, qid }
}
type Scene = ReturnType<typeof asked>

type Path = {
  by: Agent
  route: Agent[]
  /** Whose address was asked for, and whose card comes along. */
  of?: string
  card?: string
  entity?: string
  /** The card whose hash is signed, if it is not Bob's. */
  signedCard?: string
  qid?: string
  hops?: (path: string) => string[]
}

const pathOf = ({ village, b, qid: theirs }: Scene, given: Path): Call => {
  const { by, route, of = bob, qid = theirs, hops = () => [], entity = entityOf(of) } = given
  const card = b.cards.get(entityOf(of)) ?? ''
  const path = village.notary.sign(by.id, 'PATH', {
    qid,
    target: targetOfAddress(of),
    entity,
    route: route.map(({ id }) => id),
    card: hashOf(given.signedCard ?? card),
    expires: village.clock.now + HOUR,
  })
  return { records: [encodeMessage({ t: 'PATH', path, hops: hops(path), card: given.card ?? card })] }
}

const hop = ({ village }: Scene, by: Agent, path: string) => village.notary.sign(by.id, 'HOP', { path: hashOf(path) })

const said = (village: Village, to: Agent, from: Agent, call: Call): Reply => {
  let reply: Reply | undefined
  to.take(from.id, call, ([given]) => {
    reply = given
  })
  pass(village, 1)
  if (reply === undefined) throw new Error('it gave no answer')
  return reply
}

const cardOf = ({ x }: Scene) => x.cards.get(entityOf('p@3.test')) ?? ''

const olderCard = ({ village, b }: Scene) =>
  village.notary.sign(entityOf(bob), 'CARD', { entity: entityOf(bob), address: bob, agent: b.id, at: 'last year' })

const lies: [what: string, code: string, path: (all: Scene) => Path][] = [
  ['X claims to represent Bob itself', 'card-invalid', ({ a, x }) => ({ by: x, route: [a, x] })],
  ['X shows its own card for his', 'card-invalid', (all) => ({ by: all.b, route: [all.a, all.b], card: cardOf(all) })],
  [
    'X answers for itself what was asked about Bob',
    'card-invalid',
    (all) => ({
      by: all.x,
      route: [all.a, all.x],
      entity: entityOf('p@3.test'),
      ...{ card: cardOf(all), signedCard: cardOf(all) },
    }),
  ],
  [
    'an older card of Bob’s lies beside',
    'card-invalid',
    (all) => ({
      by: all.b,
      route: [all.a, all.x, all.b],
      card: olderCard(all),
      hops: (path) => [hop(all, all.x, path)],
    }),
  ],
  ['X signs in the name of B', 'agent-mismatch', ({ a, b, x }) => ({ by: x, route: [a, x, b] })],
  ['B is no neighbour, as X says', 'chain-broken', ({ a, x, b }) => ({ by: b, route: [a, x, b] })],
  ['the route is a loop', 'path-loops', ({ a, x, b }) => ({ by: b, route: [a, x, a, b] })],
  ['it is another asker’s route', 'chain-broken', ({ x, r, b }) => ({ by: b, route: [x, r, b] })],
  [
    'R, who stands on it, has not signed',
    'chain-broken',
    (all) => ({ by: all.b, route: [all.a, all.x, all.r, all.b], hops: (path) => [hop(all, all.x, path)] }),
  ],
  [
    'X has signed in the place of R',
    'chain-broken',
    (all) => ({
      by: all.b,
      route: [all.a, all.x, all.r, all.b],
      hops: (path) => [hop(all, all.x, path), hop(all, all.x, path)],
    }),
  ],
  [
    'R has signed another route',
    'chain-broken',
    (all) => ({
      by: all.b,
      route: [all.a, all.x, all.r, all.b],
      hops: (path) => [hop(all, all.r, `${path} over Y`), hop(all, all.x, path)],
    }),
  ],
]

/** True and signed by all, and not an answer to what was asked, or not by who was asked. */
const misplaced: [what: string, path: (all: Scene) => Path][] = [
  [
    'to a question that A never asked',
    ({ village, a, b, x }) => ({ by: b, route: [a, x, b], qid: village.random.id() }),
  ],
  ['about somebody else at the same gateway', ({ a, b, x }) => ({ by: b, route: [a, x, b], of: 'q@2.test' })],
  ['that came another way than it names', ({ a, b, r }) => ({ by: b, route: [a, r, b] })],
]

describe('the village, where routes are invented', () => {
  const seeds = [7, 8, 9]

  for (const [what, refused, path] of lies)
    it(`${what}: ${refused}`, () => {
      for (const seed of seeds) {
        const all = asked(seed)
        expect(said(all.village, all.a, all.x, pathOf(all, path(all)))).to.deep.equal({ refused })
        staysOpen(all)
      }
    })

  for (const [what, path] of misplaced)
    it(`an answer ${what} is of no effect`, () => {
      for (const seed of seeds) {
        const all = asked(seed)
        const given = path(all)
        const relays = given.route.slice(1, -1).reverse()
        const whole = { ...given, hops: (signed: string) => relays.map((one) => hop(all, one, signed)) }
        expect(said(all.village, all.a, all.x, pathOf(all, whole))).to.deep.equal({ ok: true })
        staysOpen(all)
      }
    })

  it('a genuine one is taken, so that the lies above fail for what they are', () => {
    const all = asked(7)
    const path = { by: all.b, route: [all.a, all.x, all.b], hops: (signed: string) => [hop(all, all.x, signed)] }
    expect(said(all.village, all.a, all.x, pathOf(all, path))).to.deep.equal({ ok: true })
    expect([...all.a.state.known.keys()]).to.deep.equal([entityOf(bob)])
  })
})

/** A knows nothing, looks on, and writes to Bob by the true way once there is one. */
const staysOpen = ({ village, a, r, b }: Scene): void => {
  expect([...a.state.known.keys()]).to.deep.equal([])
  expect([...a.state.routes.keys()]).to.deep.equal([])
  expect(a.state.quests.size, 'whichever ring it is by now').to.equal(1)
  village.carrier.turn(a.id, r.id, true)
  pass(village, 1000)
  write(village, a, [{ address: bob }])
  pass(village, HOUR)
  expect(b.mail.map(({ provenance }) => provenance?.path)).to.deep.equal([[a.id, r.id, b.id]])
}
