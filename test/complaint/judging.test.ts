import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import type { Opinion } from '../../src/complaint/verdict.ts'
import { exactDebt } from '../../src/credit/credit.ts'
import type { Custody } from '../../src/custody/custody.ts'
import type { Step } from '../../src/effect.ts'
import { needsOf } from '../../src/needs.ts'
import { contactKey, type State } from '../../src/state.ts'
import { step } from '../../src/web.ts'
import { ann, bob, envelopeId, HOUR, kindsOwed, left, link, now, relayed, s, said, world } from '../custody/rows.ts'

const DAY = 24 * HOUR
const key = `${s}/${envelopeId}`

/** Bob's letter came to Ann over `s`, a stranger's. */
const letter = (more: Partial<Custody> = {}): Custody =>
  relayed({
    role: 'destination',
    state: 'done',
    to: ann,
    sender: bob,
    body: null,
    reserved: 1,
    judgeBy: now + 7 * DAY,
    outcome: { event: 'delivered', by: 'me', at: now },
    ...more,
  })
/** The same, from somebody Ann knows. */
const friendly = (): Custody => {
  const { reserved, judgeBy, ...rest } = letter({ permit: 'p' })
  return rest
}

type Trust = 'explicit' | 'implicit' | 'none' | undefined
const holding = (row: Custody, trust: Trust): State => {
  const state = world(row)
  state.links.set(s, link(s, { limit: 10 }))
  if (trust) state.contacts.set(contactKey(ann, bob), { entity: ann, other: bob, trust, address: 'bob@b.test', at: 1 })
  return state
}
const judge = (state: State, opinion: Opinion, at = now): Step => {
  const signed = opinion === 'wanted' ? {} : { signed: { complaint: opinion, card: 'card' } }
  return step(state, { on: 'judged', judgement: { key, opinion, at, permit: 'for them', ...signed } }, at)
}
const saying = (state: State, ...opinions: Opinion[]): Step[] =>
  opinions.map((opinion) => {
    const made = judge(state, opinion)
    for (const change of made.changes) apply(state, change)
    return made
  })
const debt = (state: State): number => {
  const credit = state.credits.get(s)
  return credit ? exactDebt(credit, now) : 0
}

describe('complaint: a person judges', () => {
  const cases: [
    what: string,
    row: Custody,
    trust: Trust,
    opinions: Opinion[],
    last: string,
    owed: string[],
    debt: number,
    then: Trust,
  ][] = [
    ["a stranger's letter as spam", letter(), undefined, ['abuse'], 'done', ['COMPLAINT'], 1, undefined],
    ['it twice', letter(), undefined, ['abuse', 'fraud'], 'done', ['COMPLAINT'], 1, undefined],
    [
      'it, and thinks better of it',
      letter(),
      undefined,
      ['abuse', 'not-spam'],
      'done',
      ['COMPLAINT', 'COMPLAINT'],
      0,
      undefined,
    ],
    [
      'it, thinks better of it, and of that',
      letter(),
      undefined,
      ['abuse', 'not-spam', 'abuse'],
      'done',
      ['COMPLAINT', 'COMPLAINT'],
      0,
      undefined,
    ],
    [
      'it, reads it, and thinks better of it',
      letter(),
      undefined,
      ['abuse', 'wanted', 'not-spam'],
      'done',
      ['COMPLAINT', 'COMPLAINT'],
      0,
      undefined,
    ],
    ['it as no spam, having said nothing', letter(), undefined, ['not-spam'], 'done', [], 0, undefined],
    ['it as read', letter(), undefined, ['wanted'], 'done', [], 0, undefined],
    ['it as read, then as spam', letter(), undefined, ['wanted', 'abuse'], 'done', ['COMPLAINT'], 1, undefined],
    ['it as wanted, having let them in', letter(), 'implicit', ['wanted'], 'done', ['WANTED'], 0, 'implicit'],
    ["a friend's letter as spam", friendly(), 'explicit', ['abuse'], 'done', [], 0, 'none'],
    ['it, and thinks better of it', friendly(), 'explicit', ['abuse', 'not-spam'], 'done', [], 0, 'explicit'],
    ["a stranger's letter as spam, who is a friend by now", letter(), 'implicit', ['abuse'], 'done', [], 0, 'none'],
    ['it, and thinks better of it', letter(), 'implicit', ['abuse', 'not-spam'], 'done', [], 0, 'implicit'],
    ['it, once a friend no longer', friendly(), 'none', ['abuse'], 'complaint-late', [], 0, 'none'],
  ]
  for (const [what, row, trust, opinions, last, owed, amount, then] of cases)
    it(`${what}: ${last}`, () => {
      const state = holding(row, trust)
      const steps = saying(state, ...opinions)
      expect(said(steps.at(-1) ?? expect.fail())).to.equal(last)
      expect(steps.flatMap(kindsOwed)).to.deep.equal(owed)
      expect(debt(state)).to.be.closeTo(amount, 1e-9)
      expect([...state.credits.keys()].filter((agent) => agent !== s)).to.deep.equal([])
      expect(state.contacts.get(contactKey(ann, bob))?.trust).to.equal(then)
    })

  it('what nobody remembers, or was never delivered: complaint-unknown', () => {
    const state = holding(
      letter({ outcome: { event: 'refused', code: 'strangers-full', by: 'me', at: now } }),
      undefined,
    )
    expect(said(judge(state, 'abuse'))).to.equal('complaint-unknown')
    state.custody.delete(key)
    expect(said(judge(state, 'abuse'))).to.equal('complaint-unknown')
  })

  it('a complaint, and its withdrawal, are decided with the record of who made it', () => {
    const state = holding(letter(), undefined)
    const needed = () => needsOf(state, state.custody.get(key) ?? expect.fail()).critics
    expect(needed()).to.deep.equal([ann])
    saying(state, 'abuse')
    expect(needed()).to.deep.equal([ann])
    saying(state, 'not-spam')
    expect(needed()).to.equal(undefined)
  })

  it('what was read is free a day later, and those on its way hear it', () => {
    const state = holding(letter(), undefined)
    saying(state, 'wanted')
    const row = state.custody.get(key)
    expect(row?.judgeBy).to.equal(now + DAY)
    const made = step(state, { on: 'due', key }, now + DAY)
    expect(kindsOwed(made)).to.deep.equal(['WANTED'])
    expect(left(made)).to.include({ isJudged: true }).and.not.have.property('reserved')
  })
})
