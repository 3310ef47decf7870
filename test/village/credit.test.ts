/**
 * Credit in a calm village:  A – R – B, and X, a neighbour of R alone. Limits are those of a new web.
 * What is written here by hand and sent by A goes to Requests unless B knows A.
 */
import { expect } from 'chai'
import { debtAt } from '../../src/credit/credit.ts'
import { contactKey } from '../../src/state.ts'
import type { Agent } from './agent.ts'
import { addressOf, DAY } from './mail.ts'
import { pass, withoutLimits } from './scene.ts'
import { at, entityOf, found, HOUR, MINUTE, type Village, write } from './village.ts'

type Scene = { village: Village; a: Agent; r: Agent; b: Agent; x: Agent }

/** Nobody's owner has set a limit. */
const scene = (): Scene => {
  const village = found(1, 4, [
    [0, 1],
    [1, 2],
    [3, 1],
  ])
  withoutLimits(village)
  const [a, r, b, x] = [at(village, 0), at(village, 1), at(village, 2), at(village, 3)]
  pass(village, 1000)
  return { village, a, r, b, x }
}

const writes = (village: Village, from: Agent, to: Agent, count = 1): void => {
  for (let i = 0; i < count; i++) write(village, from, [{ address: addressOf(village, to) }])
}

/** The person at `agent` trusts the one at `other`, who are so in INBOX. */
const trusts = (village: Village, agent: Agent, other: Agent, trust: 'explicit' | 'none' = 'explicit'): void => {
  const [entity, address] = [entityOf(addressOf(village, agent)), addressOf(village, other)]
  agent.raise({ on: 'trusted', contact: { entity, other: entityOf(address), trust, address, at: village.clock.now } })
}

const got = (agent: Agent, folder: 'INBOX' | 'Requests') =>
  agent.mail.filter((one) => one.folder === folder && one.provenance !== undefined).length

/** What `agent` reckons for what `other` handed it: messages not judged, and debt. */
const account = (village: Village, agent: Agent, other: Agent): [pending: number, debt: number] => {
  const credit = agent.state.credits.get(other.id)
  return credit ? [credit.theirs.pending, debtAt(credit, village.clock.now)] : [0, 0]
}

describe('village: mail to strangers is on credit', () => {
  it('three letters of a stranger come, the fourth waits until one is judged by silence', () => {
    const { village, a, r, b } = scene()
    writes(village, a, b, 5)
    pass(village, HOUR)
    expect(got(b, 'Requests')).to.equal(3)
    expect([account(village, r, a), account(village, b, r)]).to.deep.equal([
      [3, 0],
      [3, 0],
    ])
    expect([...a.state.custody.values()].map(({ state }) => state).sort()).to.deep.equal([
      'done',
      'done',
      'done',
      'waiting',
      'waiting',
    ])
  })

  it('and all are free again after a week, and two days for the way back at most', () => {
    const { village, a, r, b } = scene()
    writes(village, a, b, 3)
    pass(village, 9 * DAY + HOUR)
    expect([account(village, r, a), account(village, b, r)]).to.deep.equal([
      [0, 0],
      [0, 0],
    ])
    expect([a, r].map(({ state }) => [...state.credits.values()].map(({ ours }) => ours.pending))).to.deep.equal([
      [0],
      [0, 0],
    ])
    writes(village, a, b, 3)
    pass(village, HOUR)
    expect(got(b, 'Requests')).to.equal(6)
  })

  it('friends write as much as they like, once the first letter has come', () => {
    const { village, a, r, b } = scene()
    trusts(village, b, a)
    writes(village, a, b)
    pass(village, MINUTE)
    writes(village, a, b, 100)
    pass(village, MINUTE)
    expect(got(b, 'INBOX')).to.equal(101)
    expect([account(village, r, a), account(village, b, r)]).to.deep.equal([
      [0, 0],
      [0, 0],
    ])
  })

  it('many first letters to a friend at once come as room is made, not minutes later', () => {
    const { village, a, b } = scene()
    trusts(village, b, a)
    writes(village, a, b, 30)
    pass(village, 20_000)
    expect(got(b, 'INBOX')).to.equal(30)
  })

  it('whom the recipient knows no longer writes as a stranger again, and need not do anything', () => {
    const { village, a, b } = scene()
    trusts(village, b, a)
    writes(village, a, b)
    pass(village, MINUTE)
    trusts(village, b, a, 'none')
    writes(village, a, b, 2)
    pass(village, MINUTE)
    expect([got(b, 'INBOX'), got(b, 'Requests')]).to.deep.equal([1, 2])
    expect(a.mail, 'no notice of a failure').to.deep.equal([])
    const contact = a.state.contacts.get(contactKey(entityOf('p@0.test'), entityOf('p@2.test')))
    expect(contact).to.not.have.property('permit')
  })

  it('a permit that nobody gave moves no message into a mailbox, and costs nobody credit', () => {
    const { village, a, r, b } = scene()
    writes(village, a, b)
    pass(village, MINUTE)
    const key = contactKey(entityOf('p@0.test'), entityOf('p@2.test'))
    const invent = () => {
      const contact = a.state.contacts.get(key)
      if (contact) a.state.contacts.set(key, { ...contact, permit: '0'.repeat(32) })
    }
    for (let i = 0; i < 20; i++) {
      invent()
      writes(village, a, b)
      pass(village, MINUTE)
    }
    // What came after the refusals came on credit, like any stranger's.
    expect(got(b, 'Requests')).to.equal(3)
    expect([account(village, r, a)[0], account(village, b, r)[0]]).to.deep.equal([3, 3])
  })
})
