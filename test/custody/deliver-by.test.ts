/** By when a message is wanted (RFC 2852): what is not there by then comes back, or is told. */
import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import type { Custody } from '../../src/custody/custody.ts'
import type { Submission } from '../../src/custody/submission.ts'
import type { State } from '../../src/state.ts'
import { step } from '../../src/web.ts'
import { asks, delivered, key, left, MINUTE, now, submission, world } from './rows.ts'

const at = now + 5 * MINUTE
const sent = (
  deliverBy: NonNullable<Submission['deliverBy']>,
  more: Partial<State> = {},
): { state: State; row: Custody } => {
  const state: State = { ...world(), submissions: new Map(), ...more }
  const [one] = submission().recipients
  if (one === undefined) throw new Error('somebody gets it')
  const recipients = [{ ...one, notify: ['FAILURE', 'DELAY'] as const }]
  const made = step(state, { on: 'submitted', submission: submission({ recipients, deliverBy }), here: 9 }, now)
  for (const change of made.changes) apply(state, change)
  return { state, row: left(made) as Custody }
}

describe('custody: by when it is wanted', () => {
  it('to be returned: it lives no longer than that', () =>
    expect(sent({ mode: 'return', at }).row).to.include({ expires: at, returnAt: at, delayAt: now + 120 * MINUTE }))

  it('nor when its address is found late', () => {
    const { state } = sent({ mode: 'return', at }, { knownAt: new Map() })
    state.knownAt.set('bob@b.test', [...state.known.keys()][0] ?? '')
    const found = step(state, { on: 'due', key }, now + MINUTE)
    expect(asks(found)).to.include('seal')
    expect((left(found) as Custody).expires).to.equal(at)
  })

  it('a moment that is later than it is tried for changes nothing', () => {
    const later = now + 1000 * 86_400_000
    const { row, state } = sent({ mode: 'return', at: later })
    expect(row.expires).to.equal(now + state.terms.knownLifeMs)
  })

  it('it comes back then, with a notice, and not before', () => {
    const { state } = sent({ mode: 'return', at })
    expect(left(step(state, { on: 'due', key }, at - 1))?.outcome).to.equal(undefined)
    const made = step(state, { on: 'due', key }, at)
    expect(left(made)?.outcome).to.include({ event: 'expired', code: 'expired' })
    expect(delivered(made)).to.have.lengthOf(1)
  })

  it('also while its address is still searched for: nobody has said that it is unknown', () => {
    const code = (deliverBy: NonNullable<Submission['deliverBy']>) => {
      const { state, row } = sent(deliverBy, { known: new Map(), knownAt: new Map() })
      state.custody.set(key, { ...row, delayAt: null })
      return left(step(state, { on: 'due', key }, row.expires))?.outcome?.code
    }
    expect(code({ mode: 'return', at })).to.equal('expired')
    expect(code({ mode: 'return', at: now + 1000 * 86_400_000 }), 'in all its own time').to.equal('address-unknown')
  })

  it('to be told: a notice then, and it goes on', () => {
    const { state, row } = sent({ mode: 'notify', at })
    expect(row).to.include({ delayAt: at, expires: now + state.terms.knownLifeMs })
    expect(row.returnAt).to.equal(undefined)
    const made = step(state, { on: 'due', key }, at)
    expect(left(made)).to.include({ state: 'spooled', delayAt: null })
    expect(delivered(made)).to.have.lengthOf(1)
  })
})
