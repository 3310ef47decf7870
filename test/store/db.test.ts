import { readdir, rm } from 'node:fs/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import type { Change } from '../../store/change.ts'
import type { Tx } from '../../store/db.ts'
import { openSqlite } from '../../store/engine/sqlite.ts'
import { migrate } from '../../store/migrate.ts'
import { eachWithStore, newHome } from './home.ts'

const insert = 'INSERT INTO link (id, data) VALUES (?, ?)'

describe('store: a connection', () => {
  it('closes after the reads under way, also those that ask a second time', async () => {
    const home = await newHome()
    const writer = await openSqlite(`${home}/x.db`, 'write')
    const reader = await openSqlite(`${home}/x.db`, 'read')
    // The first time, `range` asks for the names of the columns, and then for the rows.
    const reads = Array.from({ length: 20 }, (_, i) => reader.range(`SELECT ${i} AS n, value FROM json_each('[1,2]')`))
    await reader.close()
    expect((await Promise.all(reads)).map((rows) => rows.length)).to.deep.equal(reads.map(() => 2))
    await writer.close()
    await rm(home, { recursive: true })
  })
})

describe('store: transactions', () => {
  const bench = eachWithStore()
  const keys = async () =>
    (await bench().db.read.all<{ id: string }>('SELECT id FROM link ORDER BY id')).map(({ id }) => id)
  /** However slow the machine is: else a commit takes in no more after a while. */
  const inOneCommit = async (...works: ((tx: Tx) => Promise<unknown>)[]) => {
    const { now } = performance
    performance.now = () => 0
    try {
      return await Promise.allSettled(works.map((work) => bench().db.transaction(work)))
    } finally {
      performance.now = now
    }
  }

  it('what was committed is seen by the next read', async () => {
    const { db } = bench()
    for (let i = 0; i < 50; i++) {
      await db.transaction((tx) => tx.run(insert, [`k${i}`, '{}']))
      expect(await db.read.one('SELECT id FROM link WHERE id = ?', [`k${i}`])).to.deep.equal({ id: `k${i}` })
    }
  })

  it('a failure takes back its own work and nobody else’s', async () => {
    const { db } = bench()
    const answers = await Promise.allSettled(
      ['a', 'b', 'c', 'd'].map((id) =>
        db.transaction(async (tx) => {
          await tx.run(insert, [id, '{}'])
          if (id === 'b') throw new Error('no')
          if (id === 'c') await tx.run(insert, ['a', '{}']) // taken
          return id
        }),
      ),
    )
    expect(answers.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
    expect(await keys()).to.deep.equal(['a', 'd'])
  })

  it('a commit that fails takes back the work of all, and what follows is as whole as ever', async () => {
    const { db } = bench()
    const answers = await inOneCommit(
      (tx) => tx.run(insert, ['a', '{}']),
      async (tx) => {
        await tx.run('PRAGMA defer_foreign_keys = ON')
        await tx.run("INSERT INTO mailbox (account, name, uid_validity) VALUES (-1, 'x', 1)") // seen at the commit alone
      },
    )
    expect(answers.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected'])
    const broken = db.transaction(async (tx) => {
      await tx.run(insert, ['b', '{}'])
      await tx.run(insert, ['b', '{}'])
    })
    expect(await broken.catch(() => 'taken')).to.equal('taken')
    await db.transaction((tx) => tx.run(insert, ['c', '{}']))
    expect(await keys()).to.deep.equal(['c'])
  })

  const losing: [how: string, work: (tx: Tx) => Promise<unknown>][] = [
    ['in its first statement', (tx) => tx.run(insert, ['full', '{}'])],
    ['in the only one', (tx) => tx.insertMany('link', ['id', 'data'], [['full', '{}']])],
    ['after others', (tx) => tx.run(insert, ['b', '{}']).then(() => tx.run(insert, ['full', '{}']))],
  ]
  for (const [how, lose] of losing)
    it(`whose statement ends the transaction takes back the work of all: ${how}`, async () => {
      const { db } = bench()
      // As SQLite itself does where the disk is full.
      const trigger =
        "CREATE TRIGGER full BEFORE INSERT ON link WHEN NEW.id = 'full' BEGIN SELECT RAISE(ROLLBACK, 'full'); END"
      await db.transaction((tx) => tx.run(trigger))
      const answers = await inOneCommit(
        (tx) => tx.run(insert, ['a', '{}']),
        lose,
        (tx) => tx.run(insert, ['c', '{}']),
      )
      expect(answers.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected', 'fulfilled'])
      expect(await keys()).to.deep.equal(['c'])
    })

  it('what reads first sees the work of its company, and a failure after it takes back its own alone', async () => {
    const { db } = bench()
    const seen: string[][] = []
    const answers = await Promise.allSettled(
      ['a', 'b', 'c', 'd'].map((id) =>
        db.transaction(async (tx) => {
          seen.push((await tx.all<{ id: string }>('SELECT id FROM link ORDER BY id')).map((row) => row.id))
          if (id === 'c') return // reads, and no more
          await tx.run(insert, [id, '{}'])
          if (id === 'b') throw new Error('no')
        }),
      ),
    )
    expect(answers.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
    expect(seen).to.deep.equal([[], ['a'], ['a'], ['a']])
    expect(await keys()).to.deep.equal(['a', 'd'])
  })

  it('many at once share a commit, in the order they came', async () => {
    const { db } = bench()
    const order: number[] = []
    await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        db.transaction(async (tx) => {
          await tx.run(insert, [`k${i}`, '{}'])
          tx.afterCommit(() => order.push(i))
        }),
      ),
    )
    expect(order).to.deep.equal(Array.from({ length: 100 }, (_, i) => i))
    expect(await keys()).to.have.length(100)
  })

  it('a transaction sees its own work, and others only what is committed', async () => {
    const { db } = bench()
    await db.transaction(async (tx) => {
      await tx.run(insert, ['mine', '{}'])
      expect(await tx.one('SELECT id FROM link')).to.deep.equal({ id: 'mine' })
      expect(await db.read.one('SELECT id FROM link')).to.equal(undefined)
    })
  })

  it('a part that fails undoes the whole, even if the error is caught', async () => {
    const { db } = bench()
    const whole = db.transaction(async (tx) => {
      await tx.run(insert, ['first', '{}'])
      await tx
        .transaction(async () => {
          throw new Error('part')
        })
        .catch(() => {})
    })
    expect(await whole.catch((error: Error) => error.message)).to.equal('part')
    expect(await keys()).to.deep.equal([])
  })

  it('a statement that failed ends its transaction, as in PostgreSQL', async () => {
    const { db } = bench()
    let next: unknown
    const whole = db.transaction(async (tx) => {
      await tx.run('INSERT INTO nowhere VALUES (1)').catch(() => {})
      next = await tx.run(insert, ['after', '{}']).catch((error: Error) => error.message)
    })
    expect(await whole.catch((error: Error) => error.message)).to.match(/no such table: nowhere/)
    expect(next, 'no other runs in it').to.match(/no such table: nowhere/)
    expect(await keys()).to.deep.equal([])
  })

  it('a statement that was not awaited can’t stray into somebody else’s transaction', async () => {
    const { db } = bench()
    let late: (() => Promise<unknown>) | undefined
    await db.transaction(async (tx) => {
      late = () => tx.run(insert, ['late', '{}'])
    })
    expect(await late?.().catch((error: Error) => error.message)).to.match(/this transaction is over/)
    expect(await keys()).to.deep.equal([])
  })

  it('changes are published once durable, before the writer goes on, and not after a failure', async () => {
    const { db, changes } = bench()
    const change: Change = { on: 'expunged', mailbox: 1, account: 1, uids: [1], modseq: 2 }
    changes.length = 0
    await db.transaction(async (tx) => {
      tx.publish(change)
      expect(changes).to.deep.equal([])
    })
    expect(changes).to.deep.equal([change])
    await db
      .transaction(async (tx) => {
        tx.publish(change)
        throw new Error('no')
      })
      .catch(() => {})
    expect(changes).to.have.length(1)
  })

  it('a listener’s bug is a warning, and the others still hear', async () => {
    const { db, changes } = bench()
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
    db.changes.prependListener('change', () => {
      throw new Error('a bug in a session')
    })
    changes.length = 0
    await db.transaction(async (tx) => tx.publish({ on: 'expunged', mailbox: 1, account: 1, uids: [1], modseq: 2 }))
    expect(changes).to.have.length(1)
    expect((await warned).message).to.equal('a bug in a session')
  })

  it('closing waits for what is under way, and refuses what comes after', async () => {
    const { db } = bench()
    const under = db.transaction((tx) => tx.run(insert, ['x', '{}']))
    const closed = db.close()
    expect(await under).to.deep.equal({ changes: 1 })
    await closed
    expect(await db.transaction(async () => 1).catch((error: Error) => error.message)).to.equal('the store is closed')
  })
})

describe('store: writes that go together', () => {
  const bench = eachWithStore()
  const ids = async (table: 'link' | 'reach') =>
    (await bench().db.read.all<{ id: string }>(`SELECT id FROM ${table} ORDER BY id`)).map(({ id }) => id)
  const both = async (tx: Tx, id: string) => {
    await tx.insertMany('link', ['id', 'data'], [[id, '{}']])
    await tx.insertMany('reach', ['id', 'data'], [[id, '{}']])
  }
  const messageOf = (error: Error) => error.message

  it('are done in their order, and before whatever is read', async () => {
    await bench().db.transaction(async (tx) => {
      await both(tx, 'a')
      await tx.updateMany('link', 'id', ['data'], [['a', '{"n":1}']])
      await tx.later('UPDATE reach SET data = ?1 WHERE id = ?2', ['{"n":2}', 'a'])
      const sql = 'SELECT link.data || reach.data AS data FROM link JOIN reach ON reach.id = link.id'
      expect(await tx.one(sql)).to.deep.equal({ data: '{"n":1}{"n":2}' })
    })
  })

  it('are all undone when one fails, and those of others are not', async () => {
    const { db } = bench()
    await db.transaction((tx) => both(tx, 'a'))
    const answers = await Promise.allSettled(
      ['a', 'b', 'a', 'c'].map((id, i) =>
        db.transaction(async (tx) => {
          await tx.insertMany('reach', ['id', 'data'], [[`r${i}`, '{}']])
          await both(tx, id) // a is taken
        }),
      ),
    )
    expect(answers.map(({ status }) => status)).to.deep.equal(['rejected', 'fulfilled', 'rejected', 'fulfilled'])
    expect(await ids('link')).to.deep.equal(['a', 'b', 'c'])
    expect(await ids('reach')).to.deep.equal(['a', 'b', 'c', 'r1', 'r3'])
  })

  it('stand or fall with their own transaction, whatever else it and its company do', async () => {
    const { db } = bench()
    const reads = (tx: Tx) => tx.one('SELECT 1')
    const fails = (tx: Tx) => tx.insertMany('reach', ['id', 'data'], [['taken', '{}']])
    const kinds = [[], [reads], [fails], [reads, fails], [fails, reads]] as const
    const job = fc.record({ kind: fc.constantFrom(...kinds), writes: fc.boolean(), isAwaited: fc.boolean() })
    let count = 0
    await db.transaction(fails)
    await fc.assert(
      fc.asyncProperty(fc.array(job, { maxLength: 12, size: 'max' }), async (jobs) => {
        const expected = new Set<string>()
        for (const { kind, writes, isAwaited } of jobs) {
          const id = `j${count++}`
          const isWhole = !(kind as readonly unknown[]).includes(fails)
          if (writes && isWhole) expected.add(id)
          const done = db.transaction(async (tx) => {
            if (writes) await both(tx, id)
            for (const step of kind) await step(tx)
          })
          const isRight = done.then(
            () => expect(isWhole).to.equal(true),
            () => expect(isWhole).to.equal(false),
          )
          if (isAwaited) await isRight
        }
        await db.transaction(reads) // behind all of them
        for (const table of ['link', 'reach'] as const) {
          const there = (await ids(table)).filter((id) => id !== 'taken' && Number(id.slice(1)) >= count - jobs.length)
          expect(new Set(there)).to.deep.equal(expected)
        }
      }),
      { numRuns: 100 },
    )
  })

  it('once they are kept, their work is answered, whoever has come meanwhile', async () => {
    const { db } = bench()
    await db.transaction((tx) => both(tx, 'before')) // from here on nothing is begun
    const first = db.transaction((tx) => both(tx, 'a'))
    await new Promise(setImmediate) // it is on its way to the disk
    await Promise.all([db.transaction(() => first), db.transaction((tx) => both(tx, 'b'))])
    expect(await ids('link')).to.deep.equal(['a', 'b', 'before'])
  })

  it('go together again after a rollback took back what that needs', async () => {
    const { db } = bench()
    for (const id of ['a', 'b']) {
      const undone = db.transaction(async (tx) => {
        await both(tx, id)
        await tx.one('SELECT 1')
        throw new Error('no')
      })
      expect(await undone.catch(messageOf)).to.equal('no')
      await db.transaction((tx) => both(tx, id))
    }
    expect(await ids('reach')).to.deep.equal(['a', 'b'])
  })

  it('may be of more kinds than are kept ready, and more at once', async () => {
    const { db } = bench()
    await db.transaction(async (tx) => {
      for (let i = 0; i < 100; i++) {
        await tx.later('INSERT INTO link (id, data) VALUES (?1, ?2)', [`l${i}`, '{}'])
        await tx.later(`INSERT INTO reach (id, data) VALUES (?1, '{"kind":${i}}')`, [`r${i}`])
        if (i < 80) await tx.one('SELECT 1')
      }
    })
    expect([(await ids('link')).length, (await ids('reach')).length]).to.deep.equal([100, 100])
  })
})

describe('store: bulk statements', () => {
  const bench = eachWithStore()

  it('whatever cells go in come out again', async () => {
    const { db } = bench()
    // A lone surrogate is no text; NULs, quotes and any bytes are.
    const text = fc.string({ unit: 'grapheme', maxLength: 20, size: 'max' })
    const bytes = fc.uint8Array({ maxLength: 50, size: 'max' }).map((each) => Buffer.from(each))
    const row = fc.tuple(text, fc.option(bytes), fc.option(fc.maxSafeInteger()))
    await db.transaction((tx) => tx.run('CREATE TABLE cells (id INTEGER PRIMARY KEY, t TEXT, b BLOB, n INTEGER)'))
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 30, size: 'max' }), async (rows) => {
        await db.transaction(async (tx) => {
          await tx.run('DELETE FROM cells')
          await tx.insertMany(
            'cells',
            ['id', 't', 'b', 'n'],
            rows.map((cells, i) => [i, ...cells]),
          )
          const back = await tx.all<{ t: string; b: Buffer | null; n: number | null }>(
            'SELECT t, b, n FROM cells ORDER BY id',
          )
          expect(back.map(({ t, b, n }) => [t, b, n])).to.deep.equal(rows)
          expect(await tx.range('SELECT t, n FROM cells ORDER BY id')).to.deep.equal(back.map(({ t, n }) => ({ t, n })))
          const blobs = new Map(rows.flatMap(([, b], i) => (b ? [[i, b] as const] : [])))
          expect(await tx.blobs('SELECT id, b AS bytes FROM cells')).to.deep.equal(blobs)
          const texts = rows.map(([t], id) => [id, { id, t, twice: t + t }] as const)
          expect(await tx.texts('SELECT id, t, t || t AS twice FROM cells', ['t', 'twice'])).to.deep.equal(
            new Map(texts),
          )
        })
      }),
      { numRuns: 60 },
    )
  })

  it('thousands of rows and megabytes of bytes are cut into statements unseen', async () => {
    const { db } = bench()
    const rows = Array.from({ length: 2500 }, (_, i) => [i, Buffer.alloc(i % 9000, i % 251)] as const)
    await db.transaction(async (tx) => {
      await tx.run('CREATE TABLE cells (id INTEGER PRIMARY KEY, b BLOB)')
      await tx.insertMany('cells', ['id', 'b'], rows)
      await tx.updateMany(
        'cells',
        'id',
        ['b'],
        [
          [7, Buffer.from('seven')],
          [9999, Buffer.from('nobody')],
        ],
      )
    })
    const back = await db.read.all<{ id: number; b: Buffer }>('SELECT id, b FROM cells ORDER BY id')
    expect(back).to.have.length(2500)
    for (const { id, b } of back)
      expect(b.equals(id === 7 ? Buffer.from('seven') : Buffer.alloc(id % 9000, id % 251))).to.equal(true)
  })

  it('a list of any length stands for `?*`, the empty one too', async () => {
    const { db } = bench()
    const ids = Array.from({ length: 50_000 }, (_, i) => i)
    expect(await db.read.all('SELECT id FROM account WHERE id IN (?*)', [ids])).to.deep.equal([{ id: 1 }])
    expect(await db.read.all('SELECT id FROM account WHERE id IN (?*)', [[]])).to.deep.equal([])
    expect(
      await db.read.all('SELECT address FROM account WHERE address IN (?*)', [['ann@a.test', "'"]]),
    ).to.have.length(1)
  })
})

describe('store: migrations', () => {
  const files =
    (...all: { number: number; sql: string }[]) =>
    async () =>
      all.map(({ number, sql }) => ({ number, name: `00${number}.sql`, sql, checksum: sql }))
  const first = { number: 1, sql: 'CREATE TABLE a (x INTEGER)' }
  const second = { number: 2, sql: 'CREATE TABLE b (x INTEGER)' }

  const withDatabase = async (work: (db: Awaited<ReturnType<typeof openSqlite>>) => Promise<void>) => {
    const home = await newHome()
    const db = await openSqlite(`${home}/x.db`, 'write')
    await work(db).finally(() => db.close())
    await rm(home, { recursive: true })
  }

  it('each is applied once, in order', () =>
    withDatabase(async (db) => {
      await migrate(db, files(first))
      await migrate(db, files(first, second))
      await migrate(db, files(first, second))
      expect(await db.all('SELECT number FROM migration')).to.deep.equal([{ number: 1 }, { number: 2 }])
    }))

  it('one that fails leaves nothing of itself', () =>
    withDatabase(async (db) => {
      const broken = { number: 1, sql: 'CREATE TABLE a (x INTEGER); CREATE NONSENSE' }
      expect(await migrate(db, files(broken)).catch((error: Error) => error.message)).to.match(/NONSENSE/)
      await migrate(db, files(first))
    }))

  it('a database of a newer program is refused by its number', () =>
    withDatabase(async (db) => {
      await migrate(db, files(first, second))
      expect(await migrate(db, files(first)).catch((error: Error) => error.message)).to.match(
        /newer Vouchsafe \(schema 2, this program knows 1\)/,
      )
    }))

  it('an edited migration is refused by its name', () =>
    withDatabase(async (db) => {
      await migrate(db, files(first))
      const edited = { ...first, sql: 'CREATE TABLE a (y INTEGER)' }
      expect(await migrate(db, files(edited)).catch((error: Error) => error.message)).to.match(
        /001\.sql is not the one .*: use the Vouchsafe that made it, or/,
      )
    }))

  it('the numbers of the files have no gaps', async () => {
    const names = (await readdir(new URL('../../store/schema/', import.meta.url))).sort()
    expect(names.map((name) => Number(name.slice(0, 3)))).to.deep.equal(names.map((_, i) => i + 1))
  })
})
