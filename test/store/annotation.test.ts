import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { remove as removeAccount } from '../../store/account.ts'
import { annotate, annotations, ENTRIES_MAX } from '../../store/annotation.ts'
import { backup, restore } from '../../store/backup.ts'
import { create, remove } from '../../store/mailbox.ts'
import { openStore } from '../../store/store.ts'
import { verify } from '../../store/verify.ts'
import { eachWithStore, newHome, rowsOf } from './home.ts'

const value = Buffer.from([0, 255, 13, 10, 0])
const note = (name: string, bytes: Buffer | null = value) => new Map([[name, bytes]])

describe('store: annotations', () => {
  const bench = eachWithStore()

  it('any octets, none as well; the last word counts, and null takes it back', async () => {
    const { db, account, folder } = bench()
    const inbox = await folder('INBOX')
    await annotate(db, account.id, inbox, new Map([...note('/private/b', Buffer.alloc(0)), ...note('/private/a')]))
    await annotate(db, account.id, null, note('/private/a', Buffer.from('of the account')))
    await annotate(db, account.id, null, note('/private/a', Buffer.from('again')))
    expect([...(await annotations(db, account.id, inbox))]).to.deep.equal([
      ['/private/a', value],
      ['/private/b', Buffer.alloc(0)],
    ])
    expect([...(await annotations(db, account.id, null))]).to.deep.equal([['/private/a', Buffer.from('again')]])
    await annotate(db, account.id, inbox, note('/private/a', null))
    expect([...(await annotations(db, account.id, inbox)).keys()]).to.deep.equal(['/private/b'])
  })

  it('has a limit for one mailbox, within which entries are exchanged', async () => {
    const { db, account, folder } = bench()
    const inbox = await folder('INBOX')
    const full = new Map(Array.from({ length: ENTRIES_MAX }, (_, i) => [`/private/${i}`, value] as const))
    expect(await annotate(db, account.id, inbox, full)).to.equal('ok')
    expect(await annotate(db, account.id, inbox, note('/private/more'))).to.equal('too-many')
    expect((await annotations(db, account.id, inbox)).size).to.equal(ENTRIES_MAX)
    const exchange = new Map([...note('/private/more'), ...note('/private/0', null)])
    expect(await annotate(db, account.id, inbox, exchange)).to.equal('ok')
  })

  it('has a limit for all of an account, beyond which nothing of a command is kept', async () => {
    const { db, account, folder } = bench()
    const large = (count: number) =>
      new Map(Array.from({ length: count }, (_, i) => [`/shared/${i}`, Buffer.alloc(60_000)] as const))
    const inbox = await folder('INBOX')
    await annotate(db, account.id, inbox, large(50))
    const error = await annotate(db, account.id, null, large(30)).catch((error) => error)
    expect(error).to.include({ code: 'mailbox-full' })
    expect((await annotations(db, account.id, null)).size).to.equal(0)
    expect(await annotate(db, account.id, inbox, note('/shared/0', null))).to.equal('ok')
  })

  it('goes with its mailbox and its account, and none comes to a mailbox that is gone', async () => {
    const { db, account } = bench()
    const made = await create(db, account.id, 'Short')
    if (typeof made === 'string') throw new Error(made)
    await annotate(db, account.id, made.id, note('/private/a'))
    await annotate(db, account.id, null, note('/private/kept'))
    await remove(db, account.id, 'Short')
    expect((await rowsOf(db, 'annotation')).map(({ name }) => name)).to.deep.equal(['/private/kept'])
    expect(await annotate(db, account.id, made.id, note('/private/a'))).to.equal('missing')
    await removeAccount(db, account.id)
    expect(await rowsOf(db, 'annotation')).to.deep.equal([])
  })

  it('is in a backup', async () => {
    const { db, account, folder, home } = bench()
    const away = await newHome()
    const inbox = await folder('INBOX')
    await annotate(db, account.id, inbox, note('/private/a'))
    await annotate(db, account.id, null, note('/shared/b'))
    await backup(home, join(away, 'copy'))
    await restore(join(away, 'copy'), join(away, 'home'))
    const again = await openStore(join(away, 'home'))
    expect([...(await annotations(again.db, account.id, inbox))]).to.deep.equal([['/private/a', value]])
    expect([...(await annotations(again.db, account.id, null))]).to.deep.equal([['/shared/b', value]])
    await again.close()
    expect((await verify(join(away, 'home'))).problems).to.deep.equal([])
    await rm(away, { recursive: true, force: true })
  })
})
