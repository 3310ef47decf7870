import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import type { Step } from '../../src/effect.ts'
import type { Event } from '../../src/event.ts'
import { needs } from '../../src/needs.ts'
import { Refusal } from '../../src/refusal.ts'
import { type Contact, contactKey, emptyState, type State } from '../../src/state.ts'
import { categoryName, folderFor, trustByWriting } from '../../src/trust/contact.ts'
import { step } from '../../src/web.ts'

const now = 1_700_000_000_000
const [ann, bob] = ['ann', 'bob']
const contact = (trust: Contact['trust'], categories?: string[]): Contact => ({
  entity: ann,
  other: bob,
  trust,
  address: 'bob@b.test',
  at: now,
  ...(categories && { categories }),
})
const knowing = (was?: Contact): State => {
  const state = emptyState('me', 'a.test')
  if (was) apply(state, { put: 'contact', row: was })
  return state
}
/** What is thought of Bob after an event. */
const thought = (was: Contact | undefined, event: Event): Contact | undefined => {
  const state = knowing(was)
  for (const change of step(state, event, now).changes) apply(state, change)
  return state.contacts.get(contactKey(ann, bob))
}
const trusting = (trust: Contact['trust']): Event => ({ on: 'trusted', contact: contact(trust) })
const sorting = (add: string[], remove: string[] = []): Event => ({
  on: 'sorted',
  sorting: { entity: ann, other: bob, add, remove },
})

describe('what somebody thinks of another', () => {
  const cases: [what: string, was: Contact | undefined, event: Event, is: Contact][] = [
    ['a stranger becomes a contact', undefined, trusting('implicit'), contact('implicit')],
    ['implicit never replaces explicit', contact('explicit'), trusting('implicit'), contact('explicit')],
    ['explicit replaces implicit', contact('implicit'), trusting('explicit'), contact('explicit')],
    ['a person may take it all back', contact('explicit'), trusting('none'), contact('none')],
    ['and think again', contact('none'), trusting('implicit'), contact('implicit')],
    [
      'categories stay, whatever is thought',
      contact('explicit', ['friend']),
      trusting('none'),
      contact('none', ['friend']),
    ],
    [
      'so does what their gateway gave, and which other key was told of',
      { ...contact('implicit'), permit: 'p', rival: { entity: 'eve', at: 1 } },
      trusting('none'),
      { ...contact('none'), permit: 'p', rival: { entity: 'eve', at: 1 } },
    ],
    [
      'categories are added in order, each once',
      contact('implicit', ['friend']),
      sorting(['family', 'friend']),
      contact('implicit', ['family', 'friend']),
    ],
    [
      'and taken away',
      contact('implicit', ['family', 'friend']),
      sorting([], ['friend']),
      contact('implicit', ['family']),
    ],
    ['what is in both is taken out', contact('implicit'), sorting(['friend'], ['friend']), contact('implicit', [])],
  ]
  for (const [what, was, event, is] of cases)
    it(what, () => {
      const once = thought(was, event)
      expect(once).to.deep.equal(is)
      expect(thought(once, event), 'a second time').to.deep.equal(is)
      expect(needs(knowing(), event)).to.deep.equal({ contacts: [contactKey(ann, bob)] })
    })

  const answerTo = (was: Contact | undefined, event: Event): Step['answer'] => step(knowing(was), event, now).answer

  it('who is no contact is in no category', () =>
    expect(answerTo(undefined, sorting(['friend']))).to.include({ say: 'refused', code: 'entity-unknown' }))

  it('nobody is in more than 32', () => {
    const many = Array.from({ length: 33 }, (_, i) => `c${i}`)
    expect(answerTo(contact('implicit'), sorting(many.slice(1)))).to.equal(undefined)
    expect(answerTo(contact('implicit'), sorting(many))).to.include({ say: 'refused' })
  })

  const folders: [what: string, was: Contact | undefined, folder: string][] = [
    ['a stranger’s mail waits in Requests', undefined, 'Requests'],
    ['mail of somebody written to goes to INBOX', contact('implicit'), 'INBOX'],
    ['mail of somebody compared goes to INBOX', contact('explicit'), 'INBOX'],
    ['mail of somebody not wanted goes to Requests', contact('none'), 'Requests'],
  ]
  for (const [what, was, folder] of folders) it(what, () => expect(folderFor(knowing(was), ann, bob)).to.equal(folder))
  it('one’s own mail goes to INBOX', () => expect(folderFor(knowing(), ann, ann)).to.equal('INBOX'))

  it('writing is trust where nothing was said before, and nowhere else', () => {
    expect(trustByWriting(knowing(), ann, bob, 'bob@b.test', now)).to.deep.equal([
      { put: 'contact', row: contact('implicit') },
    ])
    for (const was of ['explicit', 'none'] as const)
      expect(trustByWriting(knowing(contact(was)), ann, bob, 'bob@b.test', now)).to.deep.equal([])
    expect(trustByWriting(knowing(), ann, ann, 'ann@a.test', now)).to.deep.equal([])
  })

  const names: [typed: string, name: string][] = [
    ['Friend', 'friend'],
    ['  Co-worker  ', 'co-worker'],
    ['old  friends', 'old friends'],
    ['', 'refused'],
    ['a,b', 'refused'],
    ['\u202efriend', 'refused'],
    ['x'.repeat(41), 'refused'],
  ]
  for (const [typed, name] of names)
    it(`the category ${JSON.stringify(typed)} is ${name}`, () => {
      const read = () => {
        try {
          return categoryName(typed)
        } catch (error) {
          return error instanceof Refusal ? 'refused' : String(error)
        }
      }
      expect(read()).to.equal(name)
    })
})
