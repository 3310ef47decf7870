import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import type { TrailStep } from '../../src/report/report.ts'
import { blame, forgetBlame, forgive } from '../../src/route/blame.ts'
import { b, HOUR, now, r, s, stranger, world } from '../custody/rows.ts'

const DAY = 24 * HOUR

describe('route: who was silent', () => {
  /** Blames `r` at each of these times. @returns the hours each time */
  const hours = (...times: number[]): number[] => {
    const state = world()
    return times.map((at) => {
      for (const change of forgetBlame(state, at)) apply(state, change)
      for (const change of blame(state, r, 'silent', at).changes) apply(state, change)
      return ((state.blamed.get(r)?.until ?? 0) - at) / HOUR
    })
  }
  it('is avoided for an hour, then twice as long each time, up to a day', () =>
    expect(hours(...[0, 1, 2, 3, 4, 5, 6].map((day) => now + day * DAY))).to.deep.equal([1, 2, 4, 8, 16, 24, 24]))
  it('once, however many envelopes stall together', () => expect(hours(now, now)).to.deep.equal([1, 1]))
  it('is forgotten after a week without', () => {
    expect(hours(now, now + HOUR + 7 * DAY - 1)).to.deep.equal([1, 2])
    expect(hours(now, now + HOUR + 7 * DAY)).to.deep.equal([1, 1])
  })

  it('is forgiven by a delivery over it, and nobody else is: not whom a holder only waited for', () => {
    const state = world()
    for (const agent of [r, b, s, stranger]) state.blamed.set(agent, { agent, times: 1, until: now + 1 })
    const said = (by: string, event: TrailStep['event'], next?: string): TrailStep => ({
      by,
      event,
      at: now,
      jws: '',
      ...(next && { next }),
    })
    const trail = [said(r, 'stalled', stranger), said(r, 'forwarded', b), said(s, 'forwarded', stranger)]
    expect(forgive(state, trail, r)).to.deep.equal([r, b].map((agent) => ({ note: { of: 'forgiven', agent } })))
  })
})
