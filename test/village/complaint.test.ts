/**
 * Complaints and who pays, in a calm village:  A – R – B, with C, D and X as neighbours of R alone.
 * A new web's limits. Each attack says what it would have won.
 */
import { expect } from 'chai'
import { exactDebt } from '../../src/credit/credit.ts'
import { contactKey } from '../../src/state.ts'
import { encodeMessage, type Message } from '../../src/wire/record.ts'
import type { Agent } from './agent.ts'
import type { Reply } from './carrier.ts'
import { holdsInTheBooks } from './claims.ts'
import { addressOf, complains, DAY, debt, writes } from './mail.ts'
import { pass, withoutLimits } from './scene.ts'
import { at, entityOf, found, HOUR, judge, MINUTE, terms, type Village, write } from './village.ts'

type Scene = { village: Village; a: Agent; r: Agent; b: Agent; c: Agent; d: Agent; x: Agent }

const scene = (more: [number, number][] = [], count = 6, lives = terms): Scene => {
  const village = found(1, count, [[0, 1], [1, 2], [1, 3], [1, 4], [1, 5], ...more], lives)
  withoutLimits(village)
  pass(village, 1000)
  const [a, r, b] = [at(village, 0), at(village, 1), at(village, 2)]
  return { village, a, r, b, c: at(village, 3), d: at(village, 4), x: at(village, 5) }
}

const hears = (village: Village, agent: Agent, from: Agent, message: Message): Reply => {
  let heard: Reply | undefined
  agent.take(from.id, { records: [encodeMessage(message)] }, ([reply]) => {
    heard = reply
  })
  pass(village, 1)
  if (heard === undefined) throw new Error('it gave no answer')
  return heard
}

/** A complaint about what `key` names, as `signer` would write it. */
const complaintBy = (village: Village, signer: Agent, key: string, more: object = {}): Message => {
  const [origin = '', id = ''] = key.split('/')
  const entity = entityOf(addressOf(village, signer))
  const row = village.agents.map(({ state }) => state.custody.get(key)).find((one) => one?.hash)
  const said = { net: 'village', origin, id, hash: row?.hash ?? '', reason: 'abuse', at: village.clock.now, ...more }
  const complaint = village.notary.sign(entity, 'COMPLAINT', said)
  return { t: 'COMPLAINT', origin, id, complaint, card: signer.cards.get(entity) ?? '' }
}

describe('village: a complaint', () => {
  it('is charged from hop to hop: the relay comes out even, and the origin knows who wrote it', () => {
    const { village, a, r, b } = scene()
    const [key = ''] = writes(village, a, b)
    complains(village, b, [key])
    expect([debt(village, b, r), debt(village, r, a)]).to.deep.equal([1, 1])
    expect([debt(village, r, b), debt(village, a, r)]).to.deep.equal([-1, -1])
    holdsInTheBooks(village)
    const [person, writer] = [entityOf('p@2.test'), entityOf('p@0.test')]
    expect(a.complaints.get(key)).to.include({
      role: 'received',
      reason: 'abuse',
      by: person,
      sender: writer,
      over: r.id,
    })
    expect(r.complaints.get(key)).to.include({ role: 'passed', charged: a.id, over: b.id })
    expect(b.complaints.get(key)).to.include({ role: 'made', sender: writer, charged: r.id })
  })

  it('is withdrawn, and it is as if it had not been', () => {
    const { village, a, r, b } = scene()
    const [key = ''] = writes(village, a, b)
    complains(village, b, [key])
    pass(village, DAY)
    judge(village, b, key, 'not-spam')
    pass(village, MINUTE)
    expect([debt(village, b, r), debt(village, r, a), debt(village, a, r)]).to.deep.equal([0, 0, 0])
    expect(a.complaints.get(key)?.withdrawnAt).to.be.a('number')
    complains(village, b, [key])
    expect(debt(village, r, a), 'a person changes their mind once').to.equal(0)
  })

  it('is owed to a neighbour that is away, and counts from when it was signed', () => {
    const { village, a, r, b } = scene()
    const [key = ''] = writes(village, a, b)
    village.carrier.turn(a.id, r.id, false)
    complains(village, b, [key])
    pass(village, 1.5 * DAY)
    expect(exactDebt(r.state.credits.get(a.id) ?? never(), village.clock.now)).to.be.closeTo(0.9 ** 1.5, 1e-3)
    village.carrier.turn(a.id, r.id, true)
    pass(village, MINUTE)
    holdsInTheBooks(village)
    expect(debt(village, a, r)).to.be.below(0)
  })

  it('about somebody whom the recipient trusts takes the trust back, and costs nobody', () => {
    const { village, a, r, b } = scene()
    const [entity, other] = [entityOf('p@2.test'), entityOf('p@0.test')]
    b.raise({ on: 'trusted', contact: { entity, other, trust: 'explicit', address: 'p@0.test', at: 0 } })
    const [key = ''] = writes(village, a, b)
    complains(village, b, [key])
    expect([debt(village, b, r), debt(village, r, a)]).to.deep.equal([0, 0])
    expect(b.state.contacts.get(contactKey(entity, other))?.trust).to.equal('none')
    judge(village, b, key, 'not-spam')
    expect(b.state.contacts.get(contactKey(entity, other))?.trust).to.equal('explicit')
  })

  it('may follow upon reading, but not after a night', () => {
    const { village, a, r, b } = scene()
    const [soon = '', late = ''] = writes(village, a, b, 2)
    for (const key of [soon, late]) judge(village, b, key, 'wanted')
    complains(village, b, [soon])
    pass(village, DAY)
    complains(village, b, [late])
    expect(debt(village, r, a)).to.be.closeTo(0.9, 0.001)
  })

  it('whoever is let in from Requests writes freely at once', () => {
    const { village, a, r, b } = scene()
    const keys = writes(village, a, b, 5)
    expect(keys).to.have.length(3)
    const [entity, other] = [entityOf('p@2.test'), entityOf('p@0.test')]
    b.raise({ on: 'trusted', contact: { entity, other, trust: 'implicit', address: 'p@0.test', at: 0 } })
    for (const key of keys) judge(village, b, key, 'wanted')
    pass(village, HOUR)
    expect(b.mail.filter(({ folder }) => folder === 'INBOX')).to.have.length(2)
    expect(r.state.credits.get(a.id)?.theirs.pending).to.equal(0)
  })
})

const never = (): never => {
  throw new Error('nothing is kept about this neighbour')
}

describe('village: attacks on credit', () => {
  it('a complaint that the recipient did not sign is worth nothing', () => {
    const { village, a, r, b, x } = scene()
    const [key = ''] = writes(village, a, b)
    // R itself, or somebody R knows, in the name of whoever it pleases; it would take A's credit.
    expect(hears(village, a, r, complaintBy(village, x, key))).to.deep.equal({ refused: 'complaint-foreign' })
    const genuine = complaintBy(village, b, key) as Extract<Message, { t: 'COMPLAINT' }>
    const forged = { ...genuine, complaint: genuine.complaint.replace('abuse', 'fraud') }
    expect(hears(village, a, r, forged)).to.deep.equal({ refused: 'signature-wrong' })
    const other = complaintBy(village, b, key, { hash: 'e'.repeat(64) })
    expect(hears(village, a, r, other)).to.deep.equal({ refused: 'complaint-foreign' })
    expect(debt(village, a, r)).to.equal(0)
  })

  it('nor one by the right person with a wrong date, or about a friend: it would make the two books differ', () => {
    const { village, a, r, b } = scene()
    const { clock } = village
    const [key = ''] = writes(village, a, b)
    const dated: [what: string, at: number, code: string][] = [
      ['tomorrow', clock.now + DAY, 'record-malformed'],
      ['a month before it was written, so that it costs nearly nothing', clock.now - 30 * DAY, 'complaint-late'],
    ]
    for (const [what, at, refused] of dated)
      expect(hears(village, a, r, complaintBy(village, b, key, { at })), what).to.deep.equal({ refused })
    const [entity, other] = [entityOf('p@2.test'), entityOf('p@0.test')]
    b.raise({ on: 'trusted', contact: { entity, other, trust: 'explicit', address: 'p@0.test', at: clock.now } })
    writes(village, a, b) // brings the permit
    const [friendly = ''] = writes(village, a, b)
    expect(hears(village, a, r, complaintBy(village, b, friendly))).to.deep.equal({ refused: 'complaint-late' })
    expect([debt(village, a, r), debt(village, r, a)]).to.deep.equal([0, 0])
    holdsInTheBooks(village)
  })

  it('a stolen receipt, or a copy of the complaint, is worth nothing over another link, nor twice', () => {
    const { village, a, r, b, x } = scene()
    const [key = ''] = writes(village, a, b)
    const genuine = complaintBy(village, b, key)
    expect(hears(village, r, x, genuine)).to.deep.equal({ refused: 'complaint-foreign' })
    expect(debt(village, r, a)).to.equal(0)
    for (let i = 0; i < 10; i++) expect(hears(village, r, b, genuine)).to.deep.equal({ ok: true })
    pass(village, MINUTE)
    expect([debt(village, r, a), debt(village, r, b)]).to.deep.equal([1, -1])
  })

  it('a flood of complaints counts no more than messages', () => {
    const { village, a, r, b } = scene()
    const keys = writes(village, a, b, 2)
    for (let i = 0; i < 500; i++) {
      const invented = `${a.id}/${i.toString(16).padStart(32, '0')}`
      expect(hears(village, r, b, complaintBy(village, b, invented, { hash: 'f'.repeat(64) }))).to.deep.equal({
        refused: 'complaint-unknown',
      })
      for (const key of keys) hears(village, r, b, complaintBy(village, b, key, { at: village.clock.now }))
    }
    expect([debt(village, r, a), debt(village, r, b)].map(Math.round)).to.deep.equal([2, -2])
  })

  it('sybils behind one link send no more than that link may cost', () => {
    const sybils = [6, 7, 8]
    const { village, r, b, c, d, x } = scene(
      sybils.map((i) => [5, i]), // X vouches for all of them
      9,
    )
    const start = village.clock.now
    let unwanted = 0
    for (let day = 0; day < 10; day++) {
      const before = village.written.length
      for (const i of sybils)
        for (const victim of [b, c, d]) write(village, at(village, i), [{ address: addressOf(village, victim) }])
      pass(village, HOUR)
      for (const { key, to } of village.written.slice(before))
        if (to?.mail.some(({ provenance }) => provenance?.key === key)) {
          judge(village, to, key, 'abuse')
          unwanted++
        }
      pass(village, DAY - HOUR)
    }
    const days = (village.clock.now - start) / DAY
    expect(unwanted)
      .to.be.above(2)
      .and.at.most(3 * (1 + 0.105 * days))
    expect(debt(village, r, x)).to.be.at.most(3)
    holdsInTheBooks(village)
  }).timeout(20_000)

  it('a new identity behind the same link starts with the same debt', () => {
    const { village, r, b, x } = scene([[5, 6]], 7)
    complains(village, b, writes(village, x, b, 3))
    expect(debt(village, r, x)).to.be.closeTo(3, 0.05)
    expect(writes(village, at(village, 6), b, 3), 'X as its own sybil').to.deep.equal([])
  })

  it('a spammer takes from a bridge no more than its own limit: others go on over it', () => {
    const { village, a, r, b, x } = scene()
    // B knows R's people well.
    const link = b.state.links.get(r.id)
    const back = r.state.links.get(b.id)
    if (!link || !back) throw new Error('R and B are neighbours')
    b.state.links.set(r.id, { ...link, limit: 6 })
    r.state.links.set(b.id, { ...back, limit: 6 })
    const spam = writes(village, x, b, 50)
    expect(spam).to.have.length(3)
    complains(village, b, spam)
    expect(writes(village, a, b, 3), "A's letters over the same bridge").to.have.length(3)
    expect(writes(village, x, b, 3)).to.deep.equal([])
  })

  it('a bridge no wider than the spammer’s own link is full for strangers, and for nobody else, until its owner widens it', () => {
    const { village, a, r, b, c, x } = scene([], 6, { ...terms, knownLifeMs: 5 * DAY })
    const [entity, other] = [entityOf('p@2.test'), entityOf('p@3.test')]
    b.raise({
      on: 'trusted',
      contact: { entity, other, trust: 'explicit', address: 'p@3.test', at: village.clock.now },
    })
    expect(writes(village, c, b), 'brings the permit').to.have.length(1)
    complains(village, b, writes(village, x, b, 50))
    expect([debt(village, b, r), debt(village, r, x)].map(Math.round), 'R pays, and is paid').to.deep.equal([3, 3])
    const waiting = village.written.length
    expect(writes(village, a, b), 'a stranger waits').to.deep.equal([])
    expect(writes(village, c, b, 9), 'a friend does not').to.have.length(9)
    expect(writes(village, a, c, 2), 'nor do strangers over other bridges').to.have.length(2)
    b.raise({ on: 'limited', agent: r.id, limit: 6 })
    pass(village, HOUR)
    const letter = village.written[waiting]
    expect(b.mail.some(({ provenance }) => provenance?.key === letter?.key)).to.equal(true)
  })

  it('a neighbour who complains about all it gets frames nobody for more than it pays itself', () => {
    const { village, a, r, b, c } = scene()
    // B is A's enemy; it would like A to be cut off from C.
    for (let day = 0; day < 14; day++) {
      complains(village, b, writes(village, a, b))
      pass(village, DAY)
    }
    expect(debt(village, r, a), 'what B made A owe').to.be.at.most(3)
    expect(debt(village, r, b), 'B is owed as much').to.be.closeTo(-debt(village, r, a), 1e-3)
    holdsInTheBooks(village)
    village.clock.passUntil(village.clock.now + 7 * DAY)
    expect(writes(village, a, c), 'and A still reaches C').to.have.length(1)
  })
})
