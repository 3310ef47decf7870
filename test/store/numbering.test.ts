import { expect } from 'chai'
import { Refusal } from '../../src/refusal.ts'
import type { Tx } from '../../store/db.ts'
import { byId, create, remove } from '../../store/mailbox.ts'
import { append, appendMany } from '../../store/message.ts'
import { takeNumbers } from '../../store/numbering.ts'
import { quotaOf } from '../../store/quota.ts'
import { keepVanished } from '../../store/vanished.ts'
import { verify } from '../../store/verify.ts'
import { draft, eachWithStore, letterOf, takeOut } from './home.ts'

describe('store: the numbers of a mailbox', () => {
  const bench = eachWithStore()
  const letter = letterOf('one')
  const add = async (tx: Tx, mailbox: number) =>
    (await appendMany(tx, [{ ...(await draft(bench().home, letter)), mailbox }])).map(({ uid }) => uid)
  const used = async () => (await quotaOf(bench().db, bench().account.id, 1e9)).used / letter.length
  const isSound = async () => expect((await verify(bench().home)).problems).to.deep.equal([])

  it('go on from one transaction to the next, whatever was read or written between', async () => {
    const { db, folder } = bench()
    const inbox = await folder('INBOX')
    const uids: number[][] = []
    for (let i = 0; i < 4; i++) {
      uids.push(await db.transaction((tx) => add(tx, inbox)))
      if (i === 1) await takeOut(db, inbox, [1])
      const now = await byId(db, inbox)
      expect([now?.uidNext, now?.highestModseq]).to.deep.equal([i + 2, i + (i < 1 ? 2 : 3)])
    }
    expect(uids).to.deep.equal([[1], [2], [3], [4]])
    expect(await used()).to.equal(3)
    await isSound()
  })

  it('are not used up by what is undone, alone or among others', async () => {
    const { db, folder } = bench()
    const inbox = await folder('INBOX')
    for (const at of [0, 1, 2]) {
      const answers = await Promise.allSettled(
        [0, 1, 2].map((i) =>
          db.transaction(async (tx) => {
            const uids = [...(await add(tx, inbox)), ...(await add(tx, inbox))]
            if (i === at) throw new Error('no')
            return uids
          }),
        ),
      )
      const uids = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
      expect(uids).to.deep.equal([1, 2, 3, 4].map((uid) => 4 * at + uid))
      expect(await used()).to.equal(4 * at + 4)
    }
    await isSound()
  })

  it('nor by a commit that fails', async () => {
    const { db, folder } = bench()
    const inbox = await folder('INBOX')
    expect(await db.transaction((tx) => add(tx, inbox))).to.deep.equal([1])
    const lost = db.transaction(async (tx) => {
      await add(tx, inbox)
      await tx.run('PRAGMA defer_foreign_keys = ON')
      await tx.run("INSERT INTO mailbox (account, name, uid_validity) VALUES (-1, 'x', 1)") // seen at the commit alone
    })
    expect(await lost.catch(({ code }) => code)).to.equal('SQLITE_CONSTRAINT')
    expect(await db.transaction((tx) => add(tx, inbox))).to.deep.equal([2])
    expect((await byId(db, inbox))?.uidNext).to.equal(3)
    expect(await used()).to.equal(2)
    await isSound()
  })

  it('are refused of a mailbox that has gone', async () => {
    const { db, account } = bench()
    const extra = await create(db, account.id, 'Extra')
    if (typeof extra === 'string') throw new Error(extra)
    await db.transaction((tx) => add(tx, extra.id))
    await remove(db, account.id, 'Extra')
    const late = append(db, extra.id, [await draft(bench().home, letter)])
    expect(await late.catch((error) => error instanceof Refusal && error.code)).to.equal('mailbox-missing')
    expect(await used()).to.equal(0)
  })

  it('tell from where on all that left is known', async () => {
    const { db, folder } = bench()
    const inbox = await folder('INBOX')
    const leave = (tx: Tx) =>
      takeNumbers(tx, new Map([[inbox, 0]])).then(async (numbers) => {
        const taken = numbers.get(inbox)
        if (taken) await keepVanished(tx, inbox, taken, [taken.modseq], 2)
        return taken?.vanishedAfter
      })
    const afters: (number | undefined)[] = []
    for (let i = 0; i < 6; i++) afters.push(await db.transaction(leave))
    const rows = await db.read.all('SELECT vanished_after AS "after" FROM mailbox WHERE id = ?', [inbox])
    expect([afters, rows]).to.deep.equal([[0, 0, 0, 0, 3, 3], [{ after: 3 }]])
  })
})
