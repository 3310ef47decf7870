import { expect } from 'chai'
import { apply } from '../../src/apply.ts'
import type { Arrival } from '../../src/custody/arrival.ts'
import { type Custody, ROW_BYTES } from '../../src/custody/custody.ts'
import { JUDGING_MS } from '../../src/custody/meter.ts'
import type { Step } from '../../src/effect.ts'
import { routeOf } from '../../src/route/cache.ts'
import { choose } from '../../src/route/choose.ts'
import type { Known } from '../../src/route/search.ts'
import { admitLocal, contactKey, removeLocal, type State } from '../../src/state.ts'
import { step, whereIs } from '../../src/web.ts'
import {
  ann,
  arrival,
  asks,
  b,
  bob,
  delivered,
  envelopeId,
  HOUR,
  left,
  link,
  now,
  opened,
  owes,
  permit,
  r,
  relayed,
  row,
  s,
  said,
  stranger,
  world,
} from './rows.ts'

const theirs = `${s}/${envelopeId}`
const forAnn = arrival(ann, { opened })
const at = (given: Arrival, change: (state: State) => void = () => {}, ...rows: Custody[]): Step => {
  const state = world(...rows)
  change(state)
  return step(state, { on: 'arrived', arrival: given }, now)
}
const done: Custody = relayed({
  role: 'destination',
  state: 'done',
  body: null,
  outcome: { event: 'delivered', by: 'me', at: now },
})

describe('custody: an envelope arrives', () => {
  const cases: [
    what: string,
    arrival: Arrival,
    change: (state: State) => void,
    rows: Custody[],
    answer: string,
    state: string | undefined,
    asks: string[],
  ][] = [
    ['for somebody here', forAnn, () => {}, [], 'accepted', 'done', ['settle s']],
    ['for somebody further on', arrival(bob), () => {}, [], 'accepted', 'handing', ['hand r']],
    [
      'for somebody whose neighbour is away',
      arrival(bob),
      (state) => state.links.set(r, link(r, { up: false })),
      [],
      'accepted',
      'waiting',
      [],
    ],
    ['by the way it was advised', arrival(stranger, { advice: [r] }), () => {}, [], 'accepted', 'handing', ['hand r']],
    ['without any way onward', arrival(stranger), () => {}, [], 'no-route', undefined, []],
    [
      'whose only way is the one it came by',
      arrival(stranger, { advice: [s] }),
      () => {},
      [],
      'no-route',
      undefined,
      [],
    ],
    [
      'for somebody who has left',
      arrival(ann),
      (state) => removeLocal(state, ann),
      [],
      'mailbox-missing',
      undefined,
      [],
    ],
    [
      'for somebody who has left, and lives where there is a way to',
      arrival(ann),
      (state) => {
        removeLocal(state, ann)
        state.known.set(ann, { entity: ann, address: 'ann@new.test', agent: r, expires: now + HOUR })
      },
      [],
      'accepted',
      'handing',
      ['hand r'],
    ],
    [
      'for somebody who left and came back',
      forAnn,
      (state) => {
        removeLocal(state, ann)
        admitLocal(state, { entity: ann, account: 1, address: 'ann@me.test' })
      },
      [],
      'accepted',
      'done',
      ['settle s'],
    ],
    ['for somebody who moved in while it came', arrival(ann), () => {}, [], 'entity-unknown', undefined, []],
    ['again, delivered before', forAnn, () => {}, [done], 'accepted', undefined, ['settle s']],
    ['again, on its way', arrival(bob), () => {}, [relayed({ state: 'handed' })], 'accepted', undefined, []],
    [
      'again, on its way with another',
      arrival(bob),
      () => {},
      [relayed({ state: 'handed', next: r, tried: [{ by: r, saidNo: false }] })],
      'accepted',
      undefined,
      [],
    ],
    [
      'again, by a neighbour that would not have it of us',
      arrival(bob, { from: r }),
      () => {},
      [relayed({ tried: [{ by: r, saidNo: true }] })],
      'accepted',
      'waiting',
      [],
    ],
    ['again, by another path to the end', { ...forAnn, from: r }, () => {}, [done], 'accepted', 'done', ['settle r']],
    [
      'once more by that path',
      { ...forAnn, from: r },
      () => {},
      [{ ...done, also: [r] }],
      'accepted',
      undefined,
      ['settle r'],
    ],
    ['again, by another path on its way', arrival(bob, { from: r }), () => {}, [relayed()], 'accepted', 'waiting', []],
    [
      'again, by a neighbour that has it of us',
      arrival(bob, { from: r }),
      () => {},
      [relayed({ state: 'handed', next: r, tried: [{ by: r, saidNo: false }] })],
      'path-loops',
      undefined,
      [],
    ],
    [
      'again, ended badly',
      arrival(bob),
      () => {},
      [relayed({ state: 'done', outcome: { event: 'expired', code: 'expired', by: r, at: now } })],
      'expired',
      undefined,
      [],
    ],
    [
      'again, refused for good',
      arrival(bob),
      () => {},
      [relayed({ state: 'done', outcome: { event: 'refused', code: 'mailbox-full', by: r, at: now } })],
      'mailbox-full',
      undefined,
      [],
    ],
    ['that we sent ourselves', arrival(bob), () => {}, [row({ key: theirs })], 'path-loops', undefined, []],
  ]
  for (const [what, given, change, rows, answer, to, effects] of cases)
    it(`${what}: ${answer}`, () => {
      const made = at(given, change, ...rows)
      expect([said(made), left(made)?.state, asks(made)]).to.deep.equal([answer, to, effects])
    })

  it('is taken from a neighbour up to a bound while nothing is heard of what it brought, and one alone always', () => {
    const state = world()
    const bring = bringer(state)
    const GB = 2 ** 30
    // Nothing is reserved for a permit, whoever made it up; and whoever is next signs for all, and is silent.
    const sign = (i: number) => {
      const key = `${s}/${i.toString(16).padStart(32, '0')}`
      for (const change of step(state, { on: 'accepted', key, by: r, receipt: 'receipt' }, now).changes)
        apply(state, change)
    }
    const answers = [1, 2, 3].map((i) => {
      const made = bring(i, 2 * GB, { permit })
      if (said(made) === 'accepted') sign(i)
      return said(made)
    })
    expect(answers).to.deep.equal(['accepted', 'custody-full', 'custody-full'])
    expect(said(bring(4, GB, { permit }))).to.equal('accepted')
    expect([...state.brought]).to.deep.equal([[s, 3 * GB + 2 * ROW_BYTES]])
    for (const key of [...state.custody.keys()])
      for (const change of step(state, { on: 'due', key }, now + 10 * HOUR).changes) apply(state, change)
    expect([...state.brought], 'what has ended counts no more').to.deep.equal([])
    expect(said(bring(5, 100 * GB, { permit, expires: now + 30 * HOUR })), 'alone').to.equal('accepted')
  })

  it('so are the smallest: each leaves a row', () => {
    const state = world()
    const most = Math.floor((32 * state.terms.heldBytes) / (1 + ROW_BYTES))
    state.brought.set(s, (most - 1) * (1 + ROW_BYTES))
    const bring = bringer(state)
    expect([1, 2].map((i) => said(bring(i, 1, { permit })))).to.deep.equal(['accepted', 'custody-full'])
  })

  const away = (state: State) => state.links.set(r, link(r, { up: false }))

  const bringer =
    (state: State) =>
    (i: number, size: number, more: Partial<Arrival['envelope']> = {}): Step => {
      const { envelope, ...rest } = arrival(bob)
      const id = i.toString(16).padStart(32, '0')
      const made = step(
        state,
        { on: 'arrived', arrival: { ...rest, envelope: { ...envelope, ...more, id, size } } },
        now,
      )
      for (const change of made.changes) apply(state, change)
      return made
    }

  it('waits for a neighbour that is away, up to what we keep for one', () => {
    const state = world()
    away(state)
    const bring = bringer(state)
    const most = 100 * 2 ** 20
    expect([bring(1, most / 2), bring(2, most / 2), bring(3, 1)].map(said)).to.deep.equal([
      'accepted',
      'accepted',
      'custody-full',
    ])
    expect(state.held.get(r)).to.equal(most)
    state.links.set(r, link(r))
    expect(said(bring(4, most)), 'it is here: nothing need be kept').to.equal('accepted')
    for (const key of [...state.custody.keys()])
      for (const change of step(state, { on: 'due', key }, now + 10 * HOUR).changes) apply(state, change)
    expect([...state.held], 'what is handed on is kept no more').to.deep.equal([])
  })

  it('waits so for a fortnight at most, however long it lives', () => {
    const fortnight = 14 * 24 * HOUR
    const { envelope, ...more } = arrival(bob)
    const long = { ...more, envelope: { ...envelope, expires: now + 2 * fortnight } }
    const state = world()
    away(state)
    for (const change of step(state, { on: 'arrived', arrival: long }, now).changes) apply(state, change)
    expect(left(step(state, { on: 'due', key: theirs }, now + fortnight - 1))?.state).to.equal('waiting')
    const end = left(step(state, { on: 'due', key: theirs }, now + fortnight))
    expect([end?.state, end?.outcome?.event]).to.deep.equal(['done', 'expired'])
  })

  const failures: [what: string, advice: string[], change: (state: State) => unknown, reason: string | undefined][] = [
    ['no link at all', [stranger, b], () => {}, 'unknown'],
    ['a link that was revoked', [r, b], (state) => state.links.set(r, link(r, { state: 'revoked' })), 'revoked'],
    ['a link that is only down', [r, b], away, undefined],
    ['one that is there', [r, b], () => {}, undefined],
  ]
  for (const [what, advice, change, reason] of failures)
    it(`advised to go over ${what}: ${reason ? `whoever handed it over hears "${reason}"` : 'nobody hears of it'}`, () => {
      const made = at(arrival(bob, { advice }), change)
      const failed = made.effects.filter((effect) => effect.do === 'rerr')
      const record = { route: [s, world().me, ...advice], next: advice[0], entity: bob, reason }
      expect(failed).to.deep.equal(reason ? [{ do: 'rerr', to: s, record }] : [])
    })

  it('is delivered once, with the way it came, and the report is owed in the same step', () => {
    const made = at(forAnn)
    expect(delivered(made)).to.deep.equal([
      {
        account: 1,
        folder: 'Requests',
        body: 3,
        provenance: { key: theirs, from: bob, address: 'bob@b.test', path: [s, world().me], at: now },
      },
    ])
    expect(owes(made)).to.deep.equal(['own delivered'])
    expect(delivered(at(forAnn, () => {}, done))).to.deep.equal([])
  })

  describe('a sender whom the recipient trusts is known from then on', () => {
    const eve = { entity: stranger, address: 'eve@x.test', agent: s, seq: 2, expires: now + HOUR }
    const letter = (known: Known = eve): Arrival =>
      arrival(ann, {
        opened: { from: known.entity, address: known.address, messageId: '', permit, card: { known, text: 'card' } },
      })
    const trusting =
      (other: string, more: (state: State) => void = () => {}) =>
      (state: State): void => {
        const row = { entity: ann, other, trust: 'implicit', address: 'eve@x.test', at: now } as const
        state.contacts.set(contactKey(ann, other), row)
        more(state)
      }
    const met = (made: Step) =>
      made.changes.flatMap((change) =>
        'put' in change && (change.put === 'known' || change.put === 'route') ? [change] : [],
      )

    it('by the card in the letter, and by the way it came', () =>
      expect(met(at(letter(), trusting(stranger)))).to.deep.equal([
        { put: 'known', row: eve, card: 'card' },
        { put: 'route', row: routeOf({ entity: stranger, hops: [world().me, s], expires: now + 24 * HOUR }) },
      ]))

    it('but not a stranger, who could claim any address', () => expect(met(at(letter()))).to.deep.equal([]))

    it('so that the answer goes without a search', () => {
      const state = world()
      for (const change of at(letter(), trusting(stranger)).changes) apply(state, change)
      expect(whereIs(state, 'eve@x.test', now)).to.equal('known')
      expect(choose(state, { entity: stranger, path: [state.me], avoid: [], advice: [] }, now)?.next).to.equal(s)
    })

    const bobs = { ...eve, entity: bob, address: 'bob@b.test' }
    const found = ({ me }: State) => routeOf({ entity: bob, hops: [me, r, s], expires: now + HOUR })
    const cases: [what: string, known: Known, change: (state: State) => void, met: string[]][] = [
      ['a way that was found is kept', bobs, (state) => apply(state, { put: 'route', row: found(state) }), ['known']],
      ['not one to where they were before', bobs, () => {}, ['known', 'route']],
      ['an older card is a way, and no news', eve, (state) => state.known.set(stranger, { ...eve, seq: 3 }), ['route']],
      [
        'an older card of an agent they have left is nothing',
        eve,
        (state) => state.known.set(stranger, { ...eve, agent: r, seq: 3 }),
        [],
      ],
      ['nor is another key for an address that is known', { ...eve, address: 'bob@b.test' }, () => {}, []],
      ['nor a card that has expired', { ...eve, expires: now }, () => {}, []],
      ['nor one that names another agent than sent the letter', { ...eve, agent: r }, () => {}, []],
    ]
    for (const [what, known, change, expected] of cases)
      it(what, () => {
        const made = at(letter(known), trusting(known.entity, change))
        expect(met(made).map(({ put }) => put)).to.deep.equal(expected)
        expect(delivered(made), 'the letter is delivered all the same').to.have.length(1)
      })

    it('in the place of the way to whoever was not written to for the longest, where ten thousand are held', () => {
      const fill = (state: State) => {
        for (let i = 0; i < 9_999; i++)
          state.routes.set(`${i}`, [{ key: `${i}/a`, entity: `${i}`, hops: [state.me, r], expires: now + HOUR }])
      }
      const dropped = at(letter(), trusting(stranger, fill)).changes.filter((change) => 'drop' in change)
      expect(dropped).to.deep.equal([
        { drop: 'route', key: routeOf({ entity: bob, hops: [world().me, r, b], expires: now }).key, entity: bob },
      ])
    })

    it('by the address of the newest card alone', () => {
      const state = world()
      expect(whereIs(state, 'bob@b.test', now)).to.equal('known')
      const moved = at(letter({ ...bobs, address: 'bob@x.test' }), trusting(bob))
      for (const change of moved.changes) apply(state, change)
      expect(whereIs(state, 'bob@x.test', now)).to.equal('known')
      expect(whereIs(state, 'bob@b.test', now)).not.to.equal('known')
    })

    it('two keys for one address are told in the log', () =>
      expect(
        at(letter({ ...eve, address: 'bob@b.test' }), trusting(stranger)).effects.map(
          (effect) => effect.do === 'log' && effect.event,
        ),
      ).to.include('card-conflict'))
  })

  for (const trust of ['explicit', 'implicit', 'none'] as const)
    it(`mail of a contact with ${trust} trust goes to ${trust === 'none' ? 'Requests' : 'INBOX'}`, () => {
      const contact = { entity: ann, other: bob, trust, address: 'bob@b.test', at: now }
      const made = at(forAnn, (state) => state.contacts.set(contactKey(ann, bob), contact))
      expect(delivered(made)[0]?.folder).to.equal(trust === 'none' ? 'Requests' : 'INBOX')
    })

  const trusting = (state: State) =>
    state.contacts.set(contactKey(ann, bob), {
      entity: ann,
      other: bob,
      trust: 'implicit',
      address: 'bob@b.test',
      at: now,
    })

  it('a stranger’s is judged within a week, and bears no permit; a contact’s is the other way round', () => {
    expect(left(at(forAnn)))
      .to.include({ judgeBy: now + JUDGING_MS })
      .and.not.have.property('permit')
    expect(left(at(forAnn, trusting)))
      .to.include({ permit })
      .and.not.have.property('judgeBy')
  })

  it('who is not named as its author goes to Requests, whoever they are', () => {
    const others = (isAuthor: boolean) => arrival(ann, { opened: { ...opened, isAuthor } })
    expect([true, false].map((is) => delivered(at(others(is), trusting))[0]?.folder)).to.deep.equal([
      'INBOX',
      'Requests',
    ])
  })

  it('whoever hands it again over the same link is told again what it was told', () => {
    const trail = [
      { event: 'accepted' as const, by: r, at: now, jws: 'receipt' },
      { event: 'forwarded' as const, by: r, at: now, next: b, jws: 'forwarded' },
      { event: 'expired' as const, by: stranger, at: now, jws: 'a way that failed' },
    ]
    expect(owes(at(arrival(bob), () => {}, relayed({ state: 'handed', trail })))).to.deep.equal([
      'own forwarded',
      'forwarded',
    ])
    expect(owes(at(forAnn, () => {}, done))).to.deep.equal(['own delivered'])
  })

  const copies: [what: string, was: Custody, isToldLater: boolean][] = [
    ['of what is under way', relayed({ state: 'handed', from: b }), true],
    ['not of what is done, at a relay', { ...done, role: 'relay', from: b }, false],
    ['at the destination, where it may still be judged', { ...done, from: b }, true],
    ['not over the link that it came by, which is told anyway', relayed({ state: 'handed' }), false],
    ['and noted once', relayed({ state: 'handed', from: b, also: [s] }), false],
  ]
  for (const [what, was, isToldLater] of copies)
    it(`whoever brings a copy is told what follows: ${what}`, () => {
      const made = at(was.role === 'destination' ? forAnn : arrival(bob), () => {}, was)
      const also = made.changes.flatMap((change) =>
        'put' in change && change.put === 'custody' ? (change.row.also ?? []) : [],
      )
      expect(also.includes(s)).to.equal(isToldLater)
    })
})
