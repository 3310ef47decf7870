/** The few misfortunes that chance meets too seldom:  A – R – B. */
import { expect } from 'chai'
import { contactKey } from '../../src/state.ts'
import { deliverUnheard, onItsWay, scene } from './line.ts'
import { dropCalls, pass, rowAt } from './scene.ts'
import { at, entityOf, found, HOUR, heal, kill, MINUTE, write } from './village.ts'

describe('misfortunes in the village', () => {
  it('a delivery whose report stays lost past the expiry: the notice names who may have it', () => {
    const { village, a, r, b, second } = onItsWay()
    deliverUnheard(village, r, b)
    expect(b.mail).to.have.length(2)
    pass(village, 12 * HOUR + HOUR)
    const notices = a.mail.filter((letter) => letter.text.includes(`failed.${second.recipient.envelope}`))
    expect(notices).to.have.length(1)
    expect(flat(notices[0]?.text)).to.include('1.test had it last')
    expect(a.outgoing.get(second.submission)?.at(-1)).to.equal('Failed')
    heal(village)
    pass(village, HOUR)
    expect(
      a.mail.filter((letter) => letter.text.includes('failed.')),
      'one notice, however late the report',
    ).to.have.length(1)
    expect([...b.state.owed.values(), ...r.state.owed.values()], 'nobody owes it for ever').to.deep.equal([])
  })

  it('a delivery in the last second is not told as a failure by those who wait for news of it', () => {
    const { village, a, r, b, second } = onItsWay()
    pass(village, second.at + 12 * HOUR - 500 - village.clock.now)
    deliverUnheard(village, r, b)
    pass(village, 3 * MINUTE)
    expect(rowAt(a, second.key).state, 'past its expiry, the origin still listens').to.equal('handed')
    village.carrier.turn(r.id, b.id, true)
    pass(village, MINUTE)
    expect(rowAt(a, second.key).outcome?.event).to.equal('delivered')
    expect(a.mail.filter((letter) => letter.text.includes('failed.'))).to.deep.equal([])
  })

  it('a receipt that is lost, another way that is a dead end, and the first way remembered', () => {
    // A hands to B, whose answer is lost with the link; then to R, who can't reach B; B's report counts when it comes.
    const village = found(3, 3, [
      [0, 1],
      [0, 2],
      [1, 2],
    ])
    const [a, r, b] = [at(village, 0), at(village, 1), at(village, 2)]
    village.carrier.turn(a.id, b.id, false)
    pass(village, 1000)
    write(village, a, [{ address: 'p@2.test' }])
    pass(village, 10_000)
    village.carrier.turn(a.id, b.id, true)
    pass(village, 10_000)
    write(village, a, [{ address: 'p@2.test' }])
    const key = village.written[1]?.key ?? ''
    for (let ms = 0; ms < 1000 && b.mail.length < 2; ms++) pass(village, 1)
    village.carrier.turn(a.id, b.id, false)
    village.carrier.turn(r.id, b.id, false)
    expect(b.mail).to.have.length(2)
    expect(rowAt(a, key).state).to.equal('handing')
    pass(village, HOUR)
    expect(rowAt(a, key).next, 'R was asked meanwhile').to.equal(r.id)
    village.carrier.turn(a.id, b.id, true)
    pass(village, MINUTE)
    expect(rowAt(a, key).outcome?.event, "B's own word, though R has custody").to.equal('delivered')
    pass(village, 2 * 12 * HOUR)
    expect(b.mail).to.have.length(2)
    expect(a.mail.filter((letter) => letter.text.includes('failed.'))).to.deep.equal([])
  })

  it('a night without power between 250 and the seal costs a delay, not the message', () => {
    const { village, a, b } = onItsWay()
    village.carrier.turn(at(village, 1).id, b.id, true)
    pass(village, MINUTE)
    const before = b.mail.length
    write(village, a, [{ address: 'p@2.test' }])
    const key = village.written[2]?.key ?? ''
    kill(village, a.id, 3 * HOUR)
    expect(rowAt(a, key).state).to.equal('spooled')
    pass(village, 3 * HOUR + MINUTE)
    expect(a.mail.filter((letter) => letter.text.includes('delayed.'))).to.have.length(1)
    expect(b.mail).to.have.length(before + 1)
  })

  it('what a person said of a contact outlives a restart with mail to them on its way', () => {
    const { village, a, b } = scene()
    const [entity = ''] = a.state.locals.keys()
    const other = entityOf('p@2.test')
    const contact = { entity, other, trust: 'none' as const, address: 'p@2.test', at: village.clock.now }
    a.raise({ on: 'trusted', contact })
    write(village, a, [{ address: 'p@2.test' }])
    kill(village, a.id, MINUTE)
    pass(village, HOUR)
    expect(b.mail).to.have.length(1)
    expect(a.state.contacts.get(contactKey(entity, other))?.trust).to.equal('none')
  })

  it('a way that is none for this envelope is not searched for again and again', () => {
    const { village, a, r, b } = scene()
    write(village, a, [{ address: 'p@2.test' }])
    pass(village, MINUTE)
    let refusals = 0
    let queries = 0
    dropCalls(village, (from, _to, call, answered) => {
      if (from !== a.id) return false
      if ('records' in call && call.records.some((line) => line.includes('"WHO"'))) queries++
      if (!('offer' in call) || refusals > 0) return false
      refusals++
      answered([{ refused: 'no-route' }]) // R says so once, and answers every search as before
      return true
    })
    write(village, a, [{ address: 'p@2.test' }])
    const key = village.written[1]?.key ?? ''
    pass(village, 10 * MINUTE)
    expect(refusals).to.equal(1)
    expect(rowAt(a, key).state).to.equal('waiting')
    expect(queries, 'two rings a search, one search a backoff').to.be.within(2, 40)
    pass(village, 20 * MINUTE)
    expect(rowAt(r, key).outcome?.event).to.equal('delivered')
    expect(b.mail).to.have.length(2)
  })
})

const flat = (text = ''): string => text.replace(/\s+/g, ' ')
