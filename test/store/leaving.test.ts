import { expect } from 'chai'
import fc from 'fast-check'
import { cached } from '../../store/cached.ts'
import type { Sink } from '../../store/db.ts'
import { store } from '../../store/flag.ts'
import { clearLeft } from '../../store/leaving.ts'
import { byId, create, dropMailbox, find } from '../../store/mailbox.ts'
import { append, content, view } from '../../store/message.ts'
import { copy, move } from '../../store/move.ts'
import { openStore } from '../../store/store.ts'
import { keepVanished, vanishedSince } from '../../store/vanished.ts'
import { verify } from '../../store/verify.ts'
import { draft, eachWithStore, letterOf, rowsOf, takeOut } from './home.ts'

describe('store: messages that left', () => {
  const bench = eachWithStore()
  const deliver = async (mailbox: number, count: number) => {
    const { db, home } = bench()
    const texts = Array.from({ length: count }, (_, i) => letterOf(`no. ${i + 1}`))
    return append(db, mailbox, await Promise.all(texts.map((text) => draft(home, text))))
  }
  const textOf = async (id: number) => /no\. \d+/.exec(`${await content(bench().db, id)}`)?.[0]

  it('can be read by their id until they are cleared, and are found in no mailbox', async () => {
    const { db, folder, home } = bench()
    const inbox = await folder('INBOX')
    const [first, second] = await deliver(inbox, 3)
    await takeOut(db, inbox, [1, 2])
    expect((await view(db, inbox)).map(({ uid }) => uid)).to.deep.equal([3])
    expect(await textOf(first?.id ?? 0)).to.equal('no. 1')
    expect(await cached(db, [second?.id ?? 0], ['envelope'])).to.have.length(1)
    expect(await verify(home)).to.deep.include({ problems: [], messages: 1, bodies: 3 })

    expect(await clearLeft(db, () => [first?.id ?? 0])).to.equal(1)
    expect(await textOf(second?.id ?? 0)).to.equal(undefined)
    expect(await textOf(first?.id ?? 0)).to.equal('no. 1')
    expect(await clearLeft(db)).to.equal(1)
    expect(await rowsOf(db, 'body')).to.have.length(1)
    expect(await rowsOf(db, 'parsed')).to.have.length(1)
    expect(await clearLeft(db)).to.equal(0)
  })
  it('take a shared body along only when the last of its holders goes', async () => {
    const { db, folder } = bench()
    const [inbox, archive] = [await folder('INBOX'), await folder('Archive')]
    await deliver(inbox, 1)
    await copy(db, inbox, [1], archive)
    await takeOut(db, inbox, [1])
    await clearLeft(db)
    const [kept] = await view(db, archive)
    expect(await textOf(kept?.id ?? 0)).to.equal('no. 1')
  })
  it('are cleared in pages that do not grow with what sessions still show', async () => {
    const { db, folder } = bench()
    const inbox = await folder('INBOX')
    const ids = (await deliver(inbox, 900)).map(({ id }) => id)
    await takeOut(
      db,
      inbox,
      ids.map((_, i) => i + 1),
    )
    const asked: number[] = []
    const watched: Sink = {
      ...db,
      transaction: (work) =>
        db.transaction((tx) =>
          work({
            ...tx,
            range: (sql, params = []) => {
              for (const param of params) if (Array.isArray(param)) asked.push(param.length)
              return tx.range(sql, params)
            },
          }),
        ),
    }
    const shown = ids.slice(0, 500)
    expect(await clearLeft(watched, () => shown)).to.equal(400)
    expect(asked).to.deep.equal([200, 200])
    expect((await rowsOf(db, 'message')).map(({ id }) => id)).to.deep.equal(shown)
  })
  it('are kept for a session that shows them also where they left while others were looked for', async () => {
    const { db, folder } = bench()
    const inbox = await folder('INBOX')
    const [first] = await deliver(inbox, 2)
    const shown: number[] = []
    db.changes.on('change', () => shown.push(first?.id ?? 0))
    const late: Sink = {
      ...db,
      transaction: (work) => db.transaction(work),
      read: {
        ...db.read,
        async range(sql, params) {
          await takeOut(db, inbox, [1])
          return db.read.range(sql, params)
        },
      },
    }
    expect(await clearLeft(late, () => shown)).to.equal(0)
    expect(await textOf(first?.id ?? 0)).to.equal('no. 1')
  })
  it('are cleared at the start after a crash, many as they are', async () => {
    const { db, folder, close, home } = bench()
    const inbox = await folder('INBOX')
    await deliver(inbox, 450)
    await takeOut(
      db,
      inbox,
      Array.from({ length: 450 }, (_, i) => i + 1),
    )
    await close()
    const again = await openStore(home)
    try {
      expect(await rowsOf(again.db, 'message')).to.deep.equal([])
      expect(await rowsOf(again.db, 'body')).to.deep.equal([])
    } finally {
      await again.close()
    }
  })
})

describe('store: uids that vanished', () => {
  const bench = eachWithStore()
  const modseqOf = async (mailbox: number) => (await byId(bench().db, mailbox))?.highestModseq ?? 0
  const uidsOf = (runs: readonly { from: number; to: number }[] | undefined) =>
    runs?.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i)).sort((a, b) => a - b)

  it('are known by the modseq at which they left, by EXPUNGE and by MOVE, after a restart too', async () => {
    const { db, folder, home, close } = bench()
    const [inbox, trash] = [await folder('INBOX'), await folder('Trash')]
    const one = await draft(home, letterOf('one'))
    await append(db, inbox, Array(9).fill(one))
    const before = await modseqOf(inbox)
    await takeOut(db, inbox, [2, 3, 4, 7])
    const between = await modseqOf(inbox)
    await store(db, inbox, [1], { mode: 'add', flags: 1 })
    await move(db, inbox, [1, 9], trash)
    expect(await modseqOf(inbox)).to.equal(before + 3)
    expect(uidsOf(await vanishedSince(db, inbox, before))).to.deep.equal([1, 2, 3, 4, 7, 9])
    expect(await vanishedSince(db, inbox, between)).to.have.deep.members([
      { from: 1, to: 1 },
      { from: 9, to: 9 },
    ])
    expect(await vanishedSince(db, inbox, before + 3)).to.deep.equal([])
    await close()
    const again = await openStore(home)
    try {
      expect(uidsOf(await vanishedSince(again.db, inbox, before))).to.deep.equal([1, 2, 3, 4, 7, 9])
      const found = await byId(again.db, inbox)
      expect(found).to.deep.include({ highestModseq: before + 3, uidNext: 10 })
    } finally {
      await again.close()
    }
  })
  it('go with their mailbox', async () => {
    const { db, account } = bench()
    const made = await create(db, account.id, 'x')
    if (typeof made === 'string') throw new Error(made)
    await append(db, made.id, [await draft(bench().home, letterOf('one'))])
    await takeOut(db, made.id, [1])
    await db.transaction((tx) => dropMailbox(tx, made))
    expect(await rowsOf(db, 'vanished')).to.deep.equal([])
    expect(await find(db, account.id, 'x')).to.equal(undefined)
  })

  it('within the horizon are always told, and beyond it that they are not known', async () => {
    const { db, account } = bench()
    const horizon = 5
    let round = 0
    const some = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 40, size: 'max' })
    await fc.assert(
      fc.asyncProperty(some, async (gaps) => {
        const made = await create(db, account.id, `m${round++}`)
        if (typeof made === 'string') throw new Error(made)
        let modseq = 0
        let vanishedAfter = 0
        const all: { uid: number; modseq: number }[] = []
        for (const [uid, gap] of gaps.entries()) {
          modseq += gap
          all.push({ uid: uid + 1, modseq })
          await db.transaction(async (tx) => {
            const numbers = { account: account.id, uid: 0, modseq, vanishedAfter }
            await keepVanished(tx, made.id, numbers, [uid + 1], horizon)
          })
          const sql = 'SELECT vanished_after AS "after" FROM mailbox WHERE id = ?'
          vanishedAfter = (await db.read.one<{ after: number }>(sql, [made.id]))?.after ?? 0
          expect(vanishedAfter).to.be.within(0, Math.max(0, modseq - horizon))
          expect(modseq - vanishedAfter).to.be.at.most(2 * horizon)
        }
        for (let since = 0; since <= modseq; since++) {
          const told = uidsOf(await vanishedSince(db, made.id, since))
          if (since < vanishedAfter) expect(told).to.equal(undefined)
          else expect(told).to.deep.equal(all.filter((one) => one.modseq > since).map(({ uid }) => uid))
        }
      }),
      { numRuns: 20 },
    )
  })
})
