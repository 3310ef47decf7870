import { expect } from 'chai'
import fc from 'fast-check'
import {
  backoffMs,
  type Custody,
  dueAt,
  forgetAt,
  LAST_WORD_MS,
  lastMoment,
  waitsTooLong,
} from '../../src/custody/custody.ts'
import { HOUR, MINUTE, now, row } from './rows.ts'

describe('custody: the times of one envelope', () => {
  const dues: [what: string, row: Partial<Custody>, dueAt: number][] = [
    ['a row nobody tried ends at its expiry', {}, now + 12 * HOUR],
    ['a retry comes before that', { retryAt: now + 1000 }, now + 1000],
    ['so does the word about a delay', { delayAt: now + HOUR, retryAt: now + 2 * HOUR }, now + HOUR],
    [
      'what was handed on is listened for past its expiry',
      { state: 'handed', ...handed() },
      now + 12 * HOUR + LAST_WORD_MS,
    ],
    [
      'and so is what was handed on without a receipt',
      { state: 'waiting', ...handed() },
      now + 12 * HOUR + LAST_WORD_MS,
    ],
    ['done, it is remembered until twice its expiry', { state: 'done', retryAt: now, delayAt: now }, now + 24 * HOUR],
    ['who brought it is judged before that', { state: 'done', reserved: 1, judgeBy: now + HOUR }, now + HOUR],
    ['and who took it', { state: 'done', lent: [{ to: 'r', weight: 1 }], judgeBy: now + HOUR }, now + HOUR],
    ['judged, it is only remembered', { state: 'done', judgeBy: now + HOUR }, now + 24 * HOUR],
  ]
  for (const [what, given, due] of dues) it(what, () => expect(dueAt(row(given))).to.equal(due))

  const waits: [what: string, row: Partial<Custody>, isTooLong: boolean][] = [
    ['a try in nine minutes', { retryAt: now + 9 * MINUTE }, false],
    ['a try in eleven, longer than any wait is', { retryAt: now + 11 * MINUTE }, true],
    ['the same before it is sealed', { state: 'spooled', retryAt: now + 11 * MINUTE }, true],
    ['where somebody has it, it is no wait for a try', { state: 'handed', retryAt: now + 11 * MINUTE }, false],
    ['none', {}, false],
    ['what its sender holds back', { retryAt: now + HOUR, heldUntil: now + HOUR }, false],
    ['and held back until now', { retryAt: now + HOUR, heldUntil: now }, true],
  ]
  for (const [what, given, isTooLong] of waits)
    it(`after the clock was set back, ${what} ${isTooLong ? 'is tried at once' : 'stands'}`, () =>
      expect(waitsTooLong(row(given), now)).to.equal(isTooLong))

  it('the nearer to the origin, the longer it listens: the last word of those further on comes first', () => {
    const paths = Array.from({ length: 16 }, (_, i) => Array.from({ length: i + 1 }, (_, j) => `agent ${j}`))
    const moments = paths.map((path) => lastMoment(row({ state: 'handed', ...handed(), path })))
    for (const [i, moment] of moments.entries()) expect(moment).to.be.below(moments[i - 1] ?? Number.POSITIVE_INFINITY)
    expect(moments.at(-1)).to.be.above(now + 12 * HOUR + MINUTE)
  })

  it('an envelope that claims to be written after its expiry is not forgotten before it', () => {
    expect(forgetAt(row({ created: now + 23 * HOUR, expires: now + HOUR }))).to.be.above(now + HOUR)
  })

  it('the backoff doubles from a second to five minutes, a quarter more or less', () => {
    for (let attempts = 0; attempts < 40; attempts++) {
      const base = Math.min(1000 * 2 ** attempts, 5 * MINUTE)
      expect(backoffMs('key', attempts)).to.be.within(0.75 * base, 1.25 * base)
    }
  })

  it('envelopes that failed together do not come back together', () => {
    const times = Array.from({ length: 100 }, (_, i) => backoffMs(`key ${i}`, 5))
    expect(new Set(times).size).to.be.above(90)
    expect(Math.max(...times) - Math.min(...times)).to.be.above(0.4 * 32_000)
  })

  it('the same envelope backs off the same way on every run', () =>
    fc.assert(
      fc.property(fc.string(), fc.nat(60), (key, attempts) => {
        expect(backoffMs(key, attempts)).to.equal(backoffMs(key, attempts))
      }),
    ))
})

function handed(): Partial<Custody> {
  return { tried: [{ by: 'r', saidNo: false }] }
}
