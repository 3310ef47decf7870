import { createHash, createHmac, hkdfSync } from 'node:crypto'
import { expect } from 'chai'
import { advance, judge, type Line, type Pending, prepare, present, settle } from '../../src/link/link1.ts'
import { begunAnew, freshRatchet, pairedAgain, type Ratchet } from '../../src/link/ratchet.ts'
import type { Arpl, Proceed } from '../../src/wire/link1.ts'

const SECOND = 1000
const HOUR = 3600 * SECOND
const TOKEN = Buffer.alloc(16, 7).toString('base64url')
const [EARLY, LATE] = ['a'.repeat(16), 'b'.repeat(16)]

/** Numbered, so that a run is the same each time. */
let drawn = 0
const random32 = (): string => createHash('sha256').update(String(drawn++)).digest('base64url')

/** One side: what it keeps, and what its clock shows beside the true time. */
type Side = { ratchet: Ratchet; clockMs: number }
const side = (initial?: string): Side => ({ ratchet: freshRatchet('x', EARLY, initial), clockMs: 0 })
const copy = (one: Side): Side => structuredClone(one)

/** Where the line breaks: nothing that would come later happens. */
type Cut = 'before PROCEED' | 'before COMMIT' | 'COMMIT lost' | 'ARSL lost' | undefined
const cuts: Cut[] = ['before PROCEED', 'before COMMIT', 'COMMIT lost', 'ARSL lost']

type Outcome = 'linked' | 'cut' | 'diverged' | 'clock' | 'unpaired' | 'host is wrong'
type Terms = {
  now?: number
  most?: number
  cut?: Cut
  line?: [Line, Line]
  warned?: (is: boolean) => void
  lateMs?: number
}

const arplOf = (guest: Side, line: Line, clock: number, most: number): Arpl => ({
  agent: 'x'.repeat(52),
  name: '',
  software: '',
  incarnation: guest.ratchet.incarnation,
  clock,
  proofs: present(guest.ratchet, line, clock, most),
})

const connect = (
  guest: Side,
  host: Side,
  { now = 1e12, most = 10, cut, line, warned, lateMs = 0 }: Terms = {},
): Outcome => {
  const common: Line = { ek: Buffer.from(random32(), 'base64url'), nonce: random32() }
  const [atGuest, atHost] = line ?? [common, common]
  const [clock, hostNow] = [now + guest.clockMs, now + host.clockMs + lateMs]
  const spell = { from: clock, until: clock + lateMs }
  const hostHeldMs = lateMs
  const arpl = arplOf(guest, atGuest, clock, most)
  const verdict = judge(host.ratchet, atHost, arpl, random32(), { from: hostNow - hostHeldMs, until: hostNow })
  if (verdict.is === 'clock') host.ratchet = verdict.ratchet
  if (verdict.is !== 'proceed') return verdict.is
  warned?.(verdict.pending.proceed.warned)
  if (cut === 'before PROCEED') return 'cut'
  const made = prepare(guest.ratchet, atGuest, { proceed: verdict.pending.proceed, spell, random: random32(), most })
  if (made === undefined) return 'host is wrong'
  if (cut === 'before COMMIT') return 'cut'
  guest.ratchet = made.ratchet
  if (cut === 'COMMIT lost') return 'cut'
  return end(guest, host, atGuest, atHost, verdict.pending, made.commit, { now: hostNow, most, cut })
}

const end = (
  guest: Side,
  host: Side,
  atGuest: Line,
  atHost: Line,
  pending: Pending,
  commit: { random: string; mac: string },
  { now, most, cut }: { now: number; most: number; cut: Cut },
): Outcome => {
  const done = advance(host.ratchet, atHost, { pending, commit, most, now })
  if (done === undefined) return 'host is wrong'
  host.ratchet = done.ratchet
  if (cut === 'ARSL lost') return 'cut'
  const settled = settle(guest.ratchet, atGuest, { arsl: done.arsl, incarnation: LATE, now })
  if (settled === undefined) return 'host is wrong'
  guest.ratchet = settled
  return 'linked'
}

describe('LINK1', () => {
  const pair = (): [Side, Side] => [side(TOKEN), side(TOKEN)]
  const linked = (): [Side, Side] => {
    const [a, b] = pair()
    expect(connect(a, b)).to.equal('linked')
    return [a, b]
  }

  describe('from the first connection on', () => {
    const firsts: [what: string, guest: Side, host: Side, outcome: Outcome][] = [
      ['an invitation: both know its token', side(TOKEN), side(TOKEN), 'linked'],
      ['another way: the code word is enough', side(), side(), 'linked'],
      ['a guest with another token was not invited', side(random32()), side(TOKEN), 'unpaired'],
      ['nor one without any', side(), side(TOKEN), 'unpaired'],
    ]
    for (const [what, guest, host, outcome] of firsts) it(what, () => expect(connect(guest, host)).to.equal(outcome))

    it('both move on together, whoever dials', () => {
      const [a, b] = linked()
      for (const [guest, host] of [
        [a, b],
        [b, a],
        [b, a],
        [a, b],
      ] as const) {
        const before = guest.ratchet.key
        expect(connect(guest, host)).to.equal('linked')
        expect(guest.ratchet.key).to.equal(host.ratchet.key).and.not.equal(before)
      }
      expect([a.ratchet.n, b.ratchet.n]).to.deep.equal([5, 5])
    })

    it('a proof is worth nothing on another connection, nor behind another code word', () => {
      const line = (): Line => ({ ek: Buffer.from(random32(), 'base64url'), nonce: random32() })
      const [one, other] = [line(), line()]
      const elsewhere: [Line, Line][] = [
        [one, { ...one, ek: other.ek }],
        [one, { ...one, nonce: other.nonce }],
      ]
      for (const line of elsewhere) expect(connect(...linked(), { line })).to.equal('diverged')
    })

    it('a host that does not know the secret is found out by the guest, who keeps all he had', () => {
      const [a] = linked()
      const line: Line = { ek: Buffer.from(random32(), 'base64url'), nonce: random32() }
      const proceed = { which: 'key' as const, n: 2, random: random32(), at: 1e12, warned: false, mac: random32() }
      expect(
        prepare(a.ratchet, line, { proceed, spell: { from: 1e12, until: 1e12 }, random: random32(), most: 10 }),
      ).to.equal(undefined)
    })
  })

  describe('message by message', () => {
    const spell = { from: 1e12, until: 1e12 }
    const line = (): Line => ({ ek: Buffer.from(random32(), 'base64url'), nonce: random32() })
    /** A connection as far as PROCEED. */
    const begun = ([a, b]: [Side, Side] = linked()) => {
      const on = line()
      const arpl = arplOf(a, on, 1e12, 10)
      const verdict = judge(b.ratchet, on, arpl, random32(), spell)
      if (verdict.is !== 'proceed') return expect.fail(verdict.is)
      const { pending } = verdict
      const take = (proceed: Proceed) => prepare(a.ratchet, on, { proceed, spell, random: random32(), most: 10 })
      const made = take(pending.proceed) ?? expect.fail('the host is right')
      const commit = (mac = made.commit.mac) =>
        advance(b.ratchet, on, { pending, commit: { ...made.commit, mac }, most: 10, now: 1e12 })
      const { arsl } = commit() ?? expect.fail('the guest is right')
      const settled = (ratchet: Ratchet, mac = arsl.mac) =>
        settle(ratchet, on, { arsl: { ...arsl, mac }, incarnation: LATE, now: 1e12 })
      return { a, on, arpl, proceed: pending.proceed, take, made, commit, arsl, settled }
    }

    it('what is not sealed by the secret is not taken, nor what was changed on the way', () => {
      const { a, proceed, take, made, commit, settled } = begun()
      for (const change of [{ n: 3 }, { at: 1 }, { warned: true }, { random: random32() }, { mac: random32() }])
        expect(take({ ...proceed, ...change })).to.equal(undefined)
      expect(commit(random32())).to.equal(undefined)
      expect(settled(made.ratchet, random32())).to.equal(undefined)
      expect(settled(a.ratchet), 'a guest that has not begun').to.equal(undefined)
      expect(settled(made.ratchet)?.n).to.equal(2)
    })

    it('is as docs/protocol.md spells it, byte for byte', () => {
      const bytes = (text: string) => Buffer.from(text, 'base64url')
      const count = (value: number) => {
        const eight = Buffer.alloc(8)
        eight.writeBigInt64BE(BigInt(value))
        return eight
      }
      for (const [initial, known] of [
        [TOKEN, TOKEN],
        [undefined, undefined],
      ] as const) {
        const { on, arpl, proceed, made, arsl } = begun([side(initial), side(initial)])
        const { ek, nonce } = on
        const kdf = (secret: string, ...info: Buffer[]) =>
          Buffer.from(hkdfSync('sha256', bytes(secret), ek, Buffer.concat(info), 32)).toString('base64url')
        const mac = (key: string, label: string, ...parts: Buffer[]) =>
          createHmac('sha256', bytes(key))
            .update(Buffer.concat([Buffer.from(label), ek, ...parts]))
            .digest('base64url')
        const first = kdf(known ?? nonce, Buffer.from('vouchsafe-link first'))
        const proof = [bytes(nonce), count(3), count(0), count(0), count(0)]
        expect(arpl.proofs).to.deep.equal([{ which: 'initial', n: 0, back: 0, q: 0, mac: mac(first, 'c', ...proof) }])
        const said = [bytes(nonce), count(3), count(1), bytes(proceed.random), count(1e12), count(0)]
        expect(proceed.mac).to.equal(mac(first, 's', ...said))
        const info = [Buffer.from('vouchsafe-link next'), bytes(proceed.random), bytes(made.commit.random), count(1)]
        const next = kdf(first, ...info)
        expect([made.commit.mac, arsl.mac]).to.deep.equal([mac(next, 'k'), mac(next, 'h')])
      }
    })
  })

  describe('whatever breaks off', () => {
    for (const first of cuts)
      for (const second of cuts)
        it(`${first}, then ${second}: the next connection holds, in either direction`, () => {
          for (const isNew of [true, false])
            for (const turned of [0, 1, 2, 3]) {
              const [a, b] = isNew ? pair() : linked()
              const order = (bit: number): [Side, Side] => (turned & bit ? [b, a] : [a, b])
              expect(connect(...order(1), { cut: first })).to.equal('cut')
              expect(connect(...order(2), { cut: second })).to.equal('cut')
              expect(connect(a, b)).to.equal('linked')
              expect(connect(b, a)).to.equal('linked')
            }
        })

    it('a COMMIT that comes twice moves nothing on', () => {
      const [a, b] = linked()
      const line: Line = { ek: Buffer.from(random32(), 'base64url'), nonce: random32() }
      const verdict = judge(b.ratchet, line, arplOf(a, line, 1e12, 10), random32(), { from: 1e12, until: 1e12 })
      if (verdict.is !== 'proceed') return expect.fail(verdict.is)
      const { pending } = verdict
      const made = prepare(a.ratchet, line, {
        proceed: pending.proceed,
        spell: { from: 1e12, until: 1e12 },
        random: random32(),
        most: 10,
      })
      if (made === undefined) return expect.fail('the host is right')
      const terms = { pending, commit: made.commit, most: 10, now: 1e12 }
      const once = advance(b.ratchet, line, terms)
      expect(advance(once?.ratchet ?? b.ratchet, line, terms)).to.deep.equal(once)
    })
  })

  describe('a copy of a home', () => {
    for (const cut of [undefined, ...cuts])
      it(`made after a connection (${cut ?? 'whole'}) and used once is found out at the true one's next`, () => {
        for (const dials of ['the true one', 'the neighbour'] as const) {
          const [a, b] = linked()
          connect(a, b, { cut })
          const clone = copy(a)
          expect(connect(clone, b)).to.equal('linked')
          expect(dials === 'the true one' ? connect(a, b) : connect(b, a)).to.equal('diverged')
        }
      })

    it('that comes too late is found out at once', () => {
      const [a, b] = linked()
      const clone = copy(a)
      expect(connect(a, b)).to.equal('linked')
      expect(connect(clone, b)).to.equal('diverged')
    })

    it('is of use again to nobody once the two have paired again, or begun anew', () => {
      const again: ((one: Side) => Ratchet)[] = [
        (one) => pairedAgain(one.ratchet, freshRatchet('x', LATE, TOKEN)),
        (one) => begunAnew(one.ratchet, LATE),
      ]
      for (const mend of again) {
        const [a, b] = linked()
        const clone = copy(a)
        expect(connect(clone, b)).to.equal('linked')
        for (const one of [a, b]) one.ratchet = mend(one)
        expect(connect(a, b)).to.equal('linked')
        expect(connect(clone, b)).to.equal('diverged')
      }
    })

    it('nothing is lost where one of the two has not heard yet that they paired again', () => {
      const [a, b] = linked()
      a.ratchet = pairedAgain(a.ratchet, freshRatchet('x', LATE, TOKEN))
      expect(connect(a, b)).to.equal('linked')
      const fresh = freshRatchet('x', LATE, TOKEN)
      expect(pairedAgain(undefined, fresh)).to.deep.equal(fresh)
    })

    it('whoever begins anew owes the REKEY that it owed', () => {
      const rekey = { epoch: 7 } as NonNullable<Ratchet['rekey']>
      const was = { ...freshRatchet('x', EARLY), n: 4, key: random32(), epoch: 5, rekey }
      expect(begunAnew(was, LATE)).to.deep.equal({ ...freshRatchet('x', LATE), epoch: 5, rekey })
    })

    it('whoever lost his state and does not say so by a REKEY is taken for a thief', () => {
      const [a, b] = linked()
      expect(connect(side(), b)).to.equal('diverged')
      expect(connect(b, side())).to.equal('diverged')
      expect(connect(a, b)).to.equal('linked')
    })
  })

  describe('clocks', () => {
    /** Connections an hour apart. @returns how each went */
    const live = (a: Side, b: Side, from: number, count: number, most = 10): string[] =>
      Array.from({ length: count }, (_, i) => {
        let isWarned = false
        const outcome = connect(i % 2 ? b : a, i % 2 ? a : b, {
          now: 1e12 + (from + i) * HOUR,
          most,
          warned: (is) => {
            isWarned = is
          },
        })
        return isWarned ? 'warned' : outcome
      })
    const fine = (count: number) => new Array<string>(count).fill('linked')

    const steps: [what: string, stepMs: number, most: number, isSeen: boolean][] = [
      ['five seconds are borne', 5 * SECOND, 10, false],
      ['a little more is seen', 5 * SECOND + 1, 10, true],
      ['backwards, too', -6 * SECOND, 10, true],
      ['a year, too', 365 * 24 * HOUR, 10, true],
      ['over more than 20 connections ten seconds are borne', 10 * SECOND, 30, false],
      ['and no more', 10 * SECOND + 1, 30, true],
    ]
    for (const [what, stepMs, most, isSeen] of steps)
      for (const who of ['guest', 'host'] as const)
        it(`a clock that is set, at the ${who}: ${what}; one warning, and the link goes on`, () => {
          const [a, b] = pair()
          expect(live(a, b, 0, 40, most)).to.deep.equal(fine(40))
          ;(who === 'guest' ? a : b).clockMs += stepMs
          expect(live(a, b, 40, 40, most)).to.deep.equal([...(isSeen ? ['warned'] : fine(1)), ...fine(39)])
        })

    it('clocks that were never equal are fine', () => {
      const [a, b] = pair()
      b.clockMs = -20 * 365 * 24 * HOUR
      expect(live(a, b, 0, 40)).to.deep.equal(fine(40))
    })

    it('a clock that is set three times within a day suspends the link, three times in a week does not', () => {
      for (const [everyHours, last] of [
        [2, 'clock'],
        [30, 'warned'],
      ] as const) {
        const [a, b] = pair()
        live(a, b, 0, 12)
        const seen: string[] = []
        for (let i = 0; i < 3; i++) {
          a.clockMs += HOUR
          seen.push(
            connect(a, b, { now: 1e12 + (12 + i * everyHours) * HOUR, warned: (is) => is && seen.push('warned') }),
          )
        }
        expect(seen.filter((one) => one !== 'linked').at(-1)).to.equal(last)
        expect(seen.filter((one) => one === 'warned')).to.have.length(everyHours === 2 ? 2 : 3)
      }
    })

    it('a slow line is no wrong clock', () => {
      const [a, b] = pair()
      const slow = (i: number) => {
        let isWarned = false
        const warned = (is: boolean) => {
          isWarned = is
        }
        connect(i % 2 ? b : a, i % 2 ? a : b, { now: 1e12 + i * HOUR, lateMs: (i % 3) * 8 * SECOND, warned })
        return isWarned
      }
      expect(Array.from({ length: 50 }, (_, i) => slow(i))).to.not.include(true)
    })

    it('sides that keep different numbers of times compare the fewer', () => {
      const [a, b] = pair()
      const mixed = (i: number) => connect(a, b, { now: 1e12 + i * HOUR, most: i % 2 ? 10 : 100 })
      expect(Array.from({ length: 50 }, (_, i) => mixed(i))).to.deep.equal(fine(50))
    })
  })
})
