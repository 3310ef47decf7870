import { expect } from 'chai'
import type { Edge } from '../../gateway/imap/edge.ts'
import { Folders } from '../../gateway/imap/mailbox/folders.ts'
import type { Wanted } from '../../gateway/imap/notify/args.ts'
import { Notifier } from '../../gateway/imap/notify/notifier.ts'
import type { Change } from '../../store/change.ts'
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

describe('IMAP: what NOTIFY tells of folders', () => {
  const bench = eachWithStore()

  it('of thousands that are renamed with their parent each is told, and the parent as one', async () => {
    const { db, account } = bench()
    let hear: (change: Change) => void = () => {}
    const watch = {
      account: (_: number, hears: typeof hear) => {
        hear = hears
        return () => {}
      },
    }
    const folders = { of: async () => [] }
    const edge = { store: { db }, watch, folders } as unknown as Edge
    const filter = { is: 'subtree', names: new Set(['Top']) } as const
    const wanted: Wanted = { tellsStatus: false, groups: [{ filter, events: new Set(['MailboxName']) }] }
    const notifier = new Notifier(
      edge,
      account.id,
      wanted,
      () => undefined,
      () => {},
    )
    await notifier.open()
    for (let i = 0; i < 3000; i++)
      hear({
        on: 'mailbox',
        what: 'renamed',
        account: account.id,
        mailbox: 100 + i,
        name: i === 0 ? 'Top' : `Top/${i}`,
      })
    const lines = await notifier.take({ isUtf8: false, enabled: new Set<never>() })
    expect(lines).to.have.length(3000)
    expect(lines.slice(0, 2)).to.deep.equal([
      '* LIST (\\HasChildren \\Subscribed) "/" "Top"',
      '* LIST (\\HasNoChildren \\Subscribed) "/" "Top/1"',
    ])
  })
})
