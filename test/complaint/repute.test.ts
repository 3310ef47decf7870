import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import { defaultPolicy, type Level, levelOf, type Policy } from '../../src/complaint/policy.ts'
import { allowed, pardoned, reproached } from '../../src/complaint/repute.ts'
import { marked, newConduct } from '../../src/credit/conduct.ts'
import { newCredit } from '../../src/credit/credit.ts'
import type { Step } from '../../src/effect.ts'
import { accused } from '../../src/link/sentence.ts'
import { admitLocal, emptyState, type State } from '../../src/state.ts'
import { link } from '../custody/rows.ts'

const id = (letter: string): string => `${letter.repeat(51)}a`
const now = 1_800_000_000_000
const day = 86_400_000

describe('repute', () => {
  const worldOf = (policy: Partial<Policy> = {}): State => {
    const state = emptyState('me', 'a.test')
    state.terms = { ...state.terms, policy: { ...defaultPolicy, ...policy } }
    admitLocal(state, { entity: 'owner', account: 1, address: 'olga@a.test' })
    admitLocal(state, { entity: 'mal', account: 2, address: 'mal@a.test' })
    admitLocal(state, { entity: 'pat', account: 3, address: 'pat@a.test' })
    return state
  }
  const take = (state: State, step: Step): string[] => {
    const letters: string[] = []
    for (const change of step.changes) {
      apply(state, change)
      if (!('deliver' in change) || typeof change.deliver.body === 'number') continue
      letters.push(`${change.deliver.account}: ${/^Subject: (.*)$/m.exec(change.deliver.body.letter.toString())?.[1]}`)
    }
    return letters
  }
  const textsOf = ({ changes }: Step): string[] =>
    changes.flatMap((change) =>
      'deliver' in change && typeof change.deliver.body === 'object' ? [change.deliver.body.letter.toString()] : [],
    )
  const complain = (state: State, by: string, at = now, key = `me/${by}`) =>
    take(state, reproached(state, 'mal', { key, by, reason: 'abuse', at }, at))
  const level = (state: State, at = now) => levelOf(state.repute.get('mal'), state.terms.policy, at)
  const people = (count: number) => Array.from({ length: count }, (_, i) => `person-${i}`)

  const cases: [what: string, policy: Partial<Policy>, complainers: string[], level: Level][] = [
    ['nobody', {}, [], 'free'],
    ['one', {}, people(1), 'warned'],
    ['one, again and again', {}, Array<string>(50).fill('cross'), 'warned'],
    ['two', {}, people(2), 'warned'],
    ['three', {}, people(3), 'slowed'],
    ['nine', {}, people(9), 'slowed'],
    ['ten', {}, people(10), 'stopped'],
    ['ten, where nobody is stopped', { most: 'slow' }, people(10), 'slowed'],
    ['ten, where people are only warned', { most: 'warn' }, people(10), 'warned'],
    ['two, where that is enough', { slowAt: 1, stopAt: 2 }, people(2), 'stopped'],
  ]
  for (const [what, policy, complainers, expected] of cases)
    it(`${what}: ${expected}`, () => {
      const state = worldOf(policy)
      for (const [i, by] of complainers.entries()) complain(state, by, now, `me/${i}`)
      expect(level(state)).to.equal(expected)
    })

  it('each step is told once to the account, each complaint to the owner', () => {
    const state = worldOf({ slowAt: 2, stopAt: 3 })
    const owner = '1: Complaint about mail of mal@a.test (abuse)'
    expect(complain(state, 'one')).to.deep.equal(['2: Somebody complained about your mail', owner])
    expect(complain(state, 'two')).to.deep.equal(['2: You can send only a little mail for now', owner])
    expect(complain(state, 'two', now, 'me/other')).to.deep.equal([owner])
    expect(complain(state, 'three')).to.deep.equal(['2: You can not send mail for now', owner])
    expect(complain(state, 'three'), 'heard twice').to.deep.equal([])
  })
  it('the owner gets one letter about themselves, not two', () => {
    const state = worldOf()
    const letters = take(state, reproached(state, 'owner', { key: 'k', by: 'one', reason: 'abuse', at: now }, now))
    expect(letters).to.deep.equal(['1: Somebody complained about your mail'])
  })
  it('postmaster is the owner, if there is one', () => {
    const state = worldOf()
    admitLocal(state, { entity: 'pat', account: 9, address: 'postmaster@a.test' })
    expect(complain(state, 'one')[1]).to.match(/^9: /)
  })
  it('nothing is held against somebody who left', () => {
    const state = worldOf()
    expect(reproached(state, 'gone', { key: 'k', by: 'one', reason: 'abuse', at: now }, now).changes).to.deep.equal([])
  })

  it('being slowed heals after 28 days', () => {
    const state = worldOf()
    for (const by of people(3)) complain(state, by)
    expect(level(state, now + 28 * day - 1)).to.equal('slowed')
    expect(level(state, now + 28 * day)).to.equal('free')
  })
  it('being stopped does not, only the administrator ends it', () => {
    const state = worldOf()
    for (const by of people(10)) complain(state, by)
    expect(level(state, now + 365 * day)).to.equal('stopped')
    take(state, allowed(state, 'mal'))
    expect(level(state)).to.equal('free')
    complain(state, 'somebody else')
    expect(level(state)).to.equal('warned')
    state.locals.delete('mal')
    expect(allowed(state, 'mal').changes, 'nor for somebody who left').to.deep.equal([])
  })
  it('a complaint taken back counts no more', () => {
    const state = worldOf()
    for (const by of people(3)) complain(state, by)
    take(state, pardoned(state, 'mal', 'me/person-1', 'person-1'))
    expect(level(state)).to.equal('warned')
    expect(pardoned(state, 'mal', 'me/person-1', 'person-1').changes).to.deep.equal([])
  })
  it('nor by anybody else than who made it', () => {
    const state = worldOf()
    complain(state, 'one')
    expect(pardoned(state, 'mal', 'me/one', 'two').changes).to.deep.equal([])
  })
  describe('a neighbour that suspended us', () => {
    const neighbour = id('r')
    const accusation = {
      rule: 'R2',
      at: now,
      until: now + 7 * day,
      complaints: 5,
      messages: 9,
      keys: ['elsewhere/1', 'me/person-1'],
    } as const
    const hears = (step: Step): string[] =>
      step.changes.flatMap((change) => ('put' in change && change.put === 'owed' ? [change.row.to] : []))
    const linked = (): State => {
      const state = worldOf({ slowAt: 1, stopAt: 2 })
      state.links.set(neighbour, link(neighbour))
      return state
    }
    const suspend = (state: State): Step =>
      accused(state, neighbour, { ...accusation, keys: [...accusation.keys] }, now)

    it('hears it when the sender is stopped', () => {
      const state = linked()
      complain(state, 'person-1')
      expect(hears(suspend(state)), 'not yet').to.deep.equal([])
      take(state, suspend(state))
      const last = reproached(state, 'mal', { key: 'me/person-2', by: 'person-2', reason: 'abuse', at: now }, now)
      expect(hears(last)).to.deep.equal([neighbour])
    })
    it('or was stopped before', () => {
      const state = linked()
      for (const by of ['person-1', 'person-2']) complain(state, by)
      expect(hears(suspend(state))).to.deep.equal([neighbour])
    })
    for (const [how, heard] of [
      ['punished', [neighbour]],
      ['overruled', []],
      ['agreed', []],
    ] as const)
      it(`${heard.length ? 'or whoever brought it was cut and is back, having cut another' : 'but not where that one is back otherwise'} (${how})`, () => {
        const state = linked()
        const [s, keys] = [id('s'), [...accusation.keys]]
        const found = { debt: 5, limit: 30, loads: [], load: 0, complaints: 5, sources: 3, messages: 9, rate: 0.3 }
        const ruling = {
          ...found,
          id: `${s} 1`,
          agent: s,
          rule: 'R2' as const,
          at: 1,
          until: 2,
          was: 'active' as const,
        }
        const ended = { at: 1, how, cut: id('t') }
        state.links.set(s, { ...link(s), state: 'probation', ruling: { ...ruling, keys, befores: [], ended } })
        const step = suspend(state)
        expect(hears(step)).to.deep.equal(heard)
        if (heard.length > 0) expect(JSON.stringify(step.changes)).to.include(`"cut":"${s}"`)
      })
    it('and hears it once, within its time, and only if it is a neighbour', () => {
      const state = linked()
      for (const by of ['person-1', 'person-2']) complain(state, by)
      expect(suspend(emptyState('me', 'a.test')).changes).to.deep.equal([])
      take(state, suspend(state))
      expect(suspend(state).changes, 'it comes again').to.deep.equal([])
      const again = (at: number) => reproached(state, 'mal', { key: 'me/3', by: 'x', reason: 'abuse', at }, at)
      expect(hears(again(now)), 'it has heard').to.deep.equal([])
      const late = linked()
      complain(late, 'person-1')
      take(late, suspend(late))
      const { until } = accusation
      const last = reproached(late, 'mal', { key: 'me/2', by: 'person-2', reason: 'abuse', at: until }, until)
      expect(hears(last), 'too late').to.deep.equal([])
    })
    for (const [what, is, heard] of [
      ['or whoever brought it was parted with', { state: 'revoked' }, [neighbour]],
      ['or is suspended', { state: 'suspended' }, [neighbour]],
      ['but not while that one is a neighbour like others', { state: 'active' }, []],
      ['nor while its link rests for a day', { state: 'active', frozen: { since: now, why: 'clock' } }, []],
    ] as const)
      it(what, () => {
        const world = linked()
        for (const other of [id('b'), id('t')]) world.links.set(other, link(other))
        const mark = { at: now, via: 'ann', key: 'elsewhere/1', before: id('s'), counts: true }
        world.credits.set(id('s'), { ...newCredit(now), conduct: marked(newConduct(), mark, now) })
        world.links.set(id('s'), link(id('s'), is))
        expect(hears(suspend(world))).to.deep.equal(heard)
      })
    it('but not while the sender may write yet, nor when another is stopped', () => {
      const state = linked()
      complain(state, 'person-1')
      take(state, suspend(state))
      for (const by of ['one', 'two']) {
        const step = reproached(state, 'pat', { key: `me/pat ${by}`, by, reason: 'abuse', at: now }, now)
        expect(hears(step)).to.deep.equal([])
        take(state, step)
      }
      expect(levelOf(state.repute.get('pat'), state.terms.policy, now)).to.equal('stopped')
    })
    it('but not if it was about somebody else', () => {
      const state = linked()
      for (const by of ['person-3', 'person-4']) complain(state, by)
      expect(hears(suspend(state))).to.deep.equal([])
    })
  })

  const letters: [what: string, policy: Partial<Policy>, complainers: number, says: string[]][] = [
    ['one complained', {}, 1, ['One recipient has', 'a message of yours', 'With 3 such', 'with 10 it is stopped']],
    ['nobody is stopped', { most: 'slow' }, 1, ['sending becomes slow.']],
    ['people are only warned', { most: 'warn' }, 1, ['Nothing else happens.']],
    ['three did', {}, 3, ['3 recipients have', 'a few messages an hour']],
    ['ten did', {}, 10, ['10 recipients have', 'who can allow it again']],
  ]
  for (const [what, policy, count, says] of letters)
    it(`the letter says what follows, where ${what}`, () => {
      const state = worldOf(policy)
      for (const by of people(count - 1)) complain(state, by)
      const step = reproached(state, 'mal', { key: 'k', by: 'last', reason: 'abuse', at: now }, now)
      const [text = ''] = textsOf(step)
      for (const words of says) expect(text.replaceAll(/\s+/g, ' ')).to.include(words)
    })
  it('and which message it is about, where that is known; so does the report to the owner', () => {
    const about = { key: 'k', by: 'one', reason: 'abuse', at: now, messageId: '<1@a.test>' } as const
    const step = reproached(worldOf(), 'mal', about, now)
    const texts = textsOf(step)
    expect(texts.map((text) => text.includes('<1@a.test>'))).to.deep.equal([true, true])
  })

  it('the letter does not say who complained', () => {
    const state = worldOf()
    const step = reproached(state, 'mal', { key: 'me/1', by: 'entity-of-ann', reason: 'abuse', at: now }, now)
    const texts = textsOf(step)
    expect(texts).to.have.length(2)
    for (const text of texts) expect(text).not.to.contain('entity-of-ann')
  })
})
