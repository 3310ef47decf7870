import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { backup, restore } from '../../store/backup.ts'
import { type BodyDraft, draftOf, putBodies } from '../../store/blob.ts'
import { list } from '../../store/mailbox.ts'
import { append, cached, content, view } from '../../store/message.ts'
import { expunge } from '../../store/move.ts'
import { openStore } from '../../store/store.ts'
import { verify } from '../../store/verify.ts'
import { invitations, linkStates, links } from '../../store/web.ts'
import { draft, eachWithStore, letterOf, newHome, rowsOf } from './home.ts'

const large = () => letterOf(randomBytes(80_000).toString('base64'))
const messageOf = (error: Error) => error.message

describe('store: backup and restore', () => {
  const bench = eachWithStore()
  let away = ''
  beforeEach(async () => {
    away = await newHome()
    const { db, home, folder } = bench()
    const inbox = await folder('INBOX')
    await append(db, inbox, [await draft(home, letterOf('small')), await draft(home, large())])
    await mkdir(join(home, 'key'), { mode: 0o700 })
    await writeFile(join(home, 'key', 'agent.pem'), 'secret', { mode: 0o600 })
    await writeFile(join(home, 'vouchsafe.toml'), 'domain = "a.test"\n', { mode: 0o640 })
  })
  afterEach(() => rm(away, { recursive: true, force: true }))

  it('what comes back is what there was, with keys and configuration', async () => {
    const { db, home, folder } = bench()
    const inbox = await folder('INBOX')
    const manifest = await backup(home, join(away, 'copy'))
    expect(manifest).to.deep.include({ v: 1, messages: 2, bodies: 2 })
    expect(await restore(join(away, 'copy'), join(away, 'home'))).to.deep.equal(manifest)

    const again = await openStore(join(away, 'home'))
    expect(again.swept).to.deep.equal([])
    const [before, after] = [await view(db, inbox), await view(again.db, inbox)]
    expect(after).to.deep.equal(before)
    for (const { id } of before) expect(await content(again.db, id)).to.deep.equal(await content(db, id))
    const ids = before.map(({ id }) => id)
    expect(await cached(again.db, ids, ['root', 'subject'])).to.deep.equal(await cached(db, ids, ['root', 'subject']))
    await again.close()
    expect(await readFile(join(away, 'home', 'key', 'agent.pem'), 'utf8')).to.equal('secret')
    expect((await stat(join(away, 'home', 'key', 'agent.pem'))).mode & 0o777).to.equal(0o600)
    expect((await stat(join(away, 'home', 'vouchsafe.db'))).mode & 0o777).to.equal(0o600)
    expect((await verify(join(away, 'home'))).problems).to.deep.equal([])
  })

  it('every folder comes back with a new UIDVALIDITY, for its uids may be given out anew', async () => {
    const { db, home, account } = bench()
    await backup(home, join(away, 'copy'))
    await restore(join(away, 'copy'), join(away, 'home'))
    const again = await openStore(join(away, 'home'))
    const before = await list(db, account.id)
    const after = await list(again.db, account.id)
    await again.close()
    const highest = Math.max(...before.map(({ uidValidity }) => uidValidity))
    for (const { uidValidity } of after) expect(uidValidity).to.be.greaterThan(highest)
    expect(new Set(after.map(({ uidValidity }) => uidValidity)).size).to.equal(after.length)
  })

  it('the state of links and invitations stay behind, the links themselves come along', async () => {
    const { db, home } = bench()
    await db.transaction(async (tx) => {
      await links.save(tx, [{ agent: 'r', name: 'R', addresses: [], state: 'active', since: 1, up: false }])
      await linkStates.save(tx, [{ agent: 'r', n: 7 }])
      await invitations.save(tx, [{ hash: 'h', expires: 1 }])
    })
    await backup(home, join(away, 'copy'))
    await restore(join(away, 'copy'), join(away, 'home'))
    const again = await openStore(join(away, 'home'))
    expect(await links.all(again.db)).to.have.length(1)
    expect(await linkStates.all(again.db)).to.deep.equal([])
    expect(await invitations.all(again.db)).to.deep.equal([])
    await again.close()
    expect(await linkStates.all(db)).to.deep.equal([{ agent: 'r', n: 7 }])
  })

  it('a backup taken while mail comes and goes is one moment, and whole', async () => {
    const { db, home, folder } = bench()
    const inbox = await folder('INBOX')
    let isOver = false
    const traffic = async () => {
      while (!isOver) {
        const [added] = await append(db, inbox, [await draft(home, large())])
        await append(db, inbox, [await draft(home, letterOf('x'))])
        await expunge(db, inbox, [added?.uid ?? 0])
      }
    }
    const busy = [traffic(), traffic(), traffic()]
    for (let i = 0; i < 3; i++) {
      await backup(home, join(away, `copy${i}`))
      expect((await verify(join(away, `copy${i}`))).problems).to.deep.equal([])
    }
    isOver = true
    await Promise.all(busy)
    expect(await readdir(away)).to.have.members(['copy0', 'copy1', 'copy2'])
  })

  it('the backup does not change when the home does', async () => {
    const { db, home, folder } = bench()
    await backup(home, join(away, 'copy'))
    await expunge(db, await folder('INBOX'), [1, 2])
    await db.close()
    expect(await verify(join(away, 'copy'))).to.deep.include({ problems: [], messages: 2, bodies: 2 })
  })

  it('nothing that is there is written over', async () => {
    const { home } = bench()
    await backup(home, join(away, 'copy'))
    expect(await backup(home, join(away, 'copy')).catch(messageOf)).to.match(/exists: name a new folder/)
    expect(await restore(join(away, 'copy'), home).catch(messageOf)).to.match(/has a database already/)
    expect(await restore(join(home, 'key'), join(away, 'home')).catch(messageOf)).to.match(/is no backup/)
  })

  it('what is not whole is neither taken nor brought back', async () => {
    const { home } = bench()
    await backup(home, join(away, 'copy'))
    const [file = ''] = (await readdir(join(away, 'copy', 'blob'), { recursive: true })).filter((name) =>
      name.includes('/'),
    )
    await rm(join(away, 'copy', 'blob', file))
    expect(await restore(join(away, 'copy'), join(away, 'home')).catch(messageOf)).to.match(
      /this backup is not whole: body 2 can't be read/,
    )
    await rm(join(home, 'blob', file))
    expect(await backup(home, join(away, 'other')).catch(messageOf)).to.match(/faster|not whole/)
  })
})

describe('store: verify', () => {
  const bench = eachWithStore()
  const put = (draft: BodyDraft) => bench().db.transaction((tx) => putBodies(tx, [draft]))
  const change = (sql: string) => bench().db.transaction((tx) => tx.run(sql))
  const problems = async () => (await verify(bench().home)).problems

  it('a sound home has no problems, and its progress is told', async () => {
    const { db, home, folder } = bench()
    const letters = [letterOf('a'), large()]
    await append(db, await folder('INBOX'), await Promise.all(letters.map((each) => draft(home, each))))
    const told: [number, number][] = []
    const verdict = await verify(home, (done, of) => told.push([done, of]))
    const bytes = letters.reduce((sum, each) => sum + each.length, 0)
    expect(verdict).to.deep.equal({ problems: [], accounts: 1, messages: 2, bodies: 2, bytes })
    expect(told).to.deep.equal([[2, 2]])
  })

  const damages: [what: string, damage: () => Promise<unknown>, told: RegExp][] = [
    [
      'bytes that changed',
      () => change("UPDATE body SET bytes = CAST(replace(CAST(bytes AS TEXT), 'small', 'SMALL') AS BLOB) WHERE id = 1"),
      /^body 1 is not the one that was stored/,
    ],
    [
      'bytes cut off',
      () => change('UPDATE body SET bytes = substr(bytes, 1, 5) WHERE id = 1'),
      /^body 1 has 5 bytes for /,
    ],
    [
      'a body without holder',
      async () => put(await draftOf(bench().home, Buffer.from('x'))),
      /^body 3 counts 1 holders and has 0$/,
    ],
    ['a message without body', () => change('DELETE FROM body WHERE id = 1'), /^body 1 is held and gone$/],
    [
      'a structure that is gone',
      () => change('DELETE FROM parsed WHERE body = 1'),
      /^message 1 has no remembered structure$/,
    ],
    [
      'a uid that was never given out',
      () => change('UPDATE message SET uid = 99 WHERE id = 1'),
      /^folder INBOX \(\d+\) has a message with a uid/,
    ],
    ['a file that is gone', async () => rm(await file()), /^body 2 can't be read: ENOENT/],
    ['a file cut off', async () => truncate(await file(), 10), /^body 2 \(blob\/.*\) has 10 bytes for /],
    [
      'a file that changed',
      async () => writeFile(await file(), Buffer.alloc((await stat(await file())).size)),
      /^body 2 \(blob\/.*\) is not the one/,
    ],
    ['a key others can read', () => key('agent.pem', 'x', 0o644), /^key\/agent\.pem can be read by others: chmod 600 /],
    ['an empty key', () => key('agent.pem', '', 0o600), /^key\/agent\.pem is empty/],
  ]
  for (const [what, damage, told] of damages) {
    it(`tells ${what}`, async () => {
      const { db, home, folder } = bench()
      await append(db, await folder('INBOX'), [await draft(home, letterOf('small')), await draft(home, large())])
      await damage()
      const found = await problems()
      expect(found).to.have.length(1)
      expect(found[0]).to.match(told)
    })
  }

  const file = async () => {
    const [row] = await rowsOf(bench().db, 'body WHERE file IS NOT NULL')
    return join(bench().home, 'blob', String(row?.file))
  }
  const key = async (name: string, text: string, mode: number) => {
    await mkdir(join(bench().home, 'key'), { recursive: true })
    await writeFile(join(bench().home, 'key', name), text)
    await chmod(join(bench().home, 'key', name), mode)
  }
})
