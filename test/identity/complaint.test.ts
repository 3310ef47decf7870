import { expect } from 'chai'
import fc from 'fast-check'
import { makeComplaint, readComplaint } from '../../src/identity/complaint.ts'
import { signStatement } from '../../src/identity/statement.ts'
import { Refusal } from '../../src/refusal.ts'
import { NET, type Person, person, refusalOf } from './people.ts'

let now: number
const said = (more: object = {}) => ({
  net: NET,
  origin: 'a'.repeat(52),
  id: '0'.repeat(32),
  hash: 'f'.repeat(64),
  reason: 'abuse' as const,
  at: now,
  ...more,
})

describe('identity: a complaint', () => {
  let ann: Person
  let bob: Person
  let text: string
  before(async () => {
    ;[ann, bob] = await Promise.all([person('ann'), person('bob')])
    now = Date.now() + 1000 // after the keys were made, also by their seconds
    text = await makeComplaint(ann.entity, said())
  })

  it('says what was signed, and by whose key', async () => {
    const { net, ...rest } = said()
    const wanted = { ...rest, entity: ann.entity.id, text, card: ann.card.text }
    expect(await readComplaint(text, ann.card.text, NET, now)).to.deep.equal(wanted)
  })

  it('by somebody else, altered, of another kind or web: refused by name', async () => {
    const read = (given: string, card = ann.card.text) => refusalOf(readComplaint(given, card, NET, now))
    expect(await read(text, bob.card.text)).to.equal('signature-wrong')
    expect(await read(text.replace('abuse', 'virus'))).to.equal('signature-wrong')
    expect(await read(await signStatement(ann.entity, 'card', { v: 1, ...said() }, now))).to.equal('signature-wrong')
    expect(await read(await makeComplaint(ann.entity, said({ net: 'another' })))).to.equal('net-mismatch')
    expect(await read(await signStatement(ann.entity, 'complaint', { v: 2, ...said() }, now))).to.equal(
      'record-version',
    )
    expect(await read(text, '')).to.equal('card-invalid')
  })

  it('whatever comes is read or refused by name', () =>
    fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.nat(text.length - 1).map((n) => text.slice(0, n)),
        ),
        async (given) => {
          const outcome = await readComplaint(given, ann.card.text, NET, now).catch((error: unknown) => error)
          expect(outcome).to.be.instanceOf(Refusal)
        },
      ),
    ))
})
