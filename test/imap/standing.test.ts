import { expect } from 'chai'
import { Selected } from '../../gateway/imap/view/selected.ts'
import { standings } from '../../gateway/imap/view/standing.ts'
import { Watch } from '../../gateway/imap/view/watch.ts'
import { flag } from '../../store/change.ts'
import { store as storeFlags } from '../../store/flag.ts'
import { find, statuses } from '../../store/mailbox.ts'
import { takeOut } from '../store/home.ts'
import { letter, startTestImap, type TestImap } from './server.ts'

describe('IMAP: how a mailbox stands', () => {
  let imap: TestImap
  beforeEach(async () => {
    imap = await startTestImap()
  })
  afterEach(() => imap.close())

  const inbox = async () => {
    const mailbox = await find(imap.store.db, imap.account.id, 'INBOX')
    if (!mailbox) throw new Error('every account has an INBOX')
    return mailbox
  }

  it('is the same by the rows of a session and by the database, whatever happens', async () => {
    const { store } = imap
    const letters = (from: number) => Array.from({ length: 5 }, (_, i) => letter(from + i))
    await imap.deliver('INBOX', letters(1))
    const watch = new Watch(store.db.changes)
    const before = await inbox()
    await Selected.open({ store, watch }, before, false, new Set())
    const { id } = before
    const steps = [
      async () => {},
      () => imap.deliver('INBOX', letters(6)),
      () => storeFlags(store.db, id, [2, 3, 7], { mode: 'add', flags: flag.seen }),
      () => storeFlags(store.db, id, [3, 4], { mode: 'add', flags: flag.deleted }),
      () => takeOut(store.db, id, [3, 9]),
    ]
    for (const step of steps) {
      await step()
      const mailbox = await inbox()
      expect(watch.view(id)?.modseq, 'or the rows are not asked').to.equal(mailbox.highestModseq)
      const found = await standings({ store, watch }, [mailbox], ['UNSEEN', 'SIZE'])
      const [there] = await statuses(store.db, [id])
      expect(found.get(id)).to.deep.equal(there)
      const quick = await standings({ store, watch }, [mailbox], ['UNSEEN'])
      expect(quick.get(id)).to.deep.equal({ ...there, size: 0, deleted: 0, deletedSize: 0 })
    }
    watch.close()
  })

  it('a mailbox read before its last change is not counted by the rows after it', async () => {
    const { store } = imap
    await imap.deliver('INBOX', [letter(1)])
    const watch = new Watch(store.db.changes)
    const before = await inbox()
    await Selected.open({ store, watch }, before, false, new Set())
    await imap.deliver('INBOX', [letter(2)])
    const found = await standings({ store, watch }, [before], ['MESSAGES'])
    expect(found.get(before.id)).to.deep.include({ messages: 2, uidNext: 3 })
    watch.close()
  })

  it('one that is gone meanwhile is left out', async () => {
    const mailbox = { ...(await inbox()), id: 4711 }
    const watch = new Watch(imap.store.db.changes)
    const found = await standings({ store: imap.store, watch }, [mailbox], ['MESSAGES'])
    expect(found.size).to.equal(0)
  })
})
