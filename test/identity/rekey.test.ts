import { expect } from 'chai'
import { barePublicKey } from '../../src/identity/entity.ts'
import { makeRekey, type Rekey, readRekey } from '../../src/identity/rekey.ts'
import { signStatement } from '../../src/identity/statement.ts'
import { rotateSubkeys, withCurrentSubkeys } from '../../src/identity/subkeys.ts'
import { DAY, NET, type Person, person, refusalOf } from './people.ts'

const now = Date.now()

describe('REKEY', () => {
  let ann: Person
  let eve: Person
  let rekey: Rekey
  before(async () => {
    ;[ann, eve] = await Promise.all([person('ann', now), person('eve', now)])
    rekey = { agentId: ann.agent.id, epoch: now, incarnation: 'a'.repeat(16), reason: 'restore' }
  })
  const keyOf = ({ entity }: Person) => Buffer.from(barePublicKey(entity).write()).toString('base64')
  const made = (by: Person, body: object = {}) => makeRekey(by.entity, NET, { ...rekey, ...body }, now)

  it('says what its operator signed', async () => {
    expect(await readRekey(await made(ann), keyOf(ann), NET, now)).to.deep.equal(rekey)
  })

  it('holds without a key, by the one that is known', async () => {
    const text = await signStatement(ann.entity, 'rekey', { v: 1, net: NET, entityId: ann.entity.id, ...rekey }, now)
    expect(await readRekey(text, keyOf(ann), NET, now)).to.deep.equal(rekey)
  })

  it('says who it was before the theft', async () => {
    const move: Rekey = { ...rekey, reason: 'compromise', was: eve.agent.id }
    expect(await readRekey(await makeRekey(ann.entity, NET, move, now), keyOf(ann), NET, now)).to.deep.equal(move)
  })

  describe('after its operator renewed the subkeys', () => {
    const later = now + 5000
    let renewed: Person
    before(async () => {
      renewed = { ...ann, entity: await rotateSubkeys(ann.entity, later) }
    })

    it('holds, though no card has shown them here yet', async () => {
      const text = await makeRekey(renewed.entity, NET, rekey, later)
      expect(await readRekey(text, keyOf(ann), NET, later)).to.deep.equal(rekey)
    })

    it('does not hold by those that were given up, though it shows them', async () => {
      const shown = await withCurrentSubkeys(barePublicKey(renewed.entity), later)
      const pinned = Buffer.from(shown.write()).toString('base64')
      expect(await refusalOf(readRekey(await made(ann), pinned, NET, later))).to.equal('rekey-invalid')
    })
  })

  const wrong: [what: string, text: () => Promise<string>][] = [
    ['by somebody else', () => made(eve)],
    [
      'by somebody else, with the key of the operator',
      () => signStatement(eve.entity, 'rekey', { v: 1, net: NET, key: keyOf(ann), ...rekey }, now),
    ],
    ['with a key that is none', () => signStatement(ann.entity, 'rekey', { v: 1, net: NET, key: 7, ...rekey }, now)],
    ['for another net', () => makeRekey(ann.entity, 'other', rekey, now)],
    ['changed', async () => (await made(ann)).replace(String(now), String(now + 1))],
    [
      'signed as something else',
      () => signStatement(ann.entity, 'card', { v: 1, net: NET, key: keyOf(ann), ...rekey }, now),
    ],
    ['for another reason', () => made(ann, { reason: 'boredom', was: eve.agent.id })],
    ['after a theft, and does not say who it was', () => made(ann, { reason: 'compromise' })],
    ['after a theft, and is who it was', () => made(ann, { reason: 'compromise', was: ann.agent.id })],
    ['without an epoch', () => made(ann, { epoch: undefined })],
    ['without an incarnation', () => made(ann, { incarnation: undefined })],
    ['with one in another spelling', () => made(ann, { incarnation: 'A'.repeat(16) })],
    ['of no agent', () => made(ann, { agentId: 'ann' })],
    ['signed in the future', () => makeRekey(ann.entity, NET, rekey, now + DAY)],
    ['that is no statement', async () => 'rekey, please'],
  ]
  for (const [what, text] of wrong)
    it(`${what} does not hold`, async () => {
      expect(await refusalOf(readRekey(await text(), keyOf(ann), NET, now))).to.equal('rekey-invalid')
    })
})
