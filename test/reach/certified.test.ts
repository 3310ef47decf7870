/** When a certificate is fetched from an authority, and when again after a failure. */
import { expect } from 'chai'
import { failed, type Held, isDue, mayTry, type Tries } from '../../src/reach/certified.ts'

const now = 1_700_000_000_000
const MINUTE = 60_000
const DAY = 86_400_000
const authority = 'https://ca.test/dir'
const wanted = { authority, names: ['a.test', 'b.test'] }
const held = (daysGone: number, daysLeft: number, more: Partial<Held> = {}): Held => ({
  ...wanted,
  from: now - daysGone * DAY,
  until: now + daysLeft * DAY,
  ...more,
})

describe('a certificate from an authority is due', () => {
  const cases: [what: string, held: Held | undefined, isDue: boolean][] = [
    ['where there is none', undefined, true],
    ['not in its first two thirds', held(59, 31), false],
    ['a third of its life before it ends', held(60, 30), true],
    ['of a short life, too', held(3, 3), false],
    ['with the last third of that', held(4, 2), true],
    ['once it has ended', held(91, -1), true],
    ['when a name is missing in it', held(1, 89, { names: ['a.test'] }), true],
    ['not for a name too many', held(1, 89, { names: ['b.test', 'c.test', 'a.test'] }), false],
    ['when it is another authority’s', held(1, 89, { authority: 'https://other.test/dir' }), true],
  ]
  for (const [what, one, due] of cases) it(what, () => expect(isDue(wanted, one, now)).to.equal(due))
})

describe('after a failure the authority is asked again', () => {
  const fail = (times: number, retryAt?: number): Tries => {
    let tries: Tries | undefined
    for (let i = 0; i < times; i++) tries = failed(tries, { of: 'x', why: 'no', retryAt }, now)
    if (tries === undefined) throw new Error('at least once')
    return tries
  }
  const waits: [what: string, tries: Tries, ms: number][] = [
    ['after ten minutes', fail(1), 10 * MINUTE],
    ['after twenty', fail(2), 20 * MINUTE],
    ['at last once a day', fail(40), DAY],
    ['not before it wants to be', fail(1, now + 5 * DAY), 5 * DAY],
    ['no sooner because it would take it sooner', fail(3, now + 1000), 40 * MINUTE],
    ['after eight days, whatever it says', fail(1, now + 400 * DAY), 8 * DAY],
  ]
  for (const [what, tries, ms] of waits)
    it(what, () => {
      expect(mayTry(tries, 'x', now + ms - 1, false)).to.equal(false)
      expect(mayTry(tries, 'x', now + ms, false)).to.equal(true)
    })

  it('at once when a person says so, but not before it wants to be', () => {
    expect(mayTry(fail(40), 'x', now, true)).to.equal(true)
    expect(mayTry(fail(1, now + 5 * DAY), 'x', now + 5 * DAY - 1, true)).to.equal(false)
    expect(mayTry(fail(1, now + 5 * DAY), 'x', now + 5 * DAY, true)).to.equal(true)
  })

  it('at once where the failure was by a clock that was years ahead', () => {
    const ahead = failed(undefined, { of: 'x', why: 'no', retryAt: now + 3651 * DAY }, now + 3650 * DAY)
    for (const isUrged of [false, true]) expect(mayTry(ahead, 'x', now, isUrged)).to.equal(true)
  })

  it('at once with other settings, whose failures count from one', () => {
    expect(mayTry(fail(9), 'y', now, false)).to.equal(true)
    expect(failed(fail(9), { of: 'y', why: 'no' }, now).failures).to.equal(1)
  })

  it('in the first hour four times, of the five that Let’s Encrypt takes', () => {
    let [at, asked] = [now, 0]
    for (let tries: Tries | undefined; at < now + 60 * MINUTE; asked++) {
      tries = failed(tries, { of: 'x', why: 'no' }, at)
      at = tries.nextAt
    }
    expect(asked).to.be.at.most(4)
  })
})
