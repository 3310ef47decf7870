import { expect } from 'chai'
import { create as createAccount } from '../../store/account.ts'
import { create, find, remove } from '../../store/mailbox.ts'
import { append, appendMany } from '../../store/message.ts'
import { copy, move, replace } from '../../store/move.ts'
import { isFull, quotaOf, setQuota } from '../../store/quota.ts'
import { verify } from '../../store/verify.ts'
import { codeOf } from '../fixture/refused.ts'
import { draft, eachWithStore, letterOf, takeOut } from './home.ts'

const none = Number.POSITIVE_INFINITY

describe('store: how much an account keeps', () => {
  const bench = eachWithStore()
  const one = letterOf('one')
  const letters = (count: number) => Promise.all(Array.from({ length: count }, () => draft(bench().home, one)))
  const used = async () => (await quotaOf(bench().db, bench().account.id, none)).used / one.length

  for (const isReadAnew of [false, true])
    it(`is the sizes of its messages, in whatever mailbox, as they come, go and stay${isReadAnew ? ', read anew' : ''}`, async () => {
      const { db, folder, account, home } = bench()
      const [inbox, sent] = [await folder('INBOX'), await folder('Sent')]
      const extra = await create(db, account.id, 'Extra')
      if (typeof extra === 'string') throw new Error(extra)
      const steps: [what: string, step: () => Promise<unknown>, messages: number][] = [
        ['three come', async () => append(db, inbox, await letters(3)), 3],
        ['two are copied', () => copy(db, inbox, [1, 2], sent), 5],
        ['one is copied where it is', () => copy(db, sent, [1], sent), 6],
        ['all are moved', () => move(db, sent, [1, 2, 3], extra.id), 6],
        ['one goes', () => takeOut(db, inbox, [1]), 5],
        ['and goes only once', () => takeOut(db, inbox, [1]), 5],
        ['one takes the place of another', async () => replaced(inbox, await draft(home, one)), 5],
        ['a mailbox goes with what is in it', () => remove(db, account.id, 'Extra'), 2],
      ]
      const replaced = (mailbox: number, letter: Awaited<ReturnType<typeof draft>>) =>
        replace(db, { mailbox, uid: 2 }, { ...letter, mailbox })
      const forget = () => db.transaction(() => Promise.reject(new Error('no'))).catch(() => {})
      for (const [what, step, messages] of steps) {
        if (isReadAnew) await forget()
        await step()
        expect(await used(), what).to.equal(messages)
        expect((await verify(home)).problems, what).to.deep.equal([])
      }
    })

  for (const isReadAnew of [false, true])
    it(`is counted for each, where a letter comes to several at once${isReadAnew ? ', read anew' : ''}`, async () => {
      const { db, folder, account } = bench()
      const bob = await createAccount(db, { address: 'bob@a.test', name: 'Bob', entityId: 'entity-bob' })
      if (bob === 'exists') throw new Error(bob)
      const [ours, theirs] = [await folder('INBOX'), (await find(db, bob.id, 'INBOX'))?.id ?? 0]
      const come = async (mailboxes: number[], limit?: number) => {
        const drafts = (await letters(mailboxes.length)).map((letter, i) => ({ ...letter, mailbox: mailboxes[i] ?? 0 }))
        if (isReadAnew) await db.transaction(() => Promise.reject(new Error('no'))).catch(() => {})
        await db.transaction((tx) => appendMany(tx, drafts, limit))
      }
      const kept = async () =>
        Promise.all([account, bob].map(async ({ id }) => (await quotaOf(db, id, none)).used / one.length))
      await come([ours, theirs, ours])
      expect(await kept()).to.deep.equal([2, 1])
      await come([ours, theirs], one.length * 3)
      expect(await kept()).to.deep.equal([3, 2])
      expect(await come([ours, theirs], one.length * 3).catch(codeOf), 'one has no room').to.equal('mailbox-full')
      expect(await kept()).to.deep.equal([3, 2])
    })

  it('what was taken back does not count', async () => {
    const { db, folder, home } = bench()
    const inbox = await folder('INBOX')
    await append(db, inbox, await letters(1))
    const drafts = await letters(2)
    const undone = db.transaction(async (tx) => {
      await append(tx, inbox, drafts)
      throw new Error('no')
    })
    expect(await undone.catch(({ message }: Error) => message)).to.equal('no')
    await append(db, inbox, await letters(1))
    expect(await used()).to.equal(2)
    expect((await verify(home)).problems).to.deep.equal([])
  })

  it('a limit holds where one is given, and nothing is kept of what goes beyond', async () => {
    const { db, folder } = bench()
    const inbox = await folder('INBOX')
    const limit = one.length * 3
    await append(db, inbox, await letters(2), limit)
    const refused = [
      () => letters(2).then((drafts) => append(db, inbox, drafts, limit)),
      () => copy(db, inbox, [1, 2], inbox, limit),
    ]
    for (const each of refused) expect(await each().catch(codeOf)).to.equal('mailbox-full')
    expect(await used()).to.equal(2)
    await append(db, inbox, await letters(1), limit)
    await append(db, inbox, await letters(1))
    expect(await used(), 'a delivery is not asked').to.equal(4)
  })

  it('an account may have its own limit, or none', async () => {
    const { db, folder, account } = bench()
    await append(db, await folder('INBOX'), await letters(2))
    const full = (usual: number) => isFull(db, account.id, usual)
    expect([await full(none), await full(one.length * 2 + 1), await full(one.length * 2)]).to.deep.equal([
      false,
      false,
      true,
    ])
    await setQuota(db, account.id, one.length)
    expect(await full(none)).to.equal(true)
    await setQuota(db, account.id, 0)
    expect(await full(1)).to.equal(false)
    expect(await setQuota(db, account.id, null)).to.equal(true)
    expect(await full(1)).to.equal(true)
    expect(await setQuota(db, -1, null), 'of nobody').to.equal(false)
  })
})
