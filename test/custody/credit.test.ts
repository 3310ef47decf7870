/** Claims about admission: what an arrival costs, and whom. How it goes on from there is the village's matter. */
import { expect } from 'chai'
import { targetOfEntity } from '../../src/address.ts'
import type { Arrival } from '../../src/custody/arrival.ts'
import type { Custody } from '../../src/custody/custody.ts'
import type { Step } from '../../src/effect.ts'
import { contactKey, type Link, type State } from '../../src/state.ts'
import { step } from '../../src/web.ts'
import {
  ann,
  arrival as arrivalOf,
  bob,
  left,
  link,
  MINUTE,
  now,
  opened,
  permit,
  r,
  row,
  s,
  said,
  world,
} from './rows.ts'

const arrival = (to: string, given?: string): Arrival => {
  const made = arrivalOf(to, to === ann ? { opened } : {})
  return given ? { ...made, envelope: { ...made.envelope, permit: given } } : made
}

type Setting = { of?: Partial<Link>; next?: Partial<Link>; taken?: number; handed?: number; isKnown?: boolean }
const setting = ({ of = {}, next = {}, taken = 0, handed = 0, isKnown = false }: Setting): State => {
  const state = world()
  state.links.set(s, link(s, of))
  state.links.set(r, link(r, next))
  const flow = (pending: number) => ({ reserved: pending, pending, weeks: [] })
  state.credits.set(s, { debt: 0, at: now, theirs: flow(taken), ours: flow(0) })
  state.credits.set(r, { debt: 0, at: now, theirs: flow(0), ours: flow(handed) })
  const contact = { entity: ann, other: bob, trust: 'implicit', address: 'bob@b.test', at: now } as const
  if (isKnown) state.contacts.set(contactKey(ann, bob), contact)
  return state
}

/** Neighbours whose credit it changes, each with what is pending of theirs then. */
const costs = (made: Step): string[] =>
  made.changes.flatMap((change) =>
    'put' in change && change.put === 'credit' ? [`${change.agent[0]} ${change.row.theirs.pending}`] : [],
  )

describe('custody: what an arrival costs', () => {
  const cases: [what: string, arrival: Arrival, setting: Setting, answer: string, costs: string[]][] = [
    ['for a stranger further on', arrival(bob), {}, 'accepted', ['s 1']],
    ['for a stranger here', arrival(ann), {}, 'accepted', ['s 1']],
    ['the third of three', arrival(ann), { taken: 2 }, 'accepted', ['s 3']],
    ['the fourth', arrival(ann), { taken: 3 }, 'no-credit', []],
    ['the second, on probation', arrival(ann), { taken: 1, of: { state: 'probation' } }, 'no-credit', []],
    [
      'the fourth, from somebody the owner trusts more',
      arrival(ann),
      { taken: 3, of: { limit: 4 } },
      'accepted',
      ['s 4'],
    ],
    ['the fourth, to somebody who knows the sender', arrival(ann), { taken: 3, isKnown: true }, 'accepted', []],
    ['the fourth further on', arrival(bob), { taken: 3 }, 'no-credit', []],
    ['the fourth that the next hop would get of us', arrival(bob), { handed: 3 }, 'no-credit', []],
    ['with a permit, further on', arrival(bob, permit), { taken: 3, handed: 3 }, 'accepted', []],
    [
      'with a permit, to somebody who knows the sender',
      arrival(ann, permit),
      { taken: 3, isKnown: true },
      'accepted',
      [],
    ],
    ['with a permit, to somebody who does not', arrival(ann, permit), {}, 'permit-ended', []],
    ['over a suspended link', arrival(bob, permit), { of: { state: 'suspended' } }, 'link-suspended', []],
    ['with the next link suspended', arrival(bob), { next: { state: 'suspended' } }, 'no-route', []],
  ]
  for (const [what, given, where, answer, wanted] of cases)
    it(`${what}: ${answer}`, () => {
      const made = step(setting(where), { on: 'arrived', arrival: given }, now)
      expect([said(made), costs(made)]).to.deep.equal([answer, wanted])
    })
})

describe('custody: what waits for credit at the next hop', () => {
  const waiting = (more: Partial<Custody> = {}): Custody =>
    row({
      tried: [{ by: r, saidNo: true }],
      avoid: [{ by: r, until: now + MINUTE, isBroke: true }],
      awaits: `credit:${r}`,
      retryAt: now,
      ...more,
    })
  const woken = { retryAt: now + MINUTE }
  const isFull: Setting = { handed: 3 }
  const cases: [what: string, was: Custody, setting: Setting, awaits: string | null | undefined, asks: string[]][] = [
    ['looks for another way in its time', waiting(), isFull, `who:${targetOfEntity(bob)}`, ['search']],
    ['and again', waiting({ attempts: 4 }), isFull, `who:${targetOfEntity(bob)}`, ['search again']],
    ['but not for ever', waiting({ attempts: 5 }), isFull, `credit:${r}`, []],
    ['is handed over once there is room', waiting(woken), {}, null, ['hand r']],
    ['is left alone by whoever wakes it too early', waiting(woken), isFull, undefined, []],
    ['goes on a permit without any', waiting({ ...woken, permit }), isFull, null, ['hand r']],
    ['has no use for a search while the only way wants credit', waiting({ avoid: [] }), isFull, `credit:${r}`, []],
  ]
  for (const [what, was, where, awaits, wanted] of cases)
    it(what, () => {
      const state = setting(where)
      state.custody.set(was.key, was)
      const made = step(state, { on: 'due', key: was.key }, now)
      const asked = made.effects.flatMap((effect) =>
        effect.do === 'hand'
          ? [`hand ${effect.to[0]}`]
          : effect.do === 'search'
            ? [effect.isAgain ? 'search again' : 'search']
            : [],
      )
      expect([left(made)?.awaits, asked]).to.deep.equal([awaits, wanted])
    })
})
