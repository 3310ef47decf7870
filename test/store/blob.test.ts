import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import { addRefs, bodyFrom, collected, dropRefs, openBody, putBodies, readBody } from '../../store/blob.ts'
import { freshBodies } from '../../store/fresh.ts'
import { adoptFile, type BodyDraft, discardDraft, draftOf, INLINE_MAX, startBody } from '../../store/spool.ts'
import { sweepBlobs } from '../../store/sweep.ts'
import { growsEvenly } from '../fixture/growth.ts'
import { bodiesOpen, eachWithStore, rowsOf } from './home.ts'

const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const LARGE = INLINE_MAX * 3

describe('store: bodies', () => {
  const bench = eachWithStore()
  const put = (...drafts: BodyDraft[]) => bench().db.transaction((tx) => putBodies(tx, drafts))
  const drop = (...ids: number[]) => bench().db.transaction((tx) => dropRefs(tx, ids))
  const files = async (): Promise<string[]> => {
    const all = await readdir(join(bench().home, 'blob'), { recursive: true, withFileTypes: true })
    return all.filter((entry) => entry.isFile()).map(({ name }) => name)
  }
  /** Files are unlinked behind the commit's back. */
  const settled = async (count: number): Promise<string[]> => {
    for (let tries = 0; tries < 1000 && (await files()).length !== count; tries++) await wait(10)
    return files()
  }

  it('any bytes in any pieces come back, with their size and hash', async () => {
    const { db, home } = bench()
    const sizes = fc.oneof(fc.nat(200), fc.integer({ min: INLINE_MAX - 2, max: INLINE_MAX + 2 }), fc.constant(LARGE))
    await fc.assert(
      fc.asyncProperty(sizes, fc.array(fc.nat(), { maxLength: 5 }), async (size, cuts) => {
        const bytes = randomBytes(size)
        const body = startBody(home)
        let at = 0
        for (const cut of [...cuts.map((each) => each % (size + 1)).sort((a, b) => a - b), size]) {
          await body.write(bytes.subarray(at, cut))
          at = cut
        }
        const draft = await body.finish()
        expect('file' in draft).to.equal(size > INLINE_MAX)
        const [id = 0] = await put(draft)
        const kept = await db.read.one('SELECT size, sha256 FROM body WHERE id = ?', [id])
        expect(kept).to.deep.equal({ size, sha256: hashOf(bytes) })
        const from = cuts[0] ? cuts[0] % (size + 1) : 0
        for (const forget of [() => {}, () => db.fresh.forget(id)]) {
          forget() // once out of memory, where it may still be, and once off the disk
          expect((await readBody(db, id)).equals(bytes)).to.equal(true)
          expect((await buffer(await openBody(db, id))).equals(bytes)).to.equal(true)
          expect((await collected(await bodyFrom(db, id, from))).equals(bytes.subarray(from))).to.equal(true)
        }
        await drop(id)
      }),
      { numRuns: 40 },
    )
    expect(await settled(0)).to.deep.equal([])
  })

  it('a body lives as long as somebody holds it, its file no longer', async () => {
    const { db, home } = bench()
    const [id = 0] = await put(await draftOf(home, randomBytes(LARGE)))
    await db.transaction((tx) => addRefs(tx, [id, id]))
    expect(await rowsOf(db, 'shared')).to.deep.equal([{ body: id, more: 2 }])
    await drop(id)
    await drop(id)
    expect(await rowsOf(db, 'shared')).to.deep.equal([])
    expect(await files()).to.have.length(1)
    await drop(id)
    expect(await rowsOf(db, 'body')).to.deep.equal([])
    expect(await settled(0)).to.deep.equal([])
    expect(await openBody(db, id).catch((error: Error) => error.message)).to.equal(`body ${id} is gone`)
  })

  it('dropping the same body twice at once drops two holders', async () => {
    const { db, home } = bench()
    const draft = await draftOf(home, Buffer.from('x'))
    const ids = await put(draft, draft, draft)
    expect(new Set(ids).size).to.equal(1)
    await drop(...ids.slice(1))
    expect(await rowsOf(db, 'body')).to.have.length(1)
    await drop(...ids.slice(0, 1))
    expect(await rowsOf(db, 'body')).to.deep.equal([])
  })

  it('twenty thousand at once are counted in time that grows with their number', () =>
    growsEvenly(20_000, async (length) => {
      const { db } = bench()
      const bytes = Buffer.from('x')
      const ids = await put(...Array.from({ length }, () => ({ size: 1, sha256: hashOf(bytes), bytes })))
      await db.transaction((tx) => addRefs(tx, ids))
      await drop(...ids)
      await drop(...ids)
      expect(await rowsOf(db, 'body')).to.deep.equal([])
    }))

  it('a small one goes with its last holder, from memory too', async () => {
    const { db, home } = bench()
    const [id = 0] = await put(await draftOf(home, randomBytes(5000)))
    expect(db.fresh.get(id)).to.have.length(5000)
    await drop(id)
    expect(await openBody(db, id).catch((error: Error) => error.message)).to.equal(`body ${id} is gone`)
  })

  it('what was lately put is in memory, up to its limit, the oldest leaving first', () => {
    const fresh = freshBodies(100)
    for (const id of [1, 2, 3]) fresh.keep(id, Buffer.alloc(40, id))
    expect([1, 2, 3].map((id) => fresh.get(id)?.[0])).to.deep.equal([undefined, 2, 3])
    fresh.keep(2, Buffer.alloc(10, 22))
    fresh.keep(4, Buffer.alloc(50, 4))
    expect([2, 3, 4].map((id) => fresh.get(id)?.[0])).to.deep.equal([22, 3, 4])
    fresh.keep(5, Buffer.alloc(101))
    expect([2, 3, 4, 5].map((id) => fresh.get(id))).to.deep.equal([undefined, undefined, undefined, undefined])
  })

  it('when nothing has come for a while, memory is empty again, each time', async () => {
    const fresh = freshBodies(100, 1)
    for (const id of [1, 2]) {
      fresh.keep(id, Buffer.alloc(40))
      expect(fresh.get(id)).to.have.length(40)
      while (fresh.get(id) !== undefined) await new Promise((resolve) => setTimeout(resolve, 1))
    }
  })

  it('a file stays if its transaction fails', async () => {
    const { db, home } = bench()
    const [id = 0] = await put(await draftOf(home, randomBytes(LARGE)))
    await db
      .transaction(async (tx) => {
        await dropRefs(tx, [id])
        throw new Error('no')
      })
      .catch(() => {})
    expect((await readBody(db, id)).length).to.equal(LARGE)
  })

  it('holding what is gone is an error', async () => {
    const { db } = bench()
    expect(await db.transaction((tx) => addRefs(tx, [4711])).catch((error: Error) => error.message)).to.match(
      /4711 is gone/,
    )
  })

  it('one that has lost its end is a fault, however long it was', async () => {
    const { db, home } = bench()
    for (const size of [LARGE, 2 << 20]) {
      const draft = await draftOf(home, randomBytes(size))
      const [id = 0] = await put(draft)
      await truncate(join(home, 'blob', 'file' in draft ? draft.file : ''), size - 1)
      const told = await openBody(db, id).then(buffer, (error: Error) => error.message)
      expect(told).to.contain(`body ${id} has lost its end`)
    }
    expect(await bodiesOpen(home)).to.deep.equal([])
  })

  it('an open stream outlives its body', async () => {
    const { db, home } = bench()
    const bytes = randomBytes(4 << 20)
    const [id = 0] = await put(await draftOf(home, bytes))
    const stream = await openBody(db, id)
    await drop(id)
    await settled(0)
    expect((await buffer(stream)).equals(bytes)).to.equal(true)
  })

  it('a body given up leaves nothing', async () => {
    const { home } = bench()
    const body = startBody(home)
    await body.write(randomBytes(LARGE))
    expect(await files()).to.have.length(1)
    await body.abort()
    await discardDraft(home, await draftOf(home, randomBytes(LARGE)))
    expect(await files()).to.deep.equal([])
  })

  it('a file of the caller’s becomes a body, a small one inside', async () => {
    const { db, home } = bench()
    for (const size of [100, LARGE]) {
      const bytes = randomBytes(size)
      const path = join(home, 'spool')
      await writeFile(path, bytes)
      const draft = await adoptFile(home, path, { size, sha256: hashOf(bytes) })
      expect('file' in draft).to.equal(size > INLINE_MAX)
      const [id = 0] = await put(draft)
      expect((await readBody(db, id)).equals(bytes)).to.equal(true)
      expect(await stat(path).catch(() => 'gone')).to.equal('gone')
    }
  })

  it('the sweep takes what no row names, and only that', async () => {
    const { db, home } = bench()
    const [id = 0] = await put(await draftOf(home, randomBytes(LARGE)))
    const orphan = await draftOf(home, randomBytes(LARGE))
    const unfinished = startBody(home)
    await unfinished.write(randomBytes(LARGE))
    const part = join(home, 'blob', 'part')
    await mkdir(part)
    await writeFile(join(part, 'half'), 'a link’s')
    expect(await sweepBlobs(db)).to.deep.equal(['file' in orphan ? orphan.file : ''])
    expect(await files()).to.have.length(2)
    await unfinished.abort()
    expect((await readBody(db, id)).length).to.equal(LARGE)
  })
})
