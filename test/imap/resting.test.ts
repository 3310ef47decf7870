import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'chai'
import { Resting } from '../../gateway/imap/view/resting.ts'
import { Selected } from '../../gateway/imap/view/selected.ts'
import { View } from '../../gateway/imap/view/view.ts'
import { flag } from '../../store/change.ts'
import { store as storeFlags } from '../../store/flag.ts'
import { create, find, remove } from '../../store/mailbox.ts'
import { view as rowsOf } from '../../store/message.ts'
import { takeOut } from '../store/home.ts'
import { eachWithWatch, letter } from './server.ts'

describe('IMAP: a mailbox that was left', () => {
  const bench = eachWithWatch()

  const open = async (name: string) => {
    const { imap, watch } = bench()
    const mailbox = await find(imap.store.db, imap.account.id, name)
    if (!mailbox) throw new Error(`there is no ${name}`)
    return Selected.open({ store: imap.store, watch }, mailbox, true, new Set())
  }
  const edge = () => ({ store: bench().imap.store }) as Parameters<Selected['close']>[0]

  it('is selected again as it is by then, and is not read for that', async () => {
    const { imap, watch } = bench()
    const { store } = imap
    await imap.deliver(
      'INBOX',
      [1, 2, 3, 4].map((n) => letter(n)),
    )
    const first = await open('INBOX')
    const { id } = first.mailbox
    const ids = first.view.rows().map((row) => row.id)
    expect(watch.view(id)).to.equal(first.view)
    first.close(edge())
    expect(watch.view(id), 'at rest').to.equal(first.view)

    await imap.deliver(
      'INBOX',
      [5, 6].map((n) => letter(n)),
    )
    await storeFlags(store.db, id, [2, 3], { mode: 'add', flags: flag.seen })
    await takeOut(store.db, id, [1, 3, 6])
    const second = await open('INBOX')
    expect(second.view.rows()).to.deep.equal(await rowsOf(store.db, id))
    expect(second.view.rows().map((row) => row.uid)).to.deep.equal([2, 4, 5])
    expect(second.view.rows()[0], 'the row that the first session had').to.equal(first.view.rows()[0])
    expect(second.view.rows()[0]?.id).to.equal(ids[1])
    expect(second.view.modseq).to.equal((await find(store.db, imap.account.id, 'INBOX'))?.highestModseq)
    expect(watch.view(id), 'the one that rested is let go').to.equal(second.view)
    second.close(edge())
  })

  it('rests only once the last session has left it, and not when it is deleted', async () => {
    const { imap, watch } = bench()
    await create(imap.store.db, imap.account.id, 'Old')
    const [one, two] = [await open('Old'), await open('Old')]
    const { id } = one.mailbox
    one.close(edge())
    expect(watch.view(id)).to.equal(two.view)
    two.close(edge())
    expect(watch.view(id)).to.equal(two.view)
    await remove(imap.store.db, imap.account.id, 'Old')
    expect(watch.view(id)).to.equal(undefined)
  })

  it('makes room for others, the one that rests longest first, and is forgotten in the end', async () => {
    const row = { modseq: 1, flags: 0, keywords: '', internalDate: 0, size: 1 }
    const viewOf = (count: number) => {
      const rows = Array.from({ length: count }, (_, n) => ({ ...row, id: n + 1, uid: n + 1 }))
      return new View(rows, Number.POSITIVE_INFINITY)
    }
    const resting = new Resting(10, 50)
    const kept = () => [1, 2, 3, 4].filter((mailbox) => resting.of(mailbox))
    resting.keep(1, viewOf(4))
    resting.keep(2, viewOf(6))
    expect(kept()).to.deep.equal([1, 2])
    resting.keep(3, viewOf(1))
    expect(kept()).to.deep.equal([2, 3])
    resting.keep(4, viewOf(11))
    expect(kept(), 'one too large is not kept').to.deep.equal([])
    resting.keep(1, viewOf(4))
    for (let tries = 0; kept().length > 0 && tries < 100; tries++) await wait(20)
    expect(kept()).to.deep.equal([])
  })
})
