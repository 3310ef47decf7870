import { expect } from 'chai'
import fc from 'fast-check'
import { apply } from '../../src/apply.ts'
import type { Event } from '../../src/event.ts'
import { generateAgent } from '../../src/identity/agent.ts'
import { fingerprintWords } from '../../src/identity/words.ts'
import type { Knock } from '../../src/link/knock.ts'
import type { Guest } from '../../src/link/knocked.ts'
import { admitLocal, emptyState, type Link, type State } from '../../src/state.ts'
import { step } from '../../src/web.ts'

const now = 1_700_000_000_000
const WEEK = 7 * 86_400_000
const bob = generateAgent().id
const words = fingerprintWords(bob)

const guest = (more: Partial<Guest> = {}): Guest => ({
  agent: bob,
  name: 'B',
  addresses: ['b.test:2740'],
  place: '192.0.2.7',
  ...more,
})
const row = (at: Knock['at'], more: Partial<Knock> = {}): Knock => ({
  who: bob,
  at,
  way: 'knock',
  name: 'B',
  addresses: ['b.test:2740'],
  since: now,
  until: now + WEEK,
  ...more,
})
const pending = row('pending', { place: '192.0.2.7' })
const linked: Link = {
  agent: bob,
  name: 'B',
  addresses: ['b.test:2740'],
  state: 'active',
  since: now,
  up: false,
}

const frozen: Link = { ...linked, frozen: { since: now, why: 'diverged' } }

const holding = (rows: (Knock | Link)[]): State => {
  const state = emptyState('me', 'a.test')
  for (const one of rows) apply(state, 'who' in one ? { put: 'knock', row: one } : { put: 'link', row: one })
  return state
}
/** Strangers and neighbours after an event, and the code of a no. */
const outcome = (rows: (Knock | Link)[], event: Event, at = now) => {
  const state = holding(rows)
  const { changes, answer } = step(state, event, at)
  for (const change of changes) apply(state, change)
  const kept = [...state.knocks.values(), ...state.links.values()]
  return answer?.say === 'refused' ? { kept, code: answer.code } : { kept }
}

const knock = (more?: Partial<Guest>): Event => ({ on: 'knocked', guest: guest(more) })
const wish = (who = bob, way: Knock['way'] = 'knock', name = 'B', addresses = ['b.test:2740']): Event => ({
  on: 'wished',
  wish: { who, way, name, addresses },
})
const reply = (said: 'linked' | 'pending' | 'refused'): Event => ({
  on: 'replied',
  reply: { agent: bob, said, name: 'B', addresses: ['b.test:2740'] },
})
const byWords = row('asked', { who: words, way: 'open', name: '', addresses: ['b.test:2740'] })

type Side = { id: string; state: State; wishes: boolean }
const side = (): Side => ({ id: generateAgent().id, state: emptyState('me', 'a.test'), wishes: false })
const happens = ({ state }: Side, event: Event): void => {
  for (const change of step(state, event, now).changes) apply(state, change)
}
const about = { name: 'X', addresses: ['x.test:1'] }

/** An owner wants the other, by id or by words; or approves, if the other waits. */
const want = (one: Side, other: Side, byWords: boolean): void => {
  one.wishes = true
  const who = byWords ? fingerprintWords(other.id) : other.id
  happens(one, { on: 'wished', wish: { who, way: 'open', ...about } })
}

/** Says KNOCK if its owner wants it, and hears the answer unless that is lost. */
const ask = (one: Side, other: Side, isLost = false): void => {
  if (!one.wishes) return
  happens(other, { on: 'knocked', guest: { agent: one.id, place: '192.0.2.7', ...about } })
  const said = other.state.links.has(one.id) ? 'linked' : 'pending'
  if (!isLost) happens(one, { on: 'replied', reply: { agent: other.id, said, ...about } })
}

describe('two strangers', function () {
  this.timeout(60_000)
  const cases: [what: string, rows: (Knock | Link)[], event: Event, kept: (Knock | Link)[], code?: string][] = [
    ['who knocks waits for our owner', [], knock(), [pending]],
    ['the name it was shown under stands', [pending], knock({ name: 'Your bank' }), [pending]],
    ['approved, it is a neighbour', [pending], wish(), [linked]],
    ['refused, it waits no more', [pending], { on: 'declined', who: bob }, [row('refused')]],
    ['and is told so', [row('refused')], knock(), [row('refused')], 'knock-refused'],
    ['the owner may think again', [row('refused')], wish(), [linked]],
    ['whom we want is asked', [], wish(), [row('asked')]],
    ['their knock answers our wish', [row('asked')], knock(), [linked]],
    ['so does their yes', [row('asked')], reply('linked'), [linked]],
    ['they let us wait', [row('asked')], reply('pending'), [row('asked')]],
    ['they say no', [row('asked')], reply('refused'), [row('denied')]],
    ['after a no of theirs their knock waits for our owner', [row('denied')], knock(), [pending]],
    ['we may ask again', [row('denied')], wish(), [row('asked')]],
    ['we want it no more', [row('asked')], { on: 'declined', who: bob }, []],
    ['a yes that nobody asked for is none', [], reply('linked'), []],
    ['nor is one by a guest that waits', [pending], reply('linked'), [pending]],
    ['nor one that comes after a no', [row('denied')], reply('linked'), [row('denied')]],
    ['a neighbour that knocks is one already', [linked], knock(), [linked]],
    ['and so for our wish', [linked], wish(), [linked]],
    [
      'whom we parted with waits like anybody',
      [{ ...linked, state: 'revoked' }],
      knock(),
      [pending, { ...linked, state: 'revoked' }],
    ],
    ['and comes back by its owner’s and ours', [pending, { ...linked, state: 'revoked' }], wish(), [linked]],

    ['a neighbour whose link is frozen knocks like anybody', [frozen], knock(), [pending, frozen]],
    ['approved, the link is made anew and carries again', [pending, frozen], wish(), [linked]],
    ['and so it is asked', [frozen], wish(), [row('asked'), frozen]],

    ['known by words, somebody is asked', [], wish(words, 'open', ''), [byWords]],
    ['whoever has the words and knocks is meant', [byWords], knock(), [linked]],
    ['or answers', [byWords], reply('linked'), [linked]],
    ['a first answer tells whose words they are', [byWords], reply('pending'), [row('asked', { way: 'open' })]],
    ['words name a guest who waits', [pending], wish(words, 'open'), [linked]],
    ['and a neighbour', [linked], wish(words, 'open'), [linked]],
    ['a link by any other way settles it', [row('asked'), byWords], { on: 'linked', link: linked }, [linked]],
  ]
  for (const [what, rows, event, kept, code] of cases)
    it(what, () => {
      const once = outcome(rows, event)
      expect(once).to.deep.equal({ kept, ...(code && { code }) })
      if (event.on !== 'wished' && event.on !== 'declined') expect(outcome(kept, event).kept).to.deep.equal(kept)
    })

  it('a link that is revoked forgets what was asked, so that no old wish brings it back', () => {
    const { kept } = outcome([row('asked'), linked], { on: 'unlinked', agent: bob }, now + 1)
    expect(kept).to.deep.equal([{ ...linked, state: 'revoked', stateSince: now + 1 }])
    expect(outcome(kept, { on: 'unlinked', agent: bob }, now + 2).kept, 'and is so since the first time').to.deep.equal(
      kept,
    )
  })

  it('become neighbours if both owners wish it, in whatever order and whatever is lost; and else never', () => {
    const acts = fc.constantFrom('wish', 'wish by words', 'ask', 'ask, unanswered', 'ask twice')
    const plan = fc.array(fc.record({ ours: fc.boolean(), act: acts }), { maxLength: 12, size: 'max' })
    fc.assert(
      fc.property(plan, (events) => {
        const [us, them] = [side(), side()]
        for (const { ours, act } of events) {
          const [one, other] = ours ? [us, them] : [them, us]
          if (act.startsWith('wish')) want(one, other, act === 'wish by words')
          else ask(one, other, act === 'ask, unanswered')
          if (act === 'ask twice') ask(one, other)
          for (const [here, there] of [
            [us, them],
            [them, us],
          ] as const)
            if (here.state.links.has(there.id)) expect([here.wishes, there.wishes]).to.deep.equal([true, true])
        }
        for (const [one, other] of [
          [us, them],
          [them, us],
        ] as const)
          ask(one, other)
        const isLinked = us.wishes && them.wishes
        expect([us.state.links.has(them.id), them.state.links.has(us.id)]).to.deep.equal([isLinked, isLinked])
      }),
    )
  })

  describe('of whom many knock', () => {
    const other = (i: number): Knock => row('pending', { who: generateAgent().id, place: `198.51.100.${i}` })
    const many = (count: number): Knock[] => Array.from({ length: count }, (_, i) => other(i))

    it('one waits for each place', () => {
      const first = row('pending', { who: generateAgent().id, place: '192.0.2.7' })
      expect(outcome([first], knock())).to.deep.equal({ kept: [first], code: 'knocks-full' })
      expect(outcome([first], knock({ place: '192.0.2.8' })).kept).to.have.length(2)
    })

    it('a hundred wait in all', () => {
      expect(outcome(many(99), knock()).kept).to.have.length(100)
      expect(outcome(many(100), knock())).to.include({ code: 'knocks-full' })
    })

    it('in a full list whoever has waited longest gives way, after a day', () => {
      const DAY = 86_400_000
      const [first, ...rest] = many(100)
      const old = { ...(first ?? pending), since: now - DAY }
      for (const rows of [
        [...rest, old],
        [old, ...rest],
      ]) {
        const { kept, code } = outcome(rows, knock())
        const isLeft = kept.some((one) => 'who' in one && one.who === old.who)
        expect([kept.length, isLeft, code]).to.deep.equal([100, false, undefined])
      }
      expect(outcome([...rest, { ...old, since: now - DAY + 1 }], knock())).to.include({ code: 'knocks-full' })
    })

    it('whoever runs this gateway gets one letter a day, with none of their words in it', () => {
      const lettersOf = (rows: Knock[], at = now) => {
        const state = holding(rows)
        admitLocal(state, { entity: 'ann', account: 1, address: 'ann@a.test' })
        return step(state, knock({ name: 'Your bank' }), at).changes.flatMap((one) =>
          'deliver' in one ? [one.deliver] : [],
        )
      }
      const [told] = lettersOf([])
      const text = typeof told?.body === 'object' ? told.body.letter.toString() : ''
      expect([told?.account, told?.folder]).to.deep.equal([1, 'INBOX'])
      expect(text.replace(/\s+/g, ' ')).to.include(words).and.not.include('Your bank')
      expect(lettersOf([other(1)])).to.deep.equal([])
      expect(lettersOf([other(1)], now + 86_400_000)).to.have.length(1)
      expect(lettersOf([pending]), 'who knocks again').to.deep.equal([])
    })

    it('whom our owner asked is never turned away for that', () =>
      expect(outcome([...many(100), row('asked')], knock()).kept).to.deep.include(linked))

    it('a guest that is refused frees its place', () => {
      const refused = outcome([pending], { on: 'declined', who: bob }).kept as Knock[]
      expect(outcome(refused, knock({ agent: generateAgent().id })).kept).to.have.length(2)
    })

    it('nobody waits longer than a week', () => {
      expect(outcome([pending], { on: 'sweep' }, now + WEEK - 1).kept).to.deep.equal([pending])
      expect(outcome([pending], { on: 'sweep' }, now + WEEK).kept).to.deep.equal([])
      expect(outcome(many(100), knock(), now + WEEK).kept).to.have.length(101) // swept within the minute
    })
  })
})
