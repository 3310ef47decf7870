import { expect } from 'chai'
import { simpleParser } from 'mailparser'
import { apply } from '../../src/apply.ts'
import { tellEnd } from '../../src/report/expiring.ts'
import { step } from '../../src/web.ts'
import { ann, bob, delivered, now, world } from '../custody/rows.ts'

const DAY = 86_400_000

describe('a key that ends', () => {
  /** How many letters its owner gets when the key ends so, and was last spoken of at a time. */
  const cases: [what: string, ends: number, toldAt: number | undefined, letters: number][] = [
    ['in 31 days is not spoken of', now + 31 * DAY, undefined, 0],
    ['in 30 days is told to its owner', now + 30 * DAY, undefined, 1],
    ['and not again within the week', now + 29 * DAY, now - 7 * DAY + 1, 0],
    ['but a week later', now + 23 * DAY, now - 7 * DAY, 1],
    ['also after its end', now - DAY, now - 8 * DAY, 1],
    ['also where a clock was years ahead when it was told', now + 29 * DAY, now + 3650 * DAY, 1],
  ]
  for (const [what, ends, toldAt, letters] of cases)
    it(what, () => {
      const state = world()
      if (toldAt !== undefined) state.warned.set(ann, { entity: ann, at: toldAt })
      const made = step(state, { on: 'expiring', entity: ann, ends }, now)
      expect(delivered(made)).to.have.length(letters)
      expect(made.effects).to.have.length(letters) // the log is as quiet as the letters
    })

  it('of somebody who has left is nobody’s to renew', () =>
    expect(step(world(), { on: 'expiring', entity: bob, ends: now }, now).changes).to.deep.equal([]))

  it('is spoken of once, though the event comes twice', () => {
    const state = world()
    const event = { on: 'expiring', entity: ann, ends: now + DAY } as const
    for (const change of step(state, event, now).changes) apply(state, change)
    expect(step(state, event, now).changes).to.deep.equal([])
  })

  const words: [ends: number, said: string][] = [
    [now + 12.5 * DAY, 'ends in 12 days'],
    [now + DAY, 'ends in 1 day'],
    [now + DAY - 1, 'ends within a day'],
    [now, 'has ended'],
    [now - 9 * DAY, 'has ended'],
  ]
  for (const [ends, said] of words) it(said, () => expect(tellEnd(ends, now)).to.equal(said))

  it('is told in words, with what to do', async () => {
    const [letter] = delivered(step(world(), { on: 'expiring', entity: ann, ends: now + 12.5 * DAY }, now))
    if (typeof letter?.body !== 'object') throw new Error('no letter')
    expect([letter.account, letter.folder]).to.deep.equal([1, 'INBOX'])
    const mail = await simpleParser(letter.body.letter)
    expect(mail.subject).to.equal('Your key ends in 12 days')
    expect(mail.headers.get('auto-submitted')).to.equal('auto-generated')
    expect(mail.text?.replace(/\s+/g, ' ')).to.include('run "vouchsafe key rotate ann@me.test"')
  })
})
