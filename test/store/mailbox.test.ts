import { expect } from 'chai'
import {
  create as createAccount,
  list as listAccounts,
  remove as removeAccount,
  removeMost,
} from '../../store/account.ts'
import {
  canonicalName,
  create,
  find,
  list,
  type Mailbox,
  type MailboxNo,
  remove,
  rename,
  statuses,
  subscribe,
  takeRecent,
} from '../../store/mailbox.ts'
import { append, view } from '../../store/message.ts'
import { quotaOf } from '../../store/quota.ts'
import { verify } from '../../store/verify.ts'
import { contacts, repute, warnings } from '../../store/web.ts'
import { growsEvenly } from '../fixture/growth.ts'
import { draft, eachWithStore, letterOf, rowsOf } from './home.ts'

const made = (answer: Mailbox | MailboxNo): Mailbox => {
  if (typeof answer === 'string') throw new Error(answer)
  return answer
}

describe('store: mailbox names', () => {
  const cases: [what: string, name: string, canonical: string | undefined][] = [
    ['INBOX has one spelling', 'inBox', 'INBOX'],
    ['above its children, too', 'inbox/Lists', 'INBOX/Lists'],
    ['but only at the top', 'a/inbox', 'a/inbox'],
    ['other names keep their case', 'Sent', 'Sent'],
    ['a separator at the end only announces children', 'a/b/', 'a/b'],
    ['composed and decomposed are one', 'Entwu\u0308rfe', 'Entwürfe'],
    ['any script', '受信箱/😀', '受信箱/😀'],
    ['no empty name', '', undefined],
    ['no empty level', 'a//b', undefined],
    ['no separator at the start', '/a', undefined],
    ['no control', 'a\tb', undefined],
    ['no line separator', 'a\u2028b', undefined],
    ['no lone surrogate', 'a\ud800', undefined],
    ['no wildcard of LIST', 'a*', undefined],
    ['nor the other', '50%', undefined],
    ['not too long', 'ä'.repeat(128), undefined],
    ['not too deep', Array(33).fill('a').join('/'), undefined],
  ]
  for (const [what, name, canonical] of cases) it(what, () => expect(canonicalName(name)).to.equal(canonical))
  it('as many accents as a command has room for take time by their number', () =>
    growsEvenly(32_000, (count) => expect(canonicalName(`a${'\u0301\u0316'.repeat(count)}`)).to.equal(undefined)))
})

describe('store: mailboxes', () => {
  const bench = eachWithStore()
  const names = async () => (await list(bench().db, bench().account.id)).map(({ name }) => name)

  it('a new account has its folders, with their uses', async () => {
    const all = await list(bench().db, bench().account.id)
    expect(all.map(({ name, specialUse, readOnly }) => [name, specialUse, readOnly])).to.deep.equal([
      ['Archive', '\\Archive', false],
      ['Drafts', '\\Drafts', false],
      ['INBOX', null, false],
      ['Junk', '\\Junk', false],
      ['Outgoing', null, true],
      ['Requests', null, false],
      ['Sent', '\\Sent', false],
      ['Trash', '\\Trash', false],
    ])
    expect(
      all.every(({ subscribed, uidNext, highestModseq }) => subscribed && uidNext === 1 && highestModseq === 1),
    ).to.equal(true)
    expect(new Set(all.map(({ uidValidity }) => uidValidity)).size).to.equal(all.length)
  })

  it('creating makes the parents that are missing, and tells of each', async () => {
    const { db, account, changes } = bench()
    changes.length = 0
    const mailbox = made(await create(db, account.id, 'Work/2026/März'))
    expect(mailbox.name).to.equal('Work/2026/März')
    expect(changes.map((change) => change.on === 'mailbox' && [change.what, change.name])).to.deep.equal([
      ['created', 'Work'],
      ['created', 'Work/2026'],
      ['created', 'Work/2026/März'],
    ])
  })

  const refused: [what: string, work: () => Promise<unknown>, why: MailboxNo][] = [
    ['what exists can’t be created', () => create(bench().db, bench().account.id, 'inbox'), 'exists'],
    ['nor what is no name', () => create(bench().db, bench().account.id, 'a//b'), 'malformed'],
    ['what is missing can’t be removed', () => remove(bench().db, bench().account.id, 'Nope'), 'missing'],
    ['nor a folder every account has', () => remove(bench().db, bench().account.id, 'Junk'), 'special'],
    ['nor INBOX', () => remove(bench().db, bench().account.id, 'inbox'), 'special'],
    ['what is missing can’t be renamed', () => rename(bench().db, bench().account.id, 'Nope', 'x'), 'missing'],
    ['nor a folder every account has', () => rename(bench().db, bench().account.id, 'Sent', 'x'), 'special'],
    ['nor anything to a name that is taken', () => rename(bench().db, bench().account.id, 'INBOX', 'Sent'), 'exists'],
    ['what is missing can’t be subscribed', () => subscribe(bench().db, bench().account.id, 'Nope', true), 'missing'],
  ]
  for (const [what, work, why] of refused) it(what, async () => expect(await work()).to.equal(why))

  it('a folder with children stays, for its children need a parent', async () => {
    const { db, account } = bench()
    await create(db, account.id, 'a/b')
    expect(await remove(db, account.id, 'a')).to.equal('children')
    expect(await remove(db, account.id, 'a/b')).to.equal('ok')
    expect(await remove(db, account.id, 'a')).to.equal('ok')
  })

  it('renaming takes the children along, and not the neighbours', async () => {
    const { db, account } = bench()
    for (const name of ['a/b/c', 'ab', 'a_/x', 'aXb']) await create(db, account.id, name)
    const before = made((await find(db, account.id, 'a/b')) ?? 'missing')
    expect(await rename(db, account.id, 'a', 'new/home')).to.equal('ok')
    expect((await names()).filter((name) => /^(a|new)/.test(name))).to.deep.equal([
      'aXb',
      'a_',
      'a_/x',
      'ab',
      'new',
      'new/home',
      'new/home/b',
      'new/home/b/c',
    ])
    expect(await find(db, account.id, 'new/home/b')).to.deep.equal({ ...before, name: 'new/home/b' })
    expect(await rename(db, account.id, 'new', 'new/home/under')).to.equal('inside')
  })

  it('renaming is refused where a child would get a name that nobody can say', async () => {
    const { db, account } = bench()
    for (const name of [`a/${'x'.repeat(250)}`, `d/${'b/'.repeat(30)}b`]) await create(db, account.id, name)
    const before = await names()
    expect(await rename(db, account.id, 'a', 'y'.repeat(100))).to.equal('malformed')
    expect(await rename(db, account.id, 'd', 'e/e')).to.equal('malformed')
    expect(await names()).to.deep.equal(before)
  })

  it('renaming INBOX moves its messages and leaves it there, empty', async () => {
    const { db, account, home, folder, changes } = bench()
    const inbox = await folder('INBOX')
    await create(db, account.id, 'INBOX/child')
    await append(db, inbox, [await draft(home, letterOf('one')), await draft(home, letterOf('two'))])
    changes.length = 0
    expect(await rename(db, account.id, 'INBOX', 'old/mail')).to.equal('ok')
    expect(await view(db, inbox)).to.deep.equal([])
    expect((await view(db, await folder('old/mail'))).map(({ uid }) => uid)).to.deep.equal([1, 2])
    expect(changes.map(({ on }) => on)).to.deep.equal(['mailbox', 'mailbox', 'added', 'expunged'])
    expect(await names()).to.include('INBOX/child')
    expect((await find(db, account.id, 'INBOX'))?.uidNext).to.equal(3)
  })

  it('also to a name below it', async () => {
    const { db, account, home, folder } = bench()
    await append(db, await folder('INBOX'), [await draft(home, letterOf('one'))])
    expect(await rename(db, account.id, 'INBOX', 'inbox/2026/old')).to.equal('ok')
    expect(await view(db, await folder('INBOX'))).to.deep.equal([])
    expect(await view(db, await folder('INBOX/2026/old'))).to.have.length(1)
  })

  it('a folder made again under the same name has another, higher UIDVALIDITY', async () => {
    const { db, account } = bench()
    const seen = new Set<number>()
    let last = 0
    for (let i = 0; i < 5; i++) {
      const { uidValidity } = made(await create(db, account.id, 'again'))
      expect(uidValidity).to.be.greaterThan(last)
      last = uidValidity
      seen.add(uidValidity)
      await remove(db, account.id, 'again')
    }
    expect(seen.size).to.equal(5)
  })

  it('status counts what there is', async () => {
    const { db, home, folder } = bench()
    const inbox = await folder('INBOX')
    const letters = [letterOf('one'), letterOf('two'), letterOf('three')]
    await append(db, inbox, [
      await draft(home, letters[0] ?? Buffer.of(), { flags: 1 }),
      await draft(home, letters[1] ?? Buffer.of()),
    ])
    const { uidValidity } = made((await find(db, bench().account.id, 'INBOX')) ?? 'missing')
    expect((await statuses(db, [inbox]))[0]).to.deep.include({
      messages: 2,
      unseen: 1,
      recent: 2,
      uidNext: 3,
      uidValidity,
      highestModseq: 2,
    })
    expect((await statuses(db, [inbox]))[0]?.size).to.equal((letters[0]?.length ?? 0) + (letters[1]?.length ?? 0))
    expect((await statuses(db, [await folder('Sent')]))[0]).to.deep.include({
      messages: 0,
      unseen: 0,
      recent: 0,
      size: 0,
      uidNext: 1,
    })
    expect(await statuses(db, [4711])).to.deep.equal([])
  })

  it('a message is recent for one session alone', async () => {
    const { db, home, folder } = bench()
    const inbox = await folder('INBOX')
    await append(db, inbox, [await draft(home, letterOf('one'))])
    expect(await takeRecent(db, inbox)).to.equal(1)
    expect(await takeRecent(db, inbox)).to.equal(2)
    await append(db, inbox, [await draft(home, letterOf('two'))])
    expect(await takeRecent(db, inbox)).to.equal(2)
    expect((await statuses(db, [inbox]))[0]?.recent).to.equal(0)
  })

  it('an account goes with everything it had, and nobody else’s', async () => {
    const { db, home, account, folder } = bench()
    const other = await createAccount(db, { address: 'bob@a.test', name: 'Bob', entityId: 'entity-bob' })
    if (other === 'exists') throw new Error('exists')
    const shared = await draft(home, letterOf('to both'))
    const theirs = await find(db, other.id, 'INBOX')
    await db.transaction(async (tx) => {
      await append(tx, await folder('INBOX'), [shared, await draft(home, letterOf('to Ann'))])
      await append(tx, theirs?.id ?? 0, [shared])
    })
    const contact = { other: 'zoe', trust: 'explicit', address: 'zoe@b.test', at: 1 } as const
    const both = [account, other].map(({ entityId: entity }) => ({ entity }))
    await db.transaction(async (tx) => {
      const rows = both.map((one) => ({ ...one, ...contact, at: 1, reproaches: [], isStopped: false }))
      for (const table of [contacts, repute, warnings]) await table.save(tx, rows)
    })
    expect(await removeAccount(db, account.id)).to.equal(true)
    for (const table of [contacts, repute, warnings])
      expect((await table.all(db)).map(({ entity }) => entity)).to.deep.equal([other.entityId])
    expect(await removeAccount(db, account.id)).to.equal(false)
    expect(await listAccounts(db)).to.deep.equal([other])
    expect(await view(db, theirs?.id ?? 0)).to.have.length(1)
    expect(await rowsOf(db, 'message')).to.have.length(1)
    expect(await rowsOf(db, 'body')).to.have.length(1)
    expect(await rowsOf(db, 'parsed')).to.have.length(1)
  })

  it('of very many messages most go before their mailbox does, in pieces between which others write', async () => {
    const { db, home, account, folder, changes } = bench()
    const inbox = await folder('INBOX')
    const full = made(await create(db, account.id, 'full'))
    const one = await draft(home, letterOf('one'))
    await append(db, full.id, Array(12_000).fill(one))
    changes.length = 0
    const other = new Promise((resolve) => db.changes.once('change', () => resolve(append(db, inbox, [one]))))
    expect(await remove(db, account.id, 'full')).to.equal('ok')
    await other
    const heard = changes.map((change) => (change.on === 'expunged' ? change.uids.length : change.on))
    expect(heard).to.deep.equal([5000, 'added', 2000, 'mailbox'])
    expect(await find(db, account.id, 'full')).to.equal(undefined)
    expect((await quotaOf(db, account.id, 0)).used).to.equal(letterOf('one').length)
    expect(await rowsOf(db, 'message')).to.have.length(1)
    expect((await verify(home)).problems).to.deep.equal([])
  })

  it('a mailbox that can’t be removed keeps all of very many', async () => {
    const { db, home, account } = bench()
    const full = made(await create(db, account.id, 'full'))
    await create(db, account.id, 'full/below')
    await append(db, full.id, Array(5001).fill(await draft(home, letterOf('one'))))
    expect(await remove(db, account.id, 'full')).to.equal('children')
    expect(await rowsOf(db, 'message')).to.have.length(5001)
  })

  it('of very many messages most go before their account does', async () => {
    const { db, home, account, folder, changes } = bench()
    const [inbox, outgoing] = [await folder('INBOX'), await folder('Outgoing')]
    const one = await draft(home, letterOf('one'))
    await append(db, inbox, Array(4000).fill(one))
    const sent = await append(db, outgoing, Array(3000).fill(one))
    const rows = sent.map(({ id }, i) => [`s${i}`, id])
    await db.transaction((tx) => tx.insertMany('outgoing', ['submission', 'message'], rows))
    changes.length = 0
    await removeMost(db, account.id)
    const gone = changes.flatMap((change) => (change.on === 'expunged' ? [[change.mailbox, change.uids.length]] : []))
    expect(gone).to.deep.equal([[outgoing, 2000]])
    expect(await rowsOf(db, 'outgoing')).to.have.length(1000)
    expect(await removeAccount(db, account.id)).to.equal(true)
    for (const table of ['message', 'outgoing', 'body']) expect(await rowsOf(db, table), table).to.have.length(0)
  })

  it('one address or entity, one account', async () => {
    const { db } = bench()
    expect(await createAccount(db, { address: 'ann@a.test', name: 'x', entityId: 'new' })).to.equal('exists')
    expect(await createAccount(db, { address: 'new@a.test', name: 'x', entityId: 'entity-ann' })).to.equal('exists')
  })
})
