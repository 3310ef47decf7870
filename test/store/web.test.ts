import { expect } from 'chai'
import { type Custody, ROW_BYTES } from '../../src/custody/custody.ts'
import type { Owed } from '../../src/report/owed.ts'
import { putBodies } from '../../store/blob.ts'
import { clearLeft } from '../../store/leaving.ts'
import { view } from '../../store/message.ts'
import { creditors, markOutgoing, owed, showOutgoing } from '../../store/outbox.ts'
import { draftOf } from '../../store/spool.ts'
import {
  broughtBytes,
  cards,
  contacts,
  countUnfinished,
  custody,
  heldBytes,
  seekers,
  unfinishedCustody,
} from '../../store/web.ts'
import { draft, eachWithStore, letterOf, rowsOf } from './home.ts'

const row = (id: string, more: Partial<Custody> = {}): Custody => ({
  key: `origin/${id}`,
  id,
  origin: 'origin',
  role: 'relay',
  state: 'waiting',
  body: null,
  stamps: ['a.b.c'],
  path: ['origin', 'me'],
  advice: [],
  onward: [],
  avoid: [],
  tried: [],
  size: 1,
  priority: 'normal',
  created: 0,
  expires: 1_000_000,
  retryAt: null,
  attempts: 0,
  awaits: null,
  delayAt: null,
  trail: [],
  ...more,
})

const sorted = (rows: readonly { key: string }[]) => rows.map(({ key }) => key).sort()

describe('store: documents of the web', () => {
  const bench = eachWithStore()
  const save = (...rows: Custody[]) => bench().db.transaction((tx) => custody.save(tx, rows))

  it('come back whole, those there are', async () => {
    const full = row('1', {
      to: 'entity',
      messageId: '<1@a.test>',
      submission: 's',
      next: 'r',
      awaits: 'up:r',
      body: 7,
    })
    await save(full, row('2'))
    expect(await custody.load(bench().db, ['origin/1', 'origin/3'])).to.deep.equal([full])
    expect(await custody.load(bench().db, [])).to.deep.equal([])
    expect(sorted(await custody.all(bench().db))).to.deep.equal(['origin/1', 'origin/2'])
  })

  it('tell who looks for a path, whosever it is', async () => {
    await save(
      row('1', { awaits: 'who:x', retryAt: 1 }),
      row('2', { awaits: 'who:y', retryAt: 2 }),
      row('3', { awaits: 'up:x' }),
      row('4'),
    )
    expect((await seekers(bench().db)).sort()).to.deep.equal(['origin/1', 'origin/2'])
    expect(await seekers(bench().db, 1), 'whose time is the furthest').to.deep.equal(['origin/2'])
  })

  it("tell how much of others' mail waits for a neighbour that is away", async () => {
    const body = async (size: number) => {
      const bytes = await draftOf(bench().home, Buffer.alloc(size, 'x'))
      const [id = 0] = await bench().db.transaction((tx) => putBodies(tx, [bytes]))
      return id
    }
    const waits = { awaits: 'up:r' }
    await save(
      row('1', { ...waits, body: await body(100) }),
      row('2', { ...waits, body: await body(20) }),
      row('3', { awaits: 'up:q', body: await body(7) }),
      row('4', { ...waits, body: await body(1000), submission: 'ours' }),
      row('5', { awaits: 'who:x', body: await body(1000) }),
      row('6', { ...waits, state: 'handing', body: await body(1000) }),
    )
    expect([...(await heldBytes(bench().db))].sort()).to.deep.equal([
      ['q', 7],
      ['r', 120],
    ])
  })

  it("tell how much of others' mail each neighbour brought that has not ended", async () => {
    const bytes = await draftOf(bench().home, Buffer.alloc(50, 'x'))
    const [body = 0] = await bench().db.transaction((tx) => putBodies(tx, [bytes]))
    const theirs = { role: 'relay' as const, body }
    await save(
      row('1', { ...theirs, from: 'r', state: 'handed' }),
      row('2', { ...theirs, from: 'r' }),
      row('3', { ...theirs, from: 'q', state: 'handing' }),
      row('4', { ...theirs, from: 'q', state: 'done' }),
      row('5', { body, role: 'origin' }),
    )
    expect([...(await broughtBytes(bench().db))].sort()).to.deep.equal([
      ['q', 50 + ROW_BYTES],
      ['r', 100 + 2 * ROW_BYTES],
    ])
  })

  it('replace what was under their key, the last of a batch counts', async () => {
    await save(row('1'), row('1', { attempts: 1, awaits: 'who:x' }), row('1', { attempts: 2 }))
    await save(row('1', { attempts: 3, state: 'handing', next: 'r' }))
    expect((await custody.all(bench().db)).map(({ attempts }) => attempts)).to.deep.equal([3])
    expect(await custody.by(bench().db, 'awaits', ['who:x'])).to.deep.equal([])
    expect(await countUnfinished(bench().db)).to.deep.equal(new Map([['handing', 1]]))
  })

  it('are found by what they are looked for by', async () => {
    await save(row('1', { messageId: '<m>', submission: 's' }), row('2', { messageId: '<m>' }), row('3'))
    expect(sorted(await custody.by(bench().db, 'message_id', ['<m>']))).to.deep.equal(['origin/1', 'origin/2'])
    expect(sorted(await custody.by(bench().db, 'submission', ['s']))).to.deep.equal(['origin/1'])
    expect(sorted(await custody.by(bench().db, 'envelope_id', ['3']))).to.deep.equal(['origin/3'])
  })

  it('are due in order, and no more than asked for', async () => {
    await save(...[30, 10, 20, 40].map((retryAt) => row(`${retryAt}`, { retryAt })))
    const due = await custody.due(bench().db, 'due_at', 30, 2)
    expect(due).to.deep.equal(['origin/10', 'origin/20'])
    expect(await custody.due(bench().db, 'due_at', 9, 10)).to.deep.equal([])
  })

  it('at the start all that is not done is taken up', async () => {
    await save(row('1', { retryAt: 5 }), row('2', { state: 'done' }), row('3', { state: 'spooled', retryAt: 1 }))
    expect(await unfinishedCustody(bench().db)).to.deep.equal(['origin/3', 'origin/1'])
  })

  it('what is done costs nothing when the rest is looked for', async () => {
    const { db } = bench()
    let plan: { detail: string }[] = []
    const range: typeof db.read.range = async (sql, params) => {
      plan = await db.read.all(`EXPLAIN QUERY PLAN ${sql}`, params)
      return db.read.range(sql, params)
    }
    await unfinishedCustody({ ...db, read: { ...db.read, range } }, 500)
    expect(plan[0]?.detail).to.include('custody_state')
  })

  it('thousands are one statement', async () => {
    const rows = Array.from({ length: 3000 }, (_, i) => row(`${i}`))
    await save(...rows)
    expect(
      await custody.load(
        bench().db,
        rows.map(({ key }) => key),
      ),
    ).to.have.length(3000)
    await bench().db.transaction((tx) =>
      custody.drop(
        tx,
        rows.slice(1).map(({ key }) => key),
      ),
    )
    expect(sorted(await custody.all(bench().db))).to.deep.equal(['origin/0'])
  })

  it('a transaction reads its own', async () => {
    await bench().db.transaction(async (tx) => {
      await custody.save(tx, [row('1')])
      expect(await custody.load(tx, ['origin/1'])).to.have.length(1)
      expect(await custody.load(bench().db, ['origin/1'])).to.have.length(0)
    })
  })

  it('contacts and cards are found by entity and by address', async () => {
    const { db } = bench()
    const contact = { entity: 'e', other: 'o', trust: 'explicit', address: 'o@b.test', at: 1 } as const
    const card = { entity: 'o', address: 'o@b.test', agent: 'b', expires: 9, card: '{"naïve": "\\u0000"}' }
    await db.transaction(async (tx) => {
      await contacts.save(tx, [contact])
      await cards.save(tx, [card])
    })
    expect(await contacts.load(db, ['e>o'])).to.deep.equal([contact])
    expect(await contacts.by(db, 'entity', ['e'])).to.deep.equal([contact])
    expect(await cards.by(db, 'address', ['o@b.test'])).to.deep.equal([card])
  })
})

describe('store: outbox', () => {
  const bench = eachWithStore()
  const debt = (to: string, id: string): Owed => ({
    key: `${to}:origin/${id}`,
    to,
    custody: `origin/${id}`,
    items: [],
    expires: 5,
  })

  it('what is owed is known by whom it is owed to', async () => {
    const { db } = bench()
    await db.transaction((tx) => owed.save(tx, [debt('r', '1'), debt('q', '1'), debt('r', '2')]))
    expect((await creditors(db)).sort()).to.deep.equal(['q', 'r'])
    expect(await owed.by(db, 'neighbour', ['r'])).to.have.length(2)
    await db.transaction((tx) => owed.drop(tx, ['r:origin/1', 'r:origin/2']))
    expect(await creditors(db)).to.deep.equal(['q'])
  })

  it('a submission shows in Outgoing, changes its stage, and is cleared', async () => {
    const { db, home, folder, changes } = bench()
    const outgoing = await folder('Outgoing')
    const letters = await Promise.all(['1', '2'].map((text) => draft(home, letterOf(text))))
    const shown = letters.map((each, i) => ({
      ...each,
      submission: `s${i}`,
      mailbox: outgoing,
      stage: 'Queued' as const,
    }))
    await db.transaction((tx) => showOutgoing(tx, shown))
    const keywords = async () => (await view(db, outgoing)).map(({ uid, flags, keywords }) => [uid, flags, keywords])
    expect(await keywords()).to.deep.equal([
      [1, 1, '$Queued'],
      [2, 1, '$Queued'],
    ])
    changes.length = 0
    const mark = (...marks: Parameters<typeof markOutgoing>[1]) => db.transaction((tx) => markOutgoing(tx, marks))
    await mark(
      { submission: 's0', stage: 'Routing' },
      { submission: 's1', stage: 'InCustody' },
      { submission: 's1', stage: 'Delivered' },
      { submission: 'unknown', stage: 'Failed' },
    )
    expect(await keywords()).to.deep.equal([
      [1, 1, '$Routing'],
      [2, 1, '$Delivered'],
    ])
    await mark({ submission: 's1', stage: 'cleared' }, { submission: 's0', stage: 'Delivered' })
    await mark({ submission: 's1', stage: 'cleared' })
    expect(await keywords()).to.deep.equal([[1, 1, '$Delivered']])
    expect(changes.map(({ on }) => on)).to.deep.equal(['flagged', 'flagged', 'expunged'])
    expect(await rowsOf(db, 'outgoing')).to.have.length(1)
    await clearLeft(db)
    expect(await rowsOf(db, 'body')).to.have.length(1)
  })
})
