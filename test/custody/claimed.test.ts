import { expect } from 'chai'
import { simpleParser } from 'mailparser'
import { apply } from '../../src/apply.ts'
import { fingerprintWords } from '../../src/identity/words.ts'
import { needs } from '../../src/needs.ts'
import { type Contact, contactKey, type State } from '../../src/state.ts'
import { step } from '../../src/web.ts'
import { ann, bob, delivered, envelopeId, HOUR, now, s, stranger, world } from './rows.ts'

const DAY = 24 * HOUR

describe('custody: a letter from a known address, signed with another key', () => {
  const arrival = (from: string, body = 3) => ({
    on: 'arrived' as const,
    arrival: {
      ...{ from: s, stamps: ['stamp'], path: [s], advice: [], body },
      envelope: {
        ...{ id: envelopeId, to: ann, hash: 'f'.repeat(64), size: 100, priority: 'interactive' as const },
        ...{ created: now, expires: now + HOUR, origin: s, jws: 'envelope' },
      },
      opened: { from, address: 'bob@b.test', messageId: '<2@b.test>' },
    },
  })
  /** Ann knows bob@b.test as Bob. */
  const knowing = (more: Partial<Contact> = {}): State => {
    const state = world()
    const contact: Contact = {
      entity: ann,
      other: bob,
      trust: 'implicit',
      address: 'bob@b.test',
      at: now - DAY,
      ...more,
    }
    apply(state, { put: 'contact', row: contact })
    return state
  }
  const foldersAfter = (state: State, from: string) =>
    delivered(step(state, arrival(from), now)).map((one) => one.folder)

  const cases: [what: string, state: State, from: string, folders: string[]][] = [
    ['from the known key it is mail like any other', knowing(), bob, ['INBOX']],
    ['from another it waits in Requests, and its recipient is told', knowing(), stranger, ['Requests', 'INBOX']],
    ['also where the words were compared', knowing({ trust: 'explicit' }), stranger, ['Requests', 'INBOX']],
    [
      'who was told of that key is not told again',
      knowing({ rival: { entity: stranger, at: now - 99 * DAY } }),
      stranger,
      ['Requests'],
    ],
    ['nor of a third within a week', knowing({ rival: { entity: s, at: now - 7 * DAY + 1 } }), stranger, ['Requests']],
    ['but after it', knowing({ rival: { entity: s, at: now - 7 * DAY } }), stranger, ['Requests', 'INBOX']],
    ['who does not trust the known one has nothing to lose', knowing({ trust: 'none' }), stranger, ['Requests']],
    ['nor has a recipient who never met them', world(), stranger, ['Requests']],
  ]
  for (const [what, state, from, folders] of cases)
    it(what, () => expect(foldersAfter(state, from)).to.deep.equal(folders))

  it('both keys are told in words', async () => {
    const [, letter] = delivered(step(knowing(), arrival(stranger), now))
    if (typeof letter?.body !== 'object') throw new Error('no letter')
    const mail = await simpleParser(letter.body.letter)
    const text = mail.text?.replace(/\s+/g, ' ')
    expect(mail.subject).to.equal('Another key claims to be bob@b.test')
    for (const entity of [bob, stranger]) expect(text).to.include(`"${fingerprintWords(entity)}"`)
    expect(text).to.include('vouchsafe contact forget bob@b.test')
  })

  it('changes nothing about who the address is, also when its recipient accepts the stranger', () => {
    const state = knowing()
    const contact: Contact = { entity: ann, other: stranger, trust: 'implicit', address: 'bob@b.test', at: now }
    apply(state, { put: 'contact', row: contact })
    for (const change of step(state, arrival(stranger), now).changes) apply(state, change)
    expect([state.knownAt.get('bob@b.test'), state.known.get(bob)?.entity]).to.deep.equal([bob, bob])
  })

  it('needs what the recipient thinks of both', () => {
    const { contacts } = needs(knowing(), arrival(stranger))
    expect(contacts).to.deep.equal([contactKey(ann, stranger), contactKey(ann, bob)])
  })
})
