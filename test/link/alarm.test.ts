import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import type { Event } from '../../src/event.ts'
import { thawing } from '../../src/link/alarm.ts'
import type { Alarm } from '../../src/link/alert.ts'
import { isActive, isFrozen } from '../../src/link/standing.ts'
import { admitLocal, emptyState, type Link, type State } from '../../src/state.ts'
import { step } from '../../src/web.ts'

const now = 1_700_000_000_000
const DAY = 86_400_000
const bert = 'b'.repeat(52)
const owner = { entity: 'one', address: 'bert@b.test', key: 'key', card: 'card 1' }
const stand = { n: 7, incarnation: '0'.repeat(16), at: now }
const diverged: Alarm = { what: 'diverged', ours: stand, theirs: { ...stand, n: 9 }, seenBy: 'us' }
const rekeyed: Alarm = { what: 'rekeyed', epoch: now, reason: 'restore' }

const linked = (more: Partial<Link> = {}): State => {
  const state = emptyState('me', 'a.test')
  admitLocal(state, { entity: 'first', account: 1, address: 'ann@a.test' })
  admitLocal(state, { entity: 'second', account: 2, address: 'postmaster@a.test' })
  const link: Link = { agent: bert, name: 'Bert', addresses: [], state: 'active', since: 0, up: true, ...more }
  apply(state, { put: 'link', row: link })
  return state
}
const frozen = (why: 'diverged' | 'clock' | 'stolen' = 'diverged') => ({ frozen: { since: now, why } })
const alarm = (what: Alarm): Event => ({ on: 'alarm', agent: bert, alarm: what })

/** What comes of an event: the link as it is then, the letters to the owner, and what is done. */
const raise = (state: State, event: Event, at = now) => {
  const { changes, effects } = step(state, event, at)
  for (const change of changes) apply(state, change)
  const link = state.links.get(bert) ?? expect.fail('no link')
  const letters = changes.flatMap((change) => ('deliver' in change ? [change.deliver] : []))
  return { link, letters, effects: effects.map((effect) => effect.do) }
}

describe('what LINK1 found', () => {
  const cases: [what: string, before: Partial<Link>, alarm: Alarm, frozenBy: string | undefined, letters: number][] = [
    ['a divergence freezes the link, and its owner has a letter', {}, diverged, 'diverged', 1],
    ['a clock that is wrong once does not', {}, { what: 'clock-warning' }, undefined, 0],
    ['too often, it does', {}, { what: 'clock' }, 'clock', 1],
    ['a divergence outweighs a clock', frozen('clock'), diverged, 'diverged', 1],
    ['not the other way round', frozen(), { what: 'clock' }, 'diverged', 0],
    ['a REKEY thaws it, and is told', frozen(), rekeyed, undefined, 1],
    ['one that has been taken before does not', { ...frozen(), rekeyed: now }, rekeyed, 'diverged', 0],
    ['nor any where its key was stolen: that one is dead for good', frozen('stolen'), rekeyed, 'stolen', 0],
    ['whatever else is found by it', frozen('stolen'), diverged, 'stolen', 0],
    ['nor one that was refused', frozen(), { what: 'rekey-refused', detail: 'no' }, 'diverged', 1],
  ]
  for (const [what, before, found, frozenBy, count] of cases)
    it(what, () => {
      const { link, letters } = raise(linked(before), alarm(found))
      expect(link.frozen?.why).to.equal(frozenBy)
      expect([isFrozen(link), isActive(link)]).to.deep.equal([frozenBy !== undefined, frozenBy === undefined])
      expect(letters).to.have.length(count)
    })

  it('is told once, however often it is found', () => {
    const state = linked()
    expect(raise(state, alarm(diverged)).effects).to.deep.equal(['alert', 'redial'])
    const again = raise(state, alarm(diverged), now + 1)
    expect([again.letters, again.effects, again.link.alerts?.length]).to.deep.equal([[], [], 1])
  })

  it('is a letter to postmaster@, with both counters, and what to do', () => {
    const [letter] = raise(linked(), alarm(diverged)).letters
    const text = String(letter && typeof letter.body === 'object' ? letter.body.letter : '').replaceAll('\r\n', ' ')
    expect(letter).to.include({ account: 2, folder: 'INBOX' })
    for (const part of ['Subject: A link is frozen: Bert', 'connection 7', 'connection 9', 'vouchsafe link rekey'])
      expect(text).to.include(part)
  })

  it('of somebody who is no neighbour, or while nobody has an account, harms nobody', () => {
    const state = linked()
    expect(step(state, { ...alarm(diverged), agent: 'other' } as Event, now).changes).to.deep.equal([])
    state.locals.clear()
    expect(raise(state, alarm(diverged))).to.deep.include({ letters: [], effects: ['alert', 'redial'] })
  })

  it('is kept with the link, the last twenty', () => {
    const state = linked()
    for (let i = 0; i < 30; i++) raise(state, alarm({ what: 'clock-warning' }), now + i)
    expect(state.links.get(bert)?.alerts?.map(({ at }) => at - now)).to.deep.equal(
      Array.from({ length: 20 }, (_, i) => 10 + i),
    )
  })

  it('is one letter of a kind a day, whatever the neighbour says, and pushes no other kind out', () => {
    const state = linked({ owner })
    raise(state, alarm(diverged))
    const claim = (at: number) =>
      raise(
        state,
        { on: 'owner', agent: bert, owner: { ...owner, entity: 'two', address: `${at}@b.test`, card: `${at}` } },
        at,
      )
    const many = Array.from({ length: 50 }, (_, i) => claim(now + 1 + i))
    expect(many.flatMap(({ letters }) => letters)).to.have.length(1)
    expect(many.at(-1)?.link.alerts?.map(({ what }) => what)).to.deep.equal(['diverged', ...Array(19).fill('owner')])
    expect([claim(now + DAY).letters, claim(now + 1 + DAY).letters].map(({ length }) => length)).to.deep.equal([0, 1])
  })

  it('a clock that has made a link rest before does so again', () => {
    const state = linked()
    raise(state, alarm({ what: 'clock' }))
    raise(state, { on: 'thawed', agent: bert }, now + DAY)
    const again = raise(state, alarm({ what: 'clock' }), now + 2 * DAY)
    expect([again.link.frozen?.why, again.letters.length]).to.deep.equal(['clock', 1])
  })

  it('a clock’s rest ends after a day, a divergence never by itself', () => {
    const times = [now + DAY - 1, now + DAY]
    expect(times.map((at) => thawing(linked(frozen('clock')), at))).to.deep.equal([[], [bert]])
    expect(thawing(linked(frozen()), now + 365 * DAY)).to.deep.equal([])
    const state = linked(frozen('clock'))
    expect(raise(state, { on: 'thawed', agent: bert }).effects).to.deep.equal(['redial'])
    expect(raise(state, { on: 'thawed', agent: bert }).effects).to.deep.equal([])
  })

  it('our own REKEY thaws it, but not where its key was stolen: whoever has that would be dialled and linked', () => {
    const left = (why: 'diverged' | 'stolen') => raise(linked(frozen(why)), { on: 'thawed', agent: bert }).link.frozen
    expect([left('diverged'), left('stolen')?.why]).to.deep.equal([undefined, 'stolen'])
  })

  describe('who operates a neighbour', () => {
    const seen = (one: typeof owner): Event => ({ on: 'owner', agent: bert, owner: one })
    const cases: [what: string, before: Partial<Link>, seen: typeof owner, after: typeof owner, alerts: number][] = [
      ['the first one seen is believed', {}, owner, owner, 0],
      ['its later card, too: subkeys change', { owner }, { ...owner, card: 'card 2' }, { ...owner, card: 'card 2' }, 0],
      ['somebody else is not, and that is an alert', { owner }, { ...owner, entity: 'two', card: 'x' }, owner, 1],
    ]
    for (const [what, before, shown, after, alerts] of cases)
      it(what, () => {
        const state = linked(before)
        raise(state, seen(shown))
        const { link } = raise(state, seen(shown)) // a second time changes nothing
        expect([link.owner, link.alerts?.length ?? 0]).to.deep.equal([after, alerts])
      })
  })
})
