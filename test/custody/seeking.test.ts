import { expect } from 'chai'
import { targetOfAddress, targetOfEntity } from '../../src/address.ts'
import { apply } from '../../src/apply.ts'
import type { Custody } from '../../src/custody/custody.ts'
import type { Step } from '../../src/effect.ts'
import type { Envelope } from '../../src/envelope/envelope.ts'
import { fingerprintWords } from '../../src/identity/words.ts'
import { routeOf } from '../../src/route/cache.ts'
import type { State } from '../../src/state.ts'
import { step, whereIs } from '../../src/web.ts'
import {
  asks,
  b,
  bob,
  delivered,
  envelopeId,
  HOUR,
  key,
  left,
  MINUTE,
  now,
  r,
  relayed,
  report,
  row,
  s,
  stranger,
  world,
} from './rows.ts'

const byKey = targetOfEntity(bob)
const byAddress = targetOfAddress('bob@b.test')
const searches = (made: Step): string[] =>
  made.effects.flatMap((effect) => (effect.do === 'search' ? [effect.target] : []))
const wayless = (...rows: Custody[]): State => {
  const state = world(...rows)
  state.routes.clear()
  return state
}
const run = (state: State, event: Parameters<typeof step>[1], when = now): Step => {
  const made = step(state, event, when)
  for (const change of made.changes) apply(state, change)
  return made
}
const claimed = (state: State): State => {
  const [known] = [...state.known.values()]
  if (known) apply(state, { put: 'known', row: { ...known, rival: { entity: stranger, agent: s, at: now } }, card: '' })
  return state
}
const letters = (made: Step): string[] =>
  delivered(made).map(({ body }) => (typeof body === 'object' ? body.letter.toString().replace(/\s+/g, ' ') : ''))
const [ours, theirs] = [fingerprintWords(bob), fingerprintWords(stranger)]

describe('custody: the recipient is out of reach', () => {
  it('is looked for by the key, and in turn by the address: a new key is found by nothing else', () => {
    const state = wayless(row())
    let when = now
    const targets = Array.from({ length: 4 }, () => {
      const made = run(state, { on: 'due', key }, when)
      when = left(made)?.retryAt ?? 0
      return searches(made)[0]
    })
    expect(targets).to.deep.equal([byKey, byAddress, byKey, byAddress])
  })

  it('by the key alone at a relay: it knows no address', () => {
    const mine = relayed()
    const state = wayless(mine)
    const first = run(state, { on: 'due', key: mine.key })
    const second = run(state, { on: 'due', key: mine.key }, left(first)?.retryAt ?? 0)
    expect([searches(first), searches(second)]).to.deep.equal([[byKey], [byKey]])
  })

  it('so does one whose card has expired', () => {
    const state = wayless(row({ state: 'spooled' }))
    for (const known of state.known.values()) state.known.set(bob, { ...known, expires: now })
    const first = run(state, { on: 'due', key })
    const second = run(state, { on: 'due', key }, left(first)?.retryAt ?? 0)
    expect([searches(first), searches(second)]).to.deep.equal([[byKey], [byAddress]])
  })

  it('another key answers: it waits on, and its sender hears of both keys, once', () => {
    const state = wayless(row({ delayAt: now + HOUR }))
    run(state, { on: 'due', key })
    const told = run(claimed(state), { on: 'due', key }, now + 10)
    expect(left(told)).to.deep.include({ state: 'waiting', isDisputed: true, delayAt: null, retryAt: now + 10 })
    const [letter = ''] = letters(told)
    for (const words of [ours, theirs, 'vouchsafe contact forget bob@b.test']) expect(letter).to.include(words)
    expect(letter).to.match(/Action: delayed/)
    const after = run(state, { on: 'due', key }, now + 10)
    expect([letters(after), searches(after).length]).to.deep.equal([[], 1])
    expect(letters(run(state, { on: 'due', key }, now + HOUR)), 'nor of the delay a second time').to.deep.equal([])
  })

  it('nor is that letter the one that told of the delay, or the one that tells of the end', () => {
    const state = wayless(row({ delayAt: now }))
    const delay = run(state, { on: 'due', key })
    const contest = run(claimed(state), { on: 'due', key }, now + 10)
    const end = run(state, { on: 'due', key }, now + 12 * HOUR)
    const ids = [delay, contest, end].map((made) => letters(made)[0]?.match(/Message-ID: <([^@]*)@/)?.[1])
    expect(ids).to.deep.equal([`delayed.${envelopeId}`, `card-conflict.${envelopeId}`, `failed.${envelopeId}`])
  })

  it('mail that has a way to the key we know goes it, whoever else claims the address', () => {
    const made = run(claimed(world(row())), { on: 'due', key })
    expect([asks(made), letters(made)]).to.deep.equal([['hand r'], []])
  })

  it('undecided to the end, it fails for that reason, with both keys', () => {
    const waiting = row({ isDisputed: true })
    const made = run(claimed(wayless(waiting)), { on: 'due', key }, waiting.expires)
    expect(left(made)?.outcome).to.deep.include({ event: 'expired', code: 'card-conflict' })
    const [letter = ''] = letters(made)
    for (const words of [ours, theirs, 'Status: 5.7.5']) expect(letter).to.include(words)
  })

  it('unless somebody may have it: then it is not known to have failed for that', () => {
    const handed = row({ state: 'handed', next: r, tried: [{ by: r, saidNo: false }] })
    const made = run(claimed(wayless(handed)), { on: 'due', key }, handed.expires + HOUR)
    expect(left(made)?.outcome?.code).to.equal('expired')
  })

  describe('a person forgets the key', () => {
    const forgotten = { on: 'forgotten' as const, address: 'bob@b.test' }

    it('then it, its way and its rival are gone, and whoever waits for it is woken', () => {
      const state = claimed(world())
      const made = run(state, forgotten)
      expect(made.changes).to.deep.equal([
        { drop: 'known', entity: bob },
        { drop: 'route', entity: bob, key: routeOf({ entity: bob, hops: [state.me, r, b], expires: 0 }).key },
      ])
      expect([state.known.size, state.knownAt.size, state.routes.size]).to.deep.equal([0, 0, 0])
      expect(made.effects.flatMap((effect) => (effect.do === 'wake' ? [effect.awaits] : []))).to.deep.equal([
        `who:${byKey}`,
        `who:${byAddress}`,
      ])
      expect(whereIs(state, 'bob@b.test', now)).to.deep.equal({ target: byAddress })
    })

    it('somebody nobody knows can not be forgotten', () =>
      expect(step(world(), { ...forgotten, address: 'eve@far.test' }, now)).to.deep.include({
        changes: [],
        answer: { say: 'refused', code: 'address-unknown', detail: 'nobody is known at eve@far.test' },
      }))

    it('what was sealed for it has failed, and its sender may send it again', () => {
      const state = wayless(row({ awaits: `who:${byKey}`, retryAt: now + HOUR }))
      run(state, forgotten)
      const made = run(state, { on: 'due', key })
      expect(left(made)?.outcome).to.deep.include({ event: 'refused', code: 'card-conflict' })
      expect(letters(made)[0]).to.match(/What you can do: Send it again/)
    })

    it('what somebody may have goes on, and its delivery is believed', () => {
      const state = world(row({ state: 'handed', next: r, agent: b, tried: [{ by: r, saidNo: false }] }))
      run(state, forgotten)
      expect(left(run(state, { on: 'retry', key }))?.state).to.equal('waiting')
      const reports = [report(r, 'forwarded', { next: b }), report(b, 'delivered')]
      expect(left(run(state, { on: 'reported', from: r, key, reports }))?.outcome?.event).to.equal('delivered')
    })

    it('what is not sealed yet is searched for afresh, and sealed for whoever is found', () => {
      const state = wayless(row({ state: 'spooled' }))
      run(state, forgotten)
      const made = run(state, { on: 'due', key })
      expect([searches(made), left(made)?.to]).to.deep.equal([[byAddress], undefined])
      const known = { entity: stranger, address: 'bob@b.test', agent: b, expires: now + HOUR }
      apply(state, { put: 'known', row: known, card: 'card' })
      const found = run(state, { on: 'due', key }, now + 10)
      expect([asks(found), left(found)?.to]).to.deep.equal([['seal', 'search'], stranger])
    })

    it('a seal for it that comes late is none, and a seal that found no card is tried for whoever is found', () => {
      const state = wayless(row({ state: 'spooled' }))
      run(state, forgotten)
      expect(asks(run(state, { on: 'unsealable', key, code: 'card-invalid' }))).to.deep.equal(['search'])
      const envelope = { to: bob, jws: 'late' } as Envelope
      expect(run(state, { on: 'sealed', key, envelope, body: 9 }).changes).to.deep.equal([])
    })
  })

  it('a relay keeps out of it', () => {
    const mine = relayed()
    expect(delivered(run(claimed(wayless(mine)), { on: 'due', key: mine.key }))).to.deep.equal([])
  })

  it('its sender hears of it once the message is under way, not in the step that submits it', () => {
    const state = claimed(wayless())
    const [submission] = state.submissions.values()
    state.submissions.clear()
    for (const known of state.known.values()) state.known.set(bob, { ...known, expires: now })
    if (submission === undefined) throw new Error('nothing to submit')
    expect(letters(run(state, { on: 'submitted', submission, here: 8 }))).to.deep.equal([])
    expect(letters(run(state, { on: 'due', key }, now + MINUTE))).to.have.length(1)
  })

  it('when the key we know answers after all, it goes on', () => {
    const state = claimed(wayless(row({ isDisputed: true, awaits: `who:${byAddress}`, retryAt: now + HOUR })))
    apply(state, { put: 'route', row: routeOf({ entity: bob, hops: [state.me, r, b], expires: now + HOUR }) })
    expect(asks(run(state, { on: 'due', key }))).to.deep.equal(['hand r'])
  })
})
