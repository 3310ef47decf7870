import { expect } from 'chai'
import { listed, whyOf } from '../../gateway/cli/queue.ts'
import { type House, QUEUE_SHOWN } from '../../gateway/house.ts'
import { queueHold, queueList, queueRelease, queueRetry, queueShow } from '../../gateway/operation/queue.ts'
import { status } from '../../gateway/operation/status.ts'
import { userAdd } from '../../gateway/operation/user.ts'
import type { Custody } from '../../src/custody/custody.ts'
import type { RefusalCode } from '../../src/refusal.ts'
import { custody } from '../../store/web.ts'
import { link, r, row } from '../custody/rows.ts'
import { eachWithHouse } from '../gateway/house.ts'
import { serving } from './serving.ts'

const second = 'f'.repeat(32)

describe('a message is found', () => {
  const { house } = eachWithHouse()
  for (const [what, name] of [
    ['by its envelope id', row().id.toUpperCase()],
    ['by what the mail client was told', second],
    ['by its Message-ID, with its brackets', '<1@me.test>'],
    ['and without', '1@me.test'],
  ] as const)
    it(what, async () => {
      await house().store.db.transaction((tx) => custody.save(tx, [row({ body: null, submission: second })]))
      expect((await queueShow(house(), { id: name }, () => {})).map(({ envelope }) => envelope)).to.deep.equal([
        row().id,
      ])
    })
})

describe('a message that is not known', () => {
  const { house } = eachWithHouse()
  it('may be one from here to here, which the log alone knows', async () => {
    const said = await queueShow(house(), { id: '2@me.test' }, () => {}).catch((error: Error) => error.message)
    expect(said).to.match(/No message 2@me\.test .*from here to here the log alone knows/)
  })
})

describe('a long queue', () => {
  const { house } = eachWithHouse()
  it('is counted whole, and its list says that it is not all', async () => {
    const rows = Array.from({ length: QUEUE_SHOWN + 1 }, (_, n) => row({ key: `me/${n}`, body: null }))
    await house().store.db.transaction((tx) => custody.save(tx, rows))
    const { underway } = await status(house(), {}, () => {})
    expect(underway).to.equal(QUEUE_SHOWN + 1)
    const shown = await queueList(house(), {}, () => {})
    expect(listed(shown, underway, Date.now())).to.match(/\n501 messages under way; shown are 500$/)
    expect(listed(shown.slice(1, 2), 1, Date.now())).to.match(/\n1 message under way$/)
  })
})

describe('trace', () => {
  const { house } = eachWithHouse()
  const [relay, theirs] = ['r'.repeat(52), 'b'.repeat(52)]

  it('names the recipient’s gateway for whose it is, where it is no neighbour', async () => {
    const steps: Custody['trail'] = [
      { event: 'accepted', by: relay, at: 1, jws: '' },
      { event: 'forwarded', by: relay, at: 2, next: theirs, jws: '' },
      { event: 'delivered', by: theirs, at: 3, jws: '' },
    ]
    await house().store.db.transaction((tx) => custody.save(tx, [row({ body: null, agent: theirs, trail: steps })]))
    const [trail] = await queueShow(house(), { id: row().id }, () => {})
    expect(trail?.steps.slice(1).map(({ byName, text }) => `${byName} ${text}`)).to.deep.equal([
      'rrrrrrrrrrrr… took custody (signed receipt)',
      'rrrrrrrrrrrr… handed it to the gateway of bob@b.test',
      'the gateway of bob@b.test delivered',
    ])
  })
})

describe('how a message ended', () => {
  const { house } = eachWithHouse()
  const [relay, theirs] = ['r'.repeat(52), 'b'.repeat(52)]
  const save = (...rows: Custody[]) => house().store.db.transaction((tx) => custody.save(tx, rows))
  const trailOf = async (id = row().id) => (await queueShow(house(), { id }, () => {}))[0]
  const ended = (more: Partial<Custody>) => row({ body: null, agent: theirs, state: 'done', ...more })

  it('is told in words, by whoever said it', async () => {
    const refused = (by: string, code: RefusalCode) => ({ event: 'refused', by, at: 1, code, jws: '' }) as const
    const trail = [
      refused(relay, 'mailbox-missing'),
      refused(theirs, 'mailbox-full'),
      refused(relay, 'given-up'),
      refused(relay, 'custody-full'),
    ]
    await save(ended({ trail }))
    expect((await trailOf())?.steps.slice(1).map(({ text }) => text)).to.deep.equal([
      'says that the gateway of bob@b.test refused it: There is no such mailbox at that gateway. (mailbox-missing)',
      "refused it: The recipient's mailbox is full. (mailbox-full)",
      'gave it up: its administrator took it out (given-up)',
      'refused it: custody-full',
    ])
  })

  it('or when it is tried again', () => {
    const waiting = { why: 'looking for a path', state: 'waiting', retryAt: Date.UTC(2026, 0, 2, 12) } as const
    expect(whyOf(waiting)).to.match(/^looking for a path; tries again at 2026-01-0\d \d\d:00:00$/)
    expect(whyOf({ ...waiting, retryAt: null })).to.equal('looking for a path')
    expect(whyOf({ ...waiting, state: 'spooled' })).to.equal('looking for a path')
  })

  it('sent once more without its permit, it is said as what', async () => {
    const outcome = { event: 'refused', code: 'permit-ended', by: theirs, at: 1 } as const
    const again = row({ key: `me/${second}`, id: second, body: null, submission: 'sub' })
    await save(ended({ outcome, submission: 'sub' }), again)
    expect((await trailOf())?.anew).to.equal(second)
    expect((await trailOf(second))?.anew).to.equal(null)
  })

  it('where it was delivered, by its own gateway, to an account’s address', async () => {
    const { entity } = await userAdd(house(), { address: 'ann', password: 'correct horse' }, () => {})
    const by = house().keyring.agent.id
    const { address: _typed, ...came } = ended({ role: 'destination', to: entity })
    await save({ ...came, outcome: { event: 'delivered', by, at: 1 } })
    const trail = await trailOf()
    expect([trail?.to, trail?.steps.map(({ byName, text }) => `${byName} ${text}`).at(-1)]).to.deep.equal([
      'ann@a.test',
      'A (here) delivered',
    ])
  })
})

describe('queue hold', () => {
  const { house } = eachWithHouse()
  const none = () => {}
  const id = '<1@me.test>'

  it('holds what lies here, says what has left, and lets it go again', async () => {
    const expires = Date.now() + 3_600_000
    const waiting = row({ role: 'relay', body: null, expires })
    const gone = row({ key: `me/${second}`, id: second, body: null, expires, state: 'handed', next: 'r'.repeat(52) })
    await house().store.db.transaction((tx) => custody.save(tx, [waiting, gone]))
    expect(await queueHold(house(), { id }, none)).to.deep.equal({
      held: [waiting.id],
      left: [{ envelope: second, why: 'it is in custody of rrrrrrrrrrrr…' }],
    })
    const why = async () => (await queueList(house(), {}, none)).find((one) => one.envelope === waiting.id)?.why
    expect(await why()).to.match(/held back here/)
    const tried = await queueRetry({ ...house(), serving }, { id: waiting.id }, none)
    expect(tried.left.map(({ why }) => why)).to.match(/held back/)
    expect(await queueRelease(house(), { id }, none)).to.deep.equal({ released: [waiting.id] })
    expect(await why()).not.to.match(/held/)
    const twice = await queueRelease(house(), { id }, none).catch((error: Error) => error.message)
    expect(twice).to.match(/is not held back/)
  })

  it('does not claim to hold what a neighbour has signed for since', async () => {
    await house().store.db.transaction((tx) =>
      custody.save(tx, [row({ body: null, state: 'handed', next: 'r'.repeat(52), isHeldBack: true })]),
    )
    const [one] = await queueList(house(), {}, none)
    expect(one?.why).to.equal('in custody of rrrrrrrrrrrr…, which has signed for it since it was held back')
  })

  it('what its sender holds is not tried by hand', async () => {
    const heldUntil = Date.now() + 3_600_000
    const later = row({ body: null, state: 'spooled', heldUntil, retryAt: heldUntil, expires: heldUntil + 1 })
    await house().store.db.transaction((tx) => custody.save(tx, [later]))
    const { retried, left } = await queueRetry({ ...house(), serving }, { id }, none)
    expect([retried, left.map(({ why }) => why)]).to.match(/^,it is held until .* as its sender asked$/)
  })
})

describe('what goes later, as its sender asked', () => {
  const { house } = eachWithHouse()
  const at = Date.now() + 30 * 86_400_000

  it('has waited for no time, and was not accepted in the future', async () => {
    const later = row({ body: null, state: 'spooled', created: at, heldUntil: at, retryAt: at, expires: at + 1 })
    await house().store.db.transaction((tx) => custody.save(tx, [later]))
    expect(listed(await queueList(house(), {}, () => {}), 1, Date.now())).to.match(/ 100 B +0 s +held until /)
    const [trail] = await queueShow(house(), { id: later.id }, () => {})
    expect(trail?.steps.map(({ at, text }) => ({ at, text }))).to.deep.equal([
      { at, text: 'kept until then, as its sender asked' },
    ])
  })
})

describe('what waits for a neighbour', () => {
  const { house } = eachWithHouse()
  for (const [up, why] of [
    [false, 'waiting for r.test to connect'],
    [true, 'waiting to try r.test again: hand-failed in the log'],
  ] as const)
    it(`says so: ${why}`, async () => {
      await house().store.db.transaction((tx) => custody.save(tx, [row({ body: null, awaits: `up:${r}` })]))
      const web = { ...house().web, links: () => [link(r, { up })] }
      expect((await queueList({ ...house(), web }, {}, () => {}))[0]?.why).to.equal(why)
    })
})

describe('queue retry', () => {
  const { house } = eachWithHouse()
  const save = (...rows: Custody[]) => house().store.db.transaction((tx) => custody.save(tx, rows))
  const retry = (more: Partial<House> = {}, id = '<1@me.test>') =>
    queueRetry({ ...house(), serving, ...more }, { id }, () => {})

  it('tells what is tried again from what only its holder can tell of', async () => {
    const waiting = row({ body: null, attempts: 3, avoid: [{ by: 'x', until: 9e15 }] })
    const held = row({ key: `me/${second}`, id: second, body: null, state: 'handed', next: 'r'.repeat(52) })
    await save(waiting, held)
    const web = { ...house().web, retry: async (key: string) => (key === held.key ? held : waiting) }
    expect(await retry({ web })).to.deep.equal({
      retried: [waiting.id],
      left: [{ envelope: second, why: 'it is in custody of rrrrrrrrrrrr…, whose report is awaited' }],
    })
  })

  it('tries one recipient’s though another’s time is over', async () => {
    const expires = Date.now() + 3_600_000
    const over = row({
      key: `me/${second}`,
      ...{ id: second, role: 'relay' as const, body: null, expires: Date.now() - 1 },
      ...{ state: 'handed' as const, next: 'r', tried: [{ by: 'r', saidNo: false }] },
    })
    await save(row({ role: 'relay', body: null, expires, retryAt: expires }), over)
    expect(await retry()).to.deep.equal({
      retried: [row().id],
      left: [{ envelope: second, why: 'its time is over; only the last word of its holders is waited for' }],
    })
  })

  it('says how an envelope ended that ended meanwhile', async () => {
    const outcome = { event: 'delivered', by: 'b', at: 1 } as const
    await save(row({ body: null, state: 'handed', next: 'r' }))
    const web = { ...house().web, retry: async () => row({ body: null, state: 'done', outcome }) }
    expect((await retry({ web })).left.map(({ why }) => why)).to.deep.equal(['it is delivered'])
  })

  it('answers with the envelope as the retry has left it', async () => {
    const expires = Date.now() + 3_600_000
    await save(
      row({ role: 'relay', body: null, expires, attempts: 3, retryAt: expires, avoid: [{ by: 'x', until: expires }] }),
    )
    const after = await house().web.retry(row().key)
    expect(after).to.deep.include({ state: 'waiting', avoid: [] })
    expect((await custody.load(house().store.db, [row().key]))[0]).to.deep.equal(after)
  })
})
