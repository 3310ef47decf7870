import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect } from 'chai'
import fc from 'fast-check'
import { Refusal } from '../../src/refusal.ts'
import { cached } from '../../store/cached.ts'
import { type Change, flag, type Row } from '../../store/change.ts'
import type { Sink } from '../../store/db.ts'
import { type FlagChange, mark, store } from '../../store/flag.ts'
import { keywordsOf, mergeKeywords } from '../../store/keyword.ts'
import { clearLeft } from '../../store/leaving.ts'
import { create, find } from '../../store/mailbox.ts'
import { append, appendMany, content, contents, view } from '../../store/message.ts'
import { copy, expunge, move, removeMany, type UidPair } from '../../store/move.ts'
import { openStore } from '../../store/store.ts'
import { vanishedSince } from '../../store/vanished.ts'
import { verify } from '../../store/verify.ts'
import { draft, eachWithStore, letterOf, parse, rowsOf, takeOut } from './home.ts'

describe('store: keywords', () => {
  const cases: [what: string, was: string, mode: 'set' | 'add' | 'remove', words: string, now: string][] = [
    ['are sorted, each once', '', 'add', 'b A  b $x', '$x A b'],
    ['keep their first spelling', 'Work', 'add', 'WORK home', 'home Work'],
    ['even when set anew', 'Work b', 'set', 'work', 'Work'],
    ['go in any case', 'Work home', 'remove', 'wOrK nothing', 'home'],
    ['set to none are none', 'a b', 'set', '', ''],
  ]
  for (const [what, was, mode, words, now] of cases)
    it(what, () => expect(mergeKeywords(was, mode, words)).to.equal(now))
  it('are the same however often they are put in order', () =>
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'A', 'b', '$c', 'B')), (words) => {
        const once = keywordsOf(words.join(' '))
        expect(keywordsOf(once)).to.equal(once)
      }),
    ))
})

describe('store: messages', () => {
  const bench = eachWithStore()
  const letters = (count: number, more = {}) =>
    Promise.all(Array.from({ length: count }, (_, i) => draft(bench().home, letterOf(`no. ${i + 1}`), more)))
  const uids = async (mailbox: number) => (await view(bench().db, mailbox)).map(({ uid }) => uid)
  const idOf = (rows: readonly Row[], i: number) => rows[i]?.id ?? 0

  it('appended ones have ascending uids, one modseq, and are published as they are listed', async () => {
    const { db, folder, changes, account } = bench()
    const inbox = await folder('INBOX')
    changes.length = 0
    const added = await append(db, inbox, await letters(3, { flags: 17, keywords: 'b a' }))
    const rows = await view(db, inbox)
    expect(rows.map(({ id, uid }) => ({ id, uid }))).to.deep.equal(added)
    expect(rows.map(({ uid, modseq, flags, keywords }) => [uid, modseq, flags, keywords])).to.deep.equal([
      [1, 2, 17, 'a b'],
      [2, 2, 17, 'a b'],
      [3, 2, 17, 'a b'],
    ])
    expect(changes).to.deep.equal([{ on: 'added', mailbox: inbox, account: account.id, messages: rows }])
  })

  it('a mailbox of thousands is listed whole and in order', async () => {
    const { db, folder, home } = bench()
    const inbox = await folder('INBOX')
    const one = await draft(home, letterOf('one'))
    await append(db, inbox, Array(4500).fill(one))
    expect(await uids(inbox)).to.deep.equal(Array.from({ length: 4500 }, (_, i) => i + 1))
    expect(await rowsOf(db, 'body')).to.have.length(1)
  })

  it('one transaction delivers to many mailboxes, uids in order in each', async () => {
    const { db, folder, changes } = bench()
    const [inbox, requests] = [await folder('INBOX'), await folder('Requests')]
    const all = await letters(5)
    changes.length = 0
    const added = await db.transaction((tx) =>
      appendMany(
        tx,
        all.map((each, i) => ({ ...each, mailbox: i % 2 === 0 ? inbox : requests })),
      ),
    )
    expect(added.map(({ uid }) => uid)).to.deep.equal([1, 1, 2, 2, 3])
    expect(changes.map((change) => change.on === 'added' && [change.mailbox, change.messages.length])).to.deep.equal([
      [inbox, 3],
      [requests, 2],
    ])
  })

  it('a mailbox that is gone is a refusal, and nothing is left of the messages', async () => {
    const { db } = bench()
    const refusal = await append(db, 4711, await letters(1)).catch((error) => error.code)
    expect(refusal).to.equal('mailbox-missing')
    expect(await rowsOf(db, 'body')).to.deep.equal([])
  })

  it('what the walk found comes back as it was, small and large, in the order asked for', async () => {
    const { db, folder, home } = bench()
    const inbox = await folder('INBOX')
    const small = letterOf('Grüße', '=?utf-8?q?Gr=C3=BC=C3=9Fe?=')
    const large = letterOf('x'.repeat(100_000), 'large "quoted"\u0001')
    await append(db, inbox, [await draft(home, small, { provenance: { path: ['r', 'a'] } }), await draft(home, large)])
    const rows = await view(db, inbox)
    const ids = [idOf(rows, 1), 4711, idOf(rows, 0)]
    const columns = [
      'headerSize',
      'envelope',
      'bodyStructure',
      'body',
      'root',
      'messageId',
      'inReplyTo',
      'references',
      'subject',
      'from',
      'date',
      'header',
    ] as const
    const wanted = (bytes: Buffer) => {
      const parsed = parse(bytes)
      return Object.fromEntries(columns.map((column) => [column, parsed[column]]))
    }
    expect(await cached(db, ids, columns)).to.deep.equal([
      { id: ids[0], ...wanted(large) },
      { id: ids[2], ...wanted(small) },
    ])
    // The same without bytes goes another way.
    const some = await cached(db, ids, ['root', 'subject', 'provenance', 'malformed'])
    expect(some).to.deep.equal([
      { id: ids[0], root: parse(large).root, subject: parse(large).subject, provenance: null, malformed: null },
      { id: ids[2], root: parse(small).root, subject: 'Grüße', provenance: { path: ['r', 'a'] }, malformed: null },
    ])
  })

  it('any range of the bytes can be had, of small and large', async () => {
    const { db, folder, home } = bench()
    const inbox = await folder('INBOX')
    const bytes = [Buffer.of(), letterOf('é'), letterOf('x'.repeat(70_000)), letterOf('y'.repeat(3 << 20))]
    await append(db, inbox, await Promise.all(bytes.map((each) => draft(home, each))))
    const rows = await view(db, inbox)
    const ranges = [
      [0, Number.MAX_SAFE_INTEGER],
      [0, 0],
      [3, 10],
      [60_000, 70_010],
      [5, 2_500_000],
      [9_000_000, 9_000_010],
    ] as const
    for (const [i, whole] of bytes.entries()) {
      for (const [start, end] of ranges) {
        const part = await content(db, idOf(rows, i), { start, end })
        const found = part instanceof Readable ? await buffer(part) : part
        expect(found?.equals(whole.subarray(start, end)), `${start}–${end} of ${whole.length}`).to.equal(true)
      }
    }
    const streamed = await content(db, idOf(rows, 3))
    expect(streamed).to.be.instanceOf(Readable)
    if (streamed instanceof Readable) streamed.destroy()
    expect(await content(db, 4711)).to.equal(undefined)
  })

  it('small ones are read whole, one or many; large and gone ones are not among them', async () => {
    const { db, folder, home } = bench()
    const inbox = await folder('INBOX')
    const bytes = [Buffer.of(), letterOf('é'), letterOf('x'.repeat(70_000))]
    await append(db, inbox, await Promise.all(bytes.map((each) => draft(home, each))))
    const ids = (await view(db, inbox)).map(({ id }) => id)
    const small = ids.slice(0, 2).map((id, i) => [id, bytes[i]] as const)
    expect(await contents(db, [...ids, 4711])).to.deep.equal(new Map(small))
    const one = await Promise.all([...ids, 4711].map((id) => contents(db, [id])))
    expect(one).to.deep.equal([...small.map((each) => new Map([each])), new Map(), new Map()])
    expect(await contents(db, [])).to.deep.equal(new Map())
  })

  it('flags are set, added and removed; what did not change keeps its modseq and is not published', async () => {
    const { db, folder, changes } = bench()
    const inbox = await folder('INBOX')
    await append(db, inbox, await letters(3, { flags: 1 }))
    changes.length = 0
    const stored = async (uids: readonly number[], change: FlagChange) =>
      (await store(db, inbox, uids, change)).map(({ uid, modseq, flags, keywords }) => ({
        uid,
        modseq,
        flags,
        keywords,
      }))
    expect(await stored([1, 2, 99], { mode: 'add', flags: 9, keywords: 'x' })).to.deep.equal([
      { uid: 1, modseq: 3, flags: 9, keywords: 'x' },
      { uid: 2, modseq: 3, flags: 9, keywords: 'x' },
    ])
    expect(await stored([1, 3], { mode: 'remove', flags: 8, keywords: 'X' })).to.deep.equal([
      { uid: 1, modseq: 4, flags: 1, keywords: '' },
      { uid: 3, modseq: 2, flags: 1, keywords: '' },
    ])
    expect(await stored([1, 2, 3], { mode: 'set', flags: 1 })).to.deep.equal([
      { uid: 1, modseq: 4, flags: 1, keywords: '' },
      { uid: 2, modseq: 5, flags: 1, keywords: '' },
      { uid: 3, modseq: 2, flags: 1, keywords: '' },
    ])
    const published = changes.map(
      (change) => change.on === 'flagged' && change.messages.map(({ uid, modseq }) => [uid, modseq]),
    )
    expect(published).to.deep.equal([
      [
        [1, 3],
        [2, 3],
      ],
      [[1, 4]],
      [[2, 5]],
    ])
    changes.length = 0
    await store(db, inbox, [1, 2, 3], { mode: 'set', flags: 4 })
    await store(db, inbox, [1], { mode: 'add', flags: 4, keywords: 'y' })
    const differing = changes.map((change) => change.on === 'flagged' && [change.bits, change.isWorded])
    expect(differing).to.deep.equal([
      [5, false],
      [0, true],
    ])
  })

  it('more than fifty keywords are refused, and then no message is changed', async () => {
    const { db, folder } = bench()
    const inbox = await folder('INBOX')
    const many = (count: number) => Array.from({ length: count }, (_, i) => `k${i}`).join(' ')
    await append(db, inbox, await letters(2))
    await store(db, inbox, [2], { mode: 'add', flags: 0, keywords: many(50) })
    const refused = await store(db, inbox, [1, 2], { mode: 'add', flags: 1, keywords: 'one' }).catch((error) => error)
    expect(refused).to.be.instanceOf(Refusal).and.have.property('code', 'rate-limited')
    await store(db, inbox, [2], { mode: 'add', flags: 4, keywords: 'K7' })
    expect((await view(db, inbox)).map(({ flags }) => flags)).to.deep.equal([0, 4])
  })

  it('unchangedSince leaves out what changed later (RFC 7162 §3.1.3)', async () => {
    const { db, folder } = bench()
    const inbox = await folder('INBOX')
    await append(db, inbox, await letters(2))
    await store(db, inbox, [1], { mode: 'add', flags: 4 })
    const changed = await store(db, inbox, [1, 2], { mode: 'add', flags: 1, unchangedSince: 2 })
    expect(changed.map(({ uid }) => uid)).to.deep.equal([2])
  })

  it('marks replace the keywords of messages anywhere, and leave their flags', async () => {
    const { db, folder, changes } = bench()
    const [inbox, sent] = [await folder('INBOX'), await folder('Sent')]
    await append(db, inbox, await letters(1, { flags: 1, keywords: '$Queued' }))
    await append(db, sent, await letters(1, { keywords: '$Queued' }))
    const held = [inbox, sent].map(async (mailbox) =>
      (await view(db, mailbox)).map((row) => ({ ...row, mailbox, become: '$Delivered' })),
    )
    const marks = (await Promise.all(held)).flat()
    changes.length = 0
    await db.transaction((tx) => mark(tx, marks))
    expect((await view(db, inbox)).map(({ flags, keywords }) => [flags, keywords])).to.deep.equal([[1, '$Delivered']])
    expect((await view(db, sent)).map(({ flags, keywords }) => [flags, keywords])).to.deep.equal([[0, '$Delivered']])
    expect(changes.map(({ on }) => on)).to.deep.equal(['flagged', 'flagged'])
  })

  it('copies keep flags, date and provenance, and share the body', async () => {
    const { db, folder, changes } = bench()
    const [inbox, archive] = [await folder('INBOX'), await folder('Archive')]
    await append(db, archive, await letters(1))
    await append(db, inbox, await letters(3, { flags: 5, keywords: 'k', provenance: { by: 'r' } }))
    changes.length = 0
    expect(await copy(db, inbox, [3, 1, 77], archive)).to.deep.equal([
      { from: 1, to: 2 },
      { from: 3, to: 3 },
    ])
    const copies = (await view(db, archive)).slice(1)
    expect(copies.map(({ flags, keywords, internalDate }) => [flags, keywords, internalDate])).to.deep.equal([
      [5, 'k', 1_700_000_000_000],
      [5, 'k', 1_700_000_000_000],
    ])
    expect(
      await cached(
        db,
        copies.map(({ id }) => id),
        ['provenance'],
      ),
    ).to.deep.equal(copies.map(({ id }) => ({ id, provenance: { by: 'r' } })))
    expect(changes.map(({ on }) => on)).to.deep.equal(['added'])
    expect(await rowsOf(db, 'body')).to.have.length(4)
    expect(await uids(inbox)).to.deep.equal([1, 2, 3])
  })

  it('moved ones are added there, then expunged here, and keep their id', async () => {
    const { db, folder, changes } = bench()
    const [inbox, junk] = [await folder('INBOX'), await folder('Junk')]
    const added = await append(db, inbox, await letters(3))
    changes.length = 0
    expect(await move(db, inbox, [1, 3], junk)).to.deep.equal([
      { from: 1, to: 1 },
      { from: 3, to: 2 },
    ])
    const [there, here] = changes
    expect(there).to.deep.include({ on: 'added', mailbox: junk, from: inbox })
    expect(here).to.deep.include({ on: 'expunged', mailbox: inbox, uids: [1, 3] })
    expect((await view(db, junk)).map(({ id }) => id)).to.deep.equal([added[0]?.id, added[2]?.id])
    expect(await uids(inbox)).to.deep.equal([2])
  })

  it('moving within a mailbox gives new uids at its end', async () => {
    const { db, folder } = bench()
    const inbox = await folder('INBOX')
    await append(db, inbox, await letters(3))
    expect(await move(db, inbox, [1, 2], inbox)).to.deep.equal([
      { from: 1, to: 4 },
      { from: 2, to: 5 },
    ])
    expect(await uids(inbox)).to.deep.equal([3, 4, 5])
  })

  it('a target that is gone refuses, and the messages stay', async () => {
    const { db, folder } = bench()
    const inbox = await folder('INBOX')
    await append(db, inbox, await letters(1))
    expect(await move(db, inbox, [1], 4711).catch((error) => error.code)).to.equal('mailbox-missing')
    expect(await copy(db, inbox, [1], 4711).catch((error) => error.code)).to.equal('mailbox-missing')
    expect(await uids(inbox)).to.deep.equal([1])
  })

  it('expunge removes the deleted, of those named if any are', async () => {
    const { db, folder, changes } = bench()
    const inbox = await folder('INBOX')
    await append(db, inbox, await letters(5))
    await store(db, inbox, [1, 3, 5], { mode: 'add', flags: 8 })
    changes.length = 0
    expect(await expunge(db, inbox, [1, 2])).to.deep.equal([1])
    expect(await expunge(db, inbox)).to.deep.equal([3, 5])
    expect(await expunge(db, inbox)).to.deep.equal([])
    expect(changes.map((change) => change.on === 'expunged' && change.uids)).to.deep.equal([[1], [3, 5]])
    expect(await uids(inbox)).to.deep.equal([2, 4])
  })

  it('very many are moved, and expunged, in pieces between which others write', async () => {
    const { db, folder, changes } = bench()
    const [inbox, archive, junk] = [await folder('INBOX'), await folder('Archive'), await folder('Junk')]
    const one = await draft(bench().home, letterOf('one'))
    const added = await append(db, inbox, Array(12_000).fill({ ...one, flags: flag.deleted }))
    const whole = Array.from({ length: 12_000 }, (_, i) => i + 1)
    /** Somebody writes once the first piece is there. @returns mailboxes of the changes, in their order */
    const meanwhile = async (work: () => Promise<unknown>): Promise<number[]> => {
      changes.length = 0
      const other = new Promise((resolve) => db.changes.once('change', () => resolve(append(db, junk, [one]))))
      await Promise.all([work(), other])
      return changes.map(({ mailbox }) => mailbox)
    }
    let pairs: UidPair[] = []
    const moved = await meanwhile(async () => {
      pairs = await move(db, inbox, whole, archive, 'all-or-none')
    })
    expect(pairs).to.deep.equal(whole.map((uid) => ({ from: uid, to: uid })))
    expect(moved.filter((mailbox) => mailbox !== junk)).to.deep.equal([archive, inbox, archive, inbox, archive, inbox])
    expect(moved.indexOf(junk)).to.be.within(2, 4)
    expect((await view(db, archive)).map(({ id }) => id)).to.deep.equal(added.map(({ id }) => id))
    expect(await uids(inbox)).to.deep.equal([])
    const vanished = (await vanishedSince(db, inbox, 2)) ?? []
    expect(vanished.map(({ from, to }) => to - from + 1)).to.deep.equal([5000, 5000, 2000])

    const expunged = await meanwhile(() => expunge(db, archive))
    expect(expunged.filter((mailbox) => mailbox !== junk)).to.deep.equal([archive, archive, archive])
    expect(expunged.indexOf(junk)).to.be.within(1, 2)
    expect(await uids(archive)).to.deep.equal([])
  })

  it('of very many the move stops at the piece in which one is gone, if all are wanted', async () => {
    const { db, folder, home } = bench()
    const [inbox, archive] = [await folder('INBOX'), await folder('Archive')]
    await append(db, inbox, Array(12_000).fill(await draft(home, letterOf('one'))))
    await takeOut(db, inbox, [6000])
    const whole = Array.from({ length: 12_000 }, (_, i) => i + 1)
    expect(await move(db, inbox, whole, archive, 'all-or-none')).to.have.length(5000)
    expect(await uids(inbox)).to.deep.equal(whole.filter((uid) => uid > 5000 && uid !== 6000))
    expect(await move(db, inbox, whole, archive)).to.have.length(6999)
    expect(await uids(inbox)).to.deep.equal([])
  })

  it('very many are read before they are copied, and again only where something changed meanwhile', async () => {
    const { db, folder, home, changes } = bench()
    const [inbox, archive] = [await folder('INBOX'), await folder('Archive')]
    await append(db, inbox, Array(6000).fill(await draft(home, letterOf('one'))))
    const whole = Array.from({ length: 6000 }, (_, i) => i + 1)
    let within = 0
    /** @param meanwhile between the reading and the copying */
    const watched = (meanwhile: () => Promise<unknown> = async () => {}): Sink => ({
      ...db,
      read: db.read,
      transaction: async (work) => {
        await meanwhile()
        return db.transaction((tx) =>
          work({
            ...tx,
            read: {
              ...tx.read,
              range: (sql, params) => {
                within++
                return tx.read.range(sql, params)
              },
            },
          }),
        )
      },
    })
    const ofArchive = async () => (await view(db, archive)).map(({ uid, flags }) => [uid, flags])
    expect(await copy(watched(), inbox, whole, archive)).to.deep.equal(whole.map((uid) => ({ from: uid, to: uid })))
    expect(within).to.equal(0)
    expect(await ofArchive()).to.deep.equal(whole.map((uid) => [uid, 0]))

    const flagFirst = () => store(db, inbox, [1], { mode: 'add', flags: flag.flagged })
    expect(await copy(watched(flagFirst), inbox, whole, archive)).to.have.length(6000)
    expect(within).to.equal(1)
    expect((await ofArchive())[6000]).to.deep.equal([6001, flag.flagged])
    const last = changes.at(-1)
    expect(last?.on === 'added' && last.messages[0]?.flags).to.equal(flag.flagged)

    const takeFirst = () => takeOut(db, inbox, [1])
    expect(await copy(watched(takeFirst), inbox, whole, archive, undefined, 'all-or-none')).to.deep.equal([])
    expect(await uids(archive)).to.have.length(12_000)
  })

  it('an id is never given out again, even after a restart', async () => {
    const { db, folder, close, home } = bench()
    const inbox = await folder('INBOX')
    const [first] = await append(db, inbox, await letters(1))
    await takeOut(db, inbox, [1])
    await close()
    const again = await openStore(home)
    const [second] = await append(again.db, inbox, await letters(1))
    await again.close()
    expect(second?.id).to.be.greaterThan(first?.id ?? 0)
    expect(second?.uid).to.equal(2)
  })
})

describe('store: messages against a model', () => {
  const bench = eachWithStore()
  type Kept = { uid: number; flags: number; text: string }
  const some = fc.array(fc.nat(12), { maxLength: 4 })
  const operation = fc.oneof(
    fc.record({ do: fc.constant('append' as const), to: fc.nat(1), count: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ do: fc.constant('store' as const), at: fc.nat(1), uids: some, flags: fc.constantFrom(1, 8, 9) }),
    fc.record({ do: fc.constantFrom('copy' as const, 'move' as const), at: fc.nat(1), to: fc.nat(1), uids: some }),
    fc.record({ do: fc.constant('expunge' as const), at: fc.nat(1), uids: fc.option(some) }),
    fc.record({ do: fc.constant('remove' as const), at: fc.nat(1), which: fc.nat(3) }),
  )

  it('after any operations the mailboxes, the stream of changes and the bodies agree', async () => {
    const { db, home, account } = bench()
    let round = 0
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 25, size: 'max' }), async (operations) => {
        round++
        const ids: number[] = []
        for (const name of ['x', 'y']) {
          const made = await create(db, account.id, `${name}${round}`)
          if (typeof made !== 'string') ids.push(made.id)
        }
        const model: { kept: Kept[]; next: number }[] = ids.map(() => ({ kept: [], next: 1 }))
        const heard = new Map(ids.map((id) => [id, new Map<number, number>()]))
        const listener = (change: Change) => hear(heard, change)
        db.changes.on('change', listener)
        let count = 0
        for (const each of operations) {
          const at = model['at' in each ? each.at : each.to]
          const id = ids['at' in each ? each.at : each.to] ?? 0
          const to = 'to' in each ? model[each.to] : undefined
          if (!at) throw new Error('no such mailbox')
          const wanted = (uid: number) => 'uids' in each && (each.uids ?? []).includes(uid)
          const add = (target: typeof at, more: Omit<Kept, 'uid'>[]) =>
            target.kept.push(...more.map((one) => ({ ...one, uid: target.next++ })))
          switch (each.do) {
            case 'append': {
              const texts = Array.from({ length: each.count }, () => `text ${count++}`)
              await append(db, id, await Promise.all(texts.map((text) => draft(home, letterOf(text)))))
              add(
                at,
                texts.map((text) => ({ flags: 0, text })),
              )
              break
            }
            case 'store':
              await store(db, id, each.uids, { mode: 'add', flags: each.flags })
              at.kept = at.kept.map((one) => (wanted(one.uid) ? { ...one, flags: one.flags | each.flags } : one))
              break
            case 'copy':
            case 'move': {
              await (each.do === 'copy' ? copy : move)(db, id, each.uids, ids[each.to] ?? 0)
              const chosen = at.kept.filter(({ uid }) => wanted(uid))
              if (each.do === 'move') at.kept = at.kept.filter(({ uid }) => !wanted(uid))
              if (to) add(to, chosen)
              break
            }
            case 'expunge': {
              await expunge(db, id, each.uids ?? undefined)
              at.kept = at.kept.filter(({ uid, flags }) => (flags & 8) === 0 || (each.uids !== null && !wanted(uid)))
              break
            }
            case 'remove': {
              const row = (await view(db, id))[each.which]
              await db.transaction((tx) => removeMany(tx, row ? [row.id] : []))
              at.kept = at.kept.filter((_, i) => i !== each.which)
              break
            }
          }
        }
        db.changes.off('change', listener)
        for (const [i, id] of ids.entries()) {
          const rows = await view(db, id)
          const bodies = await Promise.all(rows.map(async (row) => `${await content(db, row.id)}`))
          const found = rows.map(({ uid, flags }, k) => ({ uid, flags, text: /text \d+/.exec(bodies[k] ?? '')?.[0] }))
          expect(found).to.deep.equal(model[i]?.kept.map(({ uid, flags, text }) => ({ uid, flags, text })))
          expect([...(heard.get(id) ?? [])].sort(([a], [b]) => a - b)).to.deep.equal(
            rows.map(({ uid, modseq }) => [uid, modseq]),
          )
        }
        expect((await find(db, account.id, `x${round}`))?.uidNext).to.equal(model[0]?.next)
      }),
      { numRuns: 40 },
    )
    expect((await verify(home)).problems).to.deep.equal([])
    await clearLeft(db)
    expect((await verify(home)).problems).to.deep.equal([])
  })

  const hear = (heard: Map<number, Map<number, number>>, change: Change): void => {
    if (change.on === 'mailbox' || change.on === 'annotated' || change.on === 'password') return
    const known = heard.get(change.mailbox)
    if (change.on === 'expunged') for (const uid of change.uids) known?.delete(uid)
    else for (const { uid, modseq } of change.messages) known?.set(uid, modseq)
  }
})
