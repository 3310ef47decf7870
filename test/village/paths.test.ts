/**
 * Another path: relays that die with mail in custody, that drop it, or that only seem to. Every message
 * arrives, once, and its sender is told the truth.
 */
import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import { routeOf } from '../../src/route/cache.ts'
import { encodeMessage } from '../../src/wire/record.ts'
import type { Agent } from './agent.ts'
import { bury, diamond, dropCalls, moveIn, pass, rowAt, turn } from './scene.ts'
import { at, entityOf, found, HOUR, MINUTE, type Village, write } from './village.ts'

const arrivedOnce = (village: Village): void => {
  for (const { key, origin, to, text } of village.written) {
    const copies = to?.mail.filter((letter) => letter.provenance?.key === key) ?? []
    expect(copies.map((letter) => letter.text)).to.deep.equal([text])
    expect(rowAt(origin, key).outcome?.event).to.equal('delivered')
  }
  for (const { mail } of village.agents)
    expect(mail.filter((letter) => letter.text.includes('failed.'))).to.deep.equal([])
}

describe('the village takes another path', () => {
  it('a relay with custody dies for good: all it had arrives by another path, once', () => {
    const { village, a, r1, r2, b } = diamond()
    turn(village, r1, [b], false)
    for (let i = 0; i < 5; i++) write(village, a, [{ address: 'p@3.test' }])
    pass(village, MINUTE)
    for (const { key } of village.written.slice(1)) expect(rowAt(r1, key).state).to.equal('waiting')
    bury(village, r1)
    turn(village, r2, [a, b], true)
    pass(village, 28 * MINUTE)
    expect(b.mail, 'it is waited for, twice the hop deadline').to.have.length(1)
    pass(village, 10 * MINUTE)
    arrivedOnce(village)
    expect(rowAt(a, village.written[1]?.key ?? '').trail).to.deep.include.members([
      { event: 'stalled', by: a.id, at: rowAt(a, village.written[1]?.key ?? '').trail[1]?.at, next: r1.id, jws: '' },
    ])
  })

  for (const how of ['custody-full', 'rate-limited', 'envelope-expired', 'a fault', 'silence'] as const)
    it(`a neighbour that is connected and takes nothing is gone round: ${how}`, () => {
      const { village, a, r1, r2, b } = diamond()
      turn(village, r2, [a, b], true)
      pass(village, MINUTE)
      dropCalls(village, (from, to, call, answered) => {
        if (from !== a.id || to !== r1.id || !('offer' in call)) return false
        if (how === 'silence') village.clock.in(20_000, () => answered(undefined))
        else answered(how === 'a fault' ? undefined : [{ refused: how }])
        return true
      })
      write(village, a, [{ address: 'p@3.test' }])
      pass(village, 5 * MINUTE)
      arrivedOnce(village)
    })

  it('where no other neighbour is connected, nobody is asked for a way round, and it is tried again as before', () => {
    const { village, a, r1 } = diamond()
    let isFull = true
    let asked = 0
    dropCalls(village, (from, to, call, answered) => {
      if (from !== a.id || to !== r1.id || !isFull) return false
      if ('records' in call) asked += call.records.filter((text) => text.includes('"WHO"')).length
      else answered([{ refused: 'custody-full' }])
      return 'offer' in call
    })
    write(village, a, [{ address: 'p@3.test' }])
    pass(village, 3 * HOUR)
    expect(asked).to.equal(0)
    isFull = false
    pass(village, 7 * MINUTE)
    arrivedOnce(village)
  })

  it('further on as well: whoever is nearest to the break goes round it, and says so', () => {
    // A – R1 – R2 – B, and R1 – R3 – B
    const village = found(2, 5, [
      [0, 1],
      [1, 2],
      [2, 4],
      [1, 3],
      [3, 4],
    ])
    const [a, r1, r2, r3, b] = [0, 1, 2, 3, 4].map((i) => at(village, i)) as [Agent, Agent, Agent, Agent, Agent]
    pass(village, 1000)
    turn(village, r3, [r1, b], false)
    write(village, a, [{ address: 'p@4.test' }])
    pass(village, MINUTE)
    turn(village, r2, [b], false)
    write(village, a, [{ address: 'p@4.test' }])
    const key = village.written[1]?.key ?? ''
    pass(village, MINUTE)
    expect(rowAt(r2, key).state).to.equal('waiting')
    bury(village, r2)
    turn(village, r3, [r1, b], true)
    pass(village, HOUR)
    arrivedOnce(village)
    const told = rowAt(a, key).trail.map(({ event, by }) => [event, by])
    expect(told).to.deep.equal([
      ['accepted', r1.id],
      ['forwarded', r1.id],
      ['stalled', r1.id],
      ['forwarded', r1.id],
      ['forwarded', r3.id],
      ['delivered', b.id],
    ])
  })

  it('the slow first copy is recognised, whichever of the two comes first', () => {
    const { village, a, r1, r2, b } = diamond(3)
    turn(village, r1, [b], false)
    write(village, a, [{ address: 'p@3.test' }])
    pass(village, MINUTE)
    turn(village, r1, [a], false)
    turn(village, r2, [a, b], true)
    pass(village, HOUR)
    expect(b.mail, 'by the second path').to.have.length(2)
    turn(village, r1, [b], true)
    pass(village, HOUR)
    expect(b.mail, 'and the first copy brings nothing new').to.have.length(2)
    expect(rowAt(r1, village.written[1]?.key ?? '').outcome?.event).to.equal('delivered')
    arrivedOnce(village)
  })

  it('a relay that has it already takes the second copy, so that the news comes back by either way', () => {
    // A – R1 – R3 – B and A – R2 – R3: R1 dies once R3 has it, and B is away all the while.
    const village = found(4, 5, [
      [0, 1],
      [1, 3],
      [0, 2],
      [2, 3],
      [3, 4],
    ])
    const [a, r1, r2, r3, b] = [0, 1, 2, 3, 4].map((i) => at(village, i)) as [Agent, Agent, Agent, Agent, Agent]
    pass(village, 1000)
    turn(village, r2, [a, r3], false)
    write(village, a, [{ address: 'p@4.test' }])
    pass(village, MINUTE)
    const over = { entity: entityOf('p@4.test'), hops: [a.id, r2.id, r3.id, b.id], expires: village.clock.now + HOUR }
    apply(a.state, { put: 'route', row: routeOf(over) }) // found once, before R2 went away
    turn(village, r3, [b], false)
    write(village, a, [{ address: 'p@4.test' }])
    const key = village.written[1]?.key ?? ''
    pass(village, MINUTE)
    expect(rowAt(r3, key).state).to.equal('waiting')
    bury(village, r1)
    turn(village, r2, [a, r3], true)
    pass(village, HOUR)
    expect(rowAt(r3, key).also).to.deep.equal([r2.id])
    turn(village, r3, [b], true)
    pass(village, 10 * MINUTE)
    arrivedOnce(village)
  })

  it('a black hole signs for mail and drops it: it goes round, and mail to others avoids the hole', () => {
    const village = found(5, 4, [
      [0, 1],
      [1, 3],
      [0, 2],
      [2, 3],
    ])
    const [a, r1, r2, b] = [at(village, 0), at(village, 1), at(village, 2), at(village, 3)]
    const [one, other] = ['p@3.test', 'q@3.test']
    moveIn(village, b, other)
    pass(village, 1000)
    for (const address of [one, other]) write(village, a, [{ address }])
    pass(village, MINUTE)
    const routes = [r1, r2].map((relay) => [a.id, relay.id, b.id])
    for (const entity of [one, other].map(entityOf)) {
      const expires = village.clock.now + 20 * HOUR
      a.state.routes.set(
        entity,
        routes.map((hops) => routeOf({ entity, hops, expires })),
      )
    }
    const swallowed = new Set<string>()
    dropCalls(village, (from, to, call) => {
      if (from !== r1.id) return false
      if ('records' in call) return call.records[0]?.includes('"REPORTS"') === true // R1 never speaks of it again
      if (to === b.id) swallowed.add(call.offer.envelope)
      return to === b.id
    })
    turn(village, r2, [b], false)
    write(village, a, [{ address: one }])
    pass(village, 35 * MINUTE)
    expect(b.mail, 'R2 has it by now, and waits').to.have.length(2)
    expect([...a.state.blamed.keys()], 'for its silence alone: nothing has come by another way yet').to.deep.equal([
      r1.id,
    ])
    turn(village, r2, [b], true)
    pass(village, 25 * MINUTE)
    expect([swallowed.size, b.mail.length]).to.deep.equal([1, 3])
    expect([...a.state.blamed.keys()]).to.deep.equal([r1.id])
    expect(a.state.routes.get(entityOf(other))?.[0]?.hops, 'known as before').to.deep.equal(routes[0])
    const sentAt = village.clock.now
    write(village, a, [{ address: other }])
    pass(village, MINUTE)
    expect(b.mail.at(-1)?.at, 'at once, by the other way').to.be.within(sentAt, sentAt + 10_000)
    expect(swallowed.size).to.equal(1)
    arrivedOnce(village)
  })

  it('a black hole that always says it waits is avoided as well, once mail gets through elsewhere', () => {
    const { village, a, r1, r2, b } = diamond(7)
    turn(village, r2, [a, b], true)
    dropCalls(village, (from, to, call) => from === r1.id && to === b.id && 'offer' in call)
    write(village, a, [{ address: 'p@3.test' }])
    for (let i = 0; i < 8; i++) {
      pass(village, 10 * MINUTE)
      const { key } = village.written[1] ?? { key: '' }
      const [origin = '', id = ''] = key.split('/')
      const word = { id, origin, event: 'stalled', next: b.id, at: village.clock.now }
      const reports = [village.notary.sign(r1.id, 'REPORT', word)]
      village.carrier.call(r1.id, a.id, { records: [encodeMessage({ t: 'REPORTS', origin, id, reports })] }, () => {})
    }
    pass(village, HOUR)
    arrivedOnce(village)
    expect([...a.state.blamed.keys()]).to.deep.equal([r1.id])
  })

  it('mail that was refused while a link was revoked goes over the new one at once', () => {
    const village = found(8, 3, [
      [0, 1],
      [1, 2],
    ])
    const [a, r, b] = [at(village, 0), at(village, 1), at(village, 2)]
    pass(village, 1000)
    write(village, a, [{ address: 'p@2.test' }])
    pass(village, MINUTE)
    r.raise({ on: 'unlinked', agent: a.id }) // A has not noticed
    write(village, a, [{ address: 'p@2.test' }])
    pass(village, 5 * MINUTE)
    expect(rowAt(a, village.written[1]?.key ?? '').avoid.map(({ by }) => by)).to.deep.equal([r.id])
    const ends = [
      [a, r],
      [r, a],
    ] as const
    for (const [mine, other] of ends) {
      const link = mine.state.links.get(other.id)
      if (link) mine.raise({ on: 'linked', link: { ...link, state: 'active', since: village.clock.now, up: false } })
    }
    for (const [mine, other] of ends) mine.raise({ on: 'up', agent: other.id })
    pass(village, 10_000)
    expect(b.mail).to.have.length(2)
    arrivedOnce(village)
  })

  it('a recipient who is never online at the same time as the sender gets it, and the sender hears of it', () => {
    const village = found(6, 3, [
      [0, 1],
      [1, 2],
    ])
    const [a, r, b] = [at(village, 0), at(village, 1), at(village, 2)]
    pass(village, 1000)
    write(village, a, [{ address: 'p@2.test' }])
    pass(village, MINUTE)
    for (let day = 0; day < 3; day++) {
      turn(village, b, [r], false)
      turn(village, a, [r], true)
      if (day === 0) write(village, a, [{ address: 'p@2.test' }])
      pass(village, 2 * HOUR)
      turn(village, a, [r], false)
      turn(village, b, [r], true)
      pass(village, 2 * HOUR)
    }
    turn(village, a, [r], true)
    pass(village, MINUTE)
    expect(b.mail).to.have.length(2)
    arrivedOnce(village)
    expect([...a.state.blamed.keys()], 'who waits for somebody is not silent').to.deep.equal([])
  })
})
