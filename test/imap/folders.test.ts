import { expect } from 'chai'
import { Folders } from '../../gateway/imap/folders.ts'
import { create, list, remove, rename, subscribe } from '../../store/mailbox.ts'
import { eachWithStore } from '../store/home.ts'

describe('IMAP: the folders that are kept in memory', () => {
  const bench = eachWithStore()

  it('are those of the database, whatever happens to them, also while they are read', async () => {
    const { db, account, folder } = bench()
    const { id } = account
    const folders = new Folders(db)
    const steps = [
      () => create(db, id, 'Work/2026'),
      () => rename(db, id, 'Work', 'Office'),
      () => subscribe(db, id, 'Office', false),
      () => remove(db, id, 'Office/2026'),
      () => rename(db, id, 'INBOX', 'Old'),
      async () => {},
    ]
    for (const step of steps) {
      const done = step()
      await folders.of(id)
      await done
      const there = await list(db, id)
      const names = there.map(({ uidNext, highestModseq, recentFrom, ...shown }) => shown)
      for (const [n, shown] of (await folders.of(id)).entries()) expect(shown).to.deep.include(names[n])
      expect(await folders.of(id)).to.have.length(names.length)
    }
    expect((await folders.find(id, 'inbox'))?.id).to.equal(await folder('INBOX'))
    expect(await folders.find(id, 'Office/2026')).to.equal(undefined)
    folders.close()
  })

  it('are read once for all who ask', async () => {
    const { db, account } = bench()
    const folders = new Folders(db)
    const [one, other] = await Promise.all([folders.of(account.id), folders.of(account.id)])
    expect(other).to.equal(one)
    expect(await folders.of(account.id)).to.equal(one)
    folders.close()
  })
})
