/** A stolen key: what is believed of whom, how far the word goes, and what goes over to the new key. */
import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import type { Reason } from '../../src/complaint/verdict.ts'
import { newCredit } from '../../src/credit/credit.ts'
import type { Effect } from '../../src/effect.ts'
import { routeOf } from '../../src/route/cache.ts'
import type { Link, State } from '../../src/state.ts'
import { step } from '../../src/web.ts'
import { b, bob, envelopeId, link, me, now, r, row, s, stranger, world } from '../custody/rows.ts'

const DAY = 86_400_000
const jws = 'the word of a dead key'
const word = (agent: string) => ({ agent, at: now, jws })
const id = (i: number): string =>
  String(i)
    .padStart(52, 'q')
    .replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)] ?? '')
const told = (effects: Effect[]): string[] =>
  effects.flatMap((one) => (one.do === 'tell' && one.message.t === 'REVOKED' ? [one.to[0] ?? ''] : []))
const hear = (state: State, from: string | undefined, agent: string, at = now) => {
  const made = step(state, { on: 'revoked', from, word: word(agent) }, at)
  for (const change of made.changes) apply(state, change)
  return made
}
const answerOf = ({ answer }: ReturnType<typeof hear>) => (answer?.say === 'refused' ? answer.code : answer?.say)

describe('the word that a key is dead', () => {
  const cases: [what: string, world: (state: State) => void, from: string | undefined, answer: string, to: string[]][] =
    [
      ['goes to all other neighbours', () => {}, r, 'done', ['s']],
      ['our own goes to all', () => {}, undefined, 'done', ['r', 's']],
      ['is not passed on twice', (state) => hear(state, s, stranger), r, 'done', []],
      [
        'is not taken from whoever is suspended',
        (state) => state.links.set(r, link(r, { state: 'suspended' })),
        r,
        'link-suspended',
        [],
      ],
      ['nor from whoever is none', () => {}, b, 'link-suspended', []],
      ['is taken sixteen times a day from one', (state) => many(state, 15), r, 'done', ['s']],
      ['and no more', (state) => many(state, 16), r, 'rate-limited', []],
      ['but again tomorrow', (state) => many(state, 16, now - DAY), r, 'done', ['s']],
      ['does not go to whoever is not connected', (state) => state.links.set(s, link(s, { up: false })), r, 'done', []],
    ]
  const many = (state: State, count: number, at = now): void => {
    for (let i = 0; i < count; i++) hear(state, r, id(i), at)
  }
  for (const [what, prepare, from, answer, to] of cases)
    it(what, () => {
      const state = world()
      prepare(state)
      const made = hear(state, from, stranger)
      expect([answerOf(made), told(made.effects)]).to.deep.equal([answer, to])
    })

  it('comes late to whoever was away, for a week, and not back to whoever brought it', () => {
    const state = world()
    hear(state, r, stranger)
    const greeted = (agent: string, at: number) => told(step(state, { on: 'up', agent }, at).effects)
    expect(greeted(s, now + 6 * DAY)).to.deep.equal(['s'])
    expect(greeted(r, now + 1)).to.deep.equal([])
    expect(greeted(s, now + 7 * DAY)).to.deep.equal([])
  })

  it('goes to all once it is signed, where it came first with the new key and unsigned', () => {
    const state = world()
    const unsigned = { agent: stranger, at: now }
    for (const change of step(state, { on: 'revoked', from: undefined, word: unsigned }, now).changes)
      apply(state, change)
    expect(told(hear(state, r, stranger).effects), 'by a neighbour: it is known').to.deep.equal([])
    expect(told(hear(state, undefined, stranger).effects)).to.deep.equal(['r', 's'])
    expect(told(hear(state, undefined, stranger).effects), 'once').to.deep.equal([])
  })

  it('whoever was away hears the newest sixteen', () => {
    const state = world()
    for (let i = 0; i < 20; i++)
      apply(state, { put: 'revocation', row: { agent: id(i), at: now, jws: `${i}`, heardAt: now + ((i * 7) % 20) } })
    const told = step(state, { on: 'up', agent: s }, now + 60).effects.flatMap((one) =>
      one.do === 'tell' && one.message.t === 'REVOKED' ? [(Number(one.message.revoked) * 7) % 20] : [],
    )
    expect(told).to.deep.equal(Array.from({ length: 16 }, (_, i) => 19 - i))
  })

  it('of a neighbour freezes the link, and its owner has one letter', () => {
    const state = world()
    const letters = [hear(state, s, r), hear(state, undefined, r)].flatMap(({ changes }) =>
      changes.filter((change) => 'deliver' in change),
    )
    expect(state.links.get(r)?.frozen?.why).to.equal('stolen')
    expect(letters).to.have.length(1)
  })

  it('ends all ways over it', () => {
    const state = world()
    apply(state, { put: 'route', row: routeOf({ entity: bob, hops: [me, s, stranger, b], expires: now + DAY }) })
    const before = state.routes.get(bob)?.length ?? 0
    hear(state, r, stranger)
    expect(state.routes.get(bob)?.length ?? 0).to.equal(before - 1)
  })

  it('of strangers is kept a thousand times, the oldest goes first; of those we know for good', () => {
    const state = world()
    hear(state, undefined, r, now - 1)
    for (let i = 0; i < 1001; i++) hear(state, undefined, id(i), now + i)
    expect([
      state.revoked.size,
      state.revoked.has(r),
      state.revoked.has(id(0)),
      state.revoked.has(id(1)),
    ]).to.deep.equal([1001, true, false, true])
  })

  it('about ourselves by somebody else is told to the owner', () => {
    const state = world()
    expect(hear(state, r, me).changes.filter((change) => 'deliver' in change)).to.have.length(1)
    expect(state.revoked.has(me)).to.equal(true)
  })
})

describe('a neighbour with a new key', () => {
  const fresh = stranger
  const relayed = row({
    key: `${b}/1`,
    origin: b,
    role: 'relay',
    from: r,
    next: s,
    path: [b, r, me],
    tried: [{ by: s, saidNo: false }],
    also: [r],
    stalled: [r],
  })
  const ours = row({
    next: r,
    state: 'handed',
    awaits: `up:${r}`,
    tried: [{ by: r, saidNo: false }],
    lent: [{ to: r, weight: 1 }],
  })
  const owed = { key: `${r}:${relayed.key}`, to: r, custody: relayed.key, items: [], expires: now + DAY }
  const move = {
    was: r,
    agent: fresh,
    epoch: now,
    name: 'R anew',
    addresses: ['r.test:1'],
    custody: [relayed.key, ours.key],
    owed: [owed.key],
  }
  const robbed = (): State => {
    const state = world()
    apply(state, { put: 'custody', row: relayed })
    apply(state, { put: 'custody', row: ours })
    apply(state, { put: 'owed', row: owed })
    apply(state, { put: 'link', row: link(r, { limit: 7, state: 'probation', alerts: [] }) })
    apply(state, { put: 'credit', agent: r, row: { debt: 2.5, at: now } as never })
    hear(state, undefined, r)
    return state
  }
  const moved = (state: State): State => {
    for (const change of step(state, { on: 'moved', move }, now).changes) apply(state, change)
    return state
  }

  it('has the link as it was: its state, its limit, its debt', () => {
    const state = moved(robbed())
    const { alerts, ...now_ } = state.links.get(fresh) as Link
    expect(now_).to.include({ agent: fresh, limit: 7, state: 'probation', name: 'R anew', rekeyed: now })
    expect(now_.frozen).to.equal(undefined)
    expect(now_.formerly).to.deep.equal([r])
    expect(alerts?.map(({ what }) => what)).to.deep.equal(['stolen', 'moved'])
    expect(state.credits.get(fresh)).to.deep.equal({ debt: 2.5, at: now })
    expect([state.links.has(r), state.credits.has(r)]).to.deep.equal([false, false])
  })

  it('is dialled anew, where it says; or where it was, if it says nothing', () => {
    const at = (addresses: string[]) => {
      const state = robbed()
      apply(state, { put: 'link', row: link(r, { addresses: ['old.test:1'] }) })
      const made = step(state, { on: 'moved', move: { ...move, addresses } }, now)
      for (const change of made.changes) apply(state, change)
      expect(made.effects).to.deep.include({ do: 'redial' })
      return state.links.get(fresh)
    }
    expect(at(['r.test:1'])).to.deep.include({ addresses: ['r.test:1'], up: false })
    expect(at([])?.addresses).to.deep.equal(['old.test:1'])
  })

  it('has what is under way: what came from it, what went to it, what it is owed', () => {
    const state = moved(robbed())
    expect(state.custody.get(relayed.key)).to.deep.include({
      from: fresh,
      path: [b, r, me],
      also: [fresh],
      stalled: [fresh],
    })
    expect(state.custody.get(ours.key)).to.deep.include({
      next: fresh,
      awaits: `up:${fresh}`,
      tried: [{ by: fresh, saidNo: false }],
      lent: [{ to: fresh, weight: 1 }],
    })
    expect([...state.owed.keys()]).to.deep.equal([`${fresh}:${relayed.key}`])
    expect(state.owed.get(`${fresh}:${relayed.key}`)?.to).to.equal(fresh)
  })

  it('has what we owe it: a complaint that came over the old key is taken back over the new one', () => {
    const state = robbed()
    apply(state, { put: 'credit', agent: r, row: newCredit(now) })
    const complaint = { entity: bob, origin: me, id: envelopeId, hash: 'f'.repeat(64), at: now, text: '', card: '' }
    const hear = (from: string, reason: Reason) => {
      for (const change of step(state, { on: 'complained', from, complaint: { ...complaint, reason } }, now).changes)
        apply(state, change)
    }
    hear(r, 'abuse')
    expect(state.credits.get(r)?.debt).to.equal(-1)
    moved(state)
    hear(fresh, 'not-spam')
    expect([...state.credits].map(([agent, { debt }]) => [agent, debt])).to.deep.equal([[fresh, 0]])
  })

  it('is heard once: a repeat changes nothing', () => {
    expect(step(moved(robbed()), { on: 'moved', move }, now + 1)).to.deep.equal({ changes: [], effects: [] })
  })
})
