import { expect } from 'chai'
import fc from 'fast-check'
import { Selected } from '../../gateway/imap/view/selected.ts'
import { rowsOf } from '../../gateway/imap/view/shown.ts'
import { flag } from '../../store/change.ts'
import type { Sink } from '../../store/db.ts'
import { store as storeFlags } from '../../store/flag.ts'
import { find } from '../../store/mailbox.ts'
import { view as viewOf } from '../../store/message.ts'
import { takeOut } from '../store/home.ts'
import { eachWithWatch, letter } from './server.ts'

describe('IMAP: flags changed as a session shows them', () => {
  const bench = eachWithWatch()

  const open = async (count: number) => {
    const { imap, watch } = bench()
    const { store } = imap
    await imap.deliver(
      'INBOX',
      Array.from({ length: count }, (_, i) => letter(i + 1)),
    )
    const mailbox = await find(store.db, imap.account.id, 'INBOX')
    if (!mailbox) throw new Error('every account has an INBOX')
    const { view } = await Selected.open({ store, watch }, mailbox, false, new Set())
    /** These messages as a command would name them. */
    const shown = (uids: readonly number[]) => ({
      view,
      rows: rowsOf(view.byUid(uids.map((uid) => ({ from: uid, to: uid })))),
    })
    return { id: mailbox.id, view, shown, db: store.db }
  }
  const flagsIn = async (id: number) => (await viewOf(bench().imap.store.db, id)).map(({ flags }) => flags)

  it('are not read from the database', async () => {
    const { id, shown, db } = await open(3)
    let reads = 0
    const watched: Sink = {
      ...db,
      read: db.read,
      transaction: (work) =>
        db.transaction((tx) =>
          work({
            ...tx,
            range: (sql, params) => {
              reads++
              return tx.range(sql, params)
            },
          }),
        ),
    }
    await storeFlags(watched, id, shown([1, 3]), { mode: 'add', flags: flag.seen })
    expect(reads).to.equal(0)
    expect(await flagsIn(id)).to.deep.equal([flag.seen, 0, flag.seen])
    await storeFlags(watched, id, [2], { mode: 'add', flags: flag.seen })
    expect(reads, 'or nothing was counted').to.equal(1)
  })

  it('keep what another wrote in the same commit', async () => {
    const { id, shown, db } = await open(2)
    await Promise.all([
      storeFlags(db, id, shown([1, 2]), { mode: 'add', flags: flag.seen }),
      storeFlags(db, id, [1, 2], { mode: 'add', flags: flag.flagged }),
      storeFlags(db, id, shown([1, 2]), { mode: 'add', flags: flag.answered }),
    ])
    const all = flag.seen | flag.flagged | flag.answered
    expect(await flagsIn(id)).to.deep.equal([all, all])
  })

  it('are those of no message that went meanwhile', async () => {
    const { id, shown, db } = await open(3)
    const both = shown([1, 2])
    await takeOut(db, id, [1])
    const first = await storeFlags(db, id, both, { mode: 'add', flags: flag.seen })
    const [, second] = await Promise.all([
      takeOut(db, id, [2]),
      storeFlags(db, id, shown([2, 3]), { mode: 'add', flags: flag.draft }),
    ])
    expect([first, second].map((stored) => stored.map(({ uid }) => uid))).to.deep.equal([[2], [3]])
  })

  it('are right whatever others do at the same time', async () => {
    const { id, view, shown, db } = await open(6)
    const some = fc.subarray([1, 2, 3, 4, 5, 6, 7, 8, 9])
    const change = fc.record({
      mode: fc.constantFrom('add' as const, 'remove' as const, 'set' as const),
      flags: fc.nat(31),
      keywords: fc.constantFrom('', 'a', 'a b'),
    })
    const operation = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('in view' as const, 'by uid' as const), some, change }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('come' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('go' as const), at: fc.nat(8) }) },
    )
    /** What one after the other would have left. */
    const expected = new Map((await viewOf(db, id)).map(({ uid, flags }) => [uid, { flags, keywords: '' }]))
    let count = 6
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(operation, { maxLength: 5 }), { maxLength: 8 }), async (rounds) => {
        for (const round of rounds) {
          view.flush(true)
          // Those of low uids go, so the set that is chosen from wanders with them.
          const least = Math.min(...expected.keys())
          const before = new Set(expected.keys())
          const work = round.map((each) => {
            if (each.do === 'come') {
              expected.set(++count, { flags: 0, keywords: '' })
              return bench().imap.deliver('INBOX', [letter(count)])
            }
            if (each.do === 'go') {
              if (expected.size === 1) return undefined
              expected.delete(least + each.at)
              return takeOut(db, id, [least + each.at])
            }
            const uids = each.some.map((uid) => least + uid - 1).filter((uid) => before.has(uid))
            const among = each.do === 'in view' ? shown(uids) : uids
            for (const uid of 'rows' in among ? among.rows.map((row) => row.uid) : uids) {
              const was = expected.get(uid)
              if (was) expected.set(uid, changed(was, each.change))
            }
            return storeFlags(db, id, among, each.change)
          })
          await Promise.all(work)
          const there = await viewOf(db, id)
          const bare = there.map(({ uid, flags, keywords }) => [uid, { flags, keywords }])
          expect(bare).to.deep.equal([...expected])
          expect(view.rows().map(({ uid, modseq }) => [uid, modseq])).to.deep.equal(
            there.map(({ uid, modseq }) => [uid, modseq]),
          )
        }
      }),
      { numRuns: 60 },
    )
  })
})

type Bearing = { flags: number; keywords: string }

/** Written anew, with the keywords of this test: `a`, and `b` with it. */
const changed = (was: Bearing, { mode, flags, keywords }: Bearing & { mode: 'add' | 'remove' | 'set' }): Bearing => {
  const words = (text: string) => text.split(' ').filter((word) => word !== '')
  if (mode === 'set') return { flags, keywords }
  const kept = words(was.keywords)
  const now =
    mode === 'add'
      ? [...new Set([...kept, ...words(keywords)])]
      : kept.filter((word) => !words(keywords).includes(word))
  return { flags: mode === 'add' ? was.flags | flags : was.flags & ~flags, keywords: now.sort().join(' ') }
}
