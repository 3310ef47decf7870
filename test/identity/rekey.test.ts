import { expect } from 'chai'
import { barePublicKey } from '../../src/identity/entity.ts'
import { makeRekey, type Rekey, readRekey } from '../../src/identity/rekey.ts'
import { signStatement } from '../../src/identity/statement.ts'
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

  it('says who it was before the theft', async () => {
    const move: Rekey = { ...rekey, reason: 'compromise', was: eve.agent.id }
    expect(await readRekey(await makeRekey(ann.entity, NET, move, now), keyOf(ann), NET, now)).to.deep.equal(move)
  })

  const wrong: [what: string, text: () => Promise<string>][] = [
    ['by somebody else', () => made(eve)],
    ['for another net', () => makeRekey(ann.entity, 'other', rekey, now)],
    ['changed', async () => (await made(ann)).replace(String(now), String(now + 1))],
    ['signed as something else', () => signStatement(ann.entity, 'card', { v: 1, net: NET, ...rekey }, now)],
    ['for another reason', () => made(ann, { reason: 'boredom' })],
    ['after a theft, and does not say who it was', () => made(ann, { reason: 'compromise' })],
    ['after a theft, and is who it was', () => made(ann, { reason: 'compromise', was: ann.agent.id })],
    ['without an epoch', () => made(ann, { epoch: undefined })],
    ['of no agent', () => made(ann, { agentId: 'ann' })],
    ['signed in the future', () => makeRekey(ann.entity, NET, rekey, now + DAY)],
    ['that is no statement', async () => 'rekey, please'],
  ]
  for (const [what, text] of wrong)
    it(`${what} does not hold`, async () => {
      expect(await refusalOf(readRekey(await text(), keyOf(ann), NET, now))).to.equal('rekey-invalid')
    })
})
