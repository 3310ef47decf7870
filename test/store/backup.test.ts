import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { freshRatchet } from '../../src/link/ratchet.ts'
import { create } from '../../store/account.ts'
import { backup, refuseOpened, restore, unfinishedBeside } from '../../store/backup.ts'
import { putBodies } from '../../store/blob.ts'
import { cached } from '../../store/cached.ts'
import { openSqlite } from '../../store/engine/sqlite.ts'
import { lockHome } from '../../store/lock.ts'
import { list } from '../../store/mailbox.ts'
import { append, content, view } from '../../store/message.ts'
import { type BodyDraft, draftOf } from '../../store/spool.ts'
import { openStore } from '../../store/store.ts'
import { openTextIndex } from '../../store/text-index.ts'
import { verify } from '../../store/verify.ts'
import { invitations, links, ratchets } from '../../store/web.ts'
import { draft, eachWithStore, letterOf, newHome, rowsOf, smallDisk, takeOut } from './home.ts'

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

  it('the full-text index of a database that was there before does not stay', async () => {
    const { home } = bench()
    await backup(home, join(away, 'copy'))
    await mkdir(join(away, 'home'))
    const old = openTextIndex(join(away, 'home'))
    await old.add([], 1000)
    await old.close()
    await restore(join(away, 'copy'), join(away, 'home'))
    const again = await openStore(join(away, 'home'))
    expect(await again.texts.upTo()).to.equal(0)
    expect((await stat(join(away, 'home', 'search.db'))).mode & 0o777).to.equal(0o600)
    await again.close()
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

  for (const isShort of [false, true])
    it(`the log of a database that was there before${isShort ? ', of its last commits alone,' : ''} does not come into this one`, async () => {
      const { db, home, folder } = bench()
      await backup(home, join(away, 'copy'))
      const inbox = await folder('INBOX')
      for (let i = 0; i < 50; i++) await append(db, inbox, [await draft(home, letterOf(`later ${'x'.repeat(3000)}`))])
      if (isShort) {
        const writer = await openSqlite(join(home, 'vouchsafe.db'), 'write')
        await writer.all('PRAGMA wal_checkpoint(TRUNCATE)')
        await writer.close()
        await append(db, inbox, [await draft(home, letterOf('last'))])
      }
      await cp(home, join(away, 'dead'), { recursive: true }) // as kill -9 leaves it
      await rename(join(away, 'dead', 'vouchsafe.db'), join(away, 'dead', 'vouchsafe.db.broken'))
      await restore(join(away, 'copy'), join(away, 'dead'))
      const again = await openStore(join(away, 'dead'))
      expect(await view(again.db, inbox)).to.have.length(2)
      await again.close()
      expect((await verify(join(away, 'dead'))).problems).to.deep.equal([])
    })

  it('what a backup leaves out is not in its file either', async () => {
    const { db, home } = bench()
    await db.transaction((tx) =>
      ratchets.save(
        tx,
        Array.from({ length: 50 }, (_, i) => freshRatchet(`r${i}`, 'a'.repeat(16), 'a secret of two')),
      ),
    )
    expect(await readFile(join(home, 'vouchsafe.db-wal'), 'latin1')).to.include('a secret of two')
    await backup(home, join(away, 'copy'))
    expect(await readFile(join(away, 'copy', 'vouchsafe.db'), 'latin1')).not.to.include('a secret of two')
  })

  it('a backup that was made read-only comes back as a home that can be written', async () => {
    await backup(bench().home, join(away, 'copy'))
    execFileSync('chmod', ['-R', 'a-w', join(away, 'copy')])
    await restore(join(away, 'copy'), join(away, 'home'))
    execFileSync('chmod', ['-R', 'u+w', join(away, 'copy')])
    expect((await stat(join(away, 'home', 'vouchsafe.db'))).mode & 0o777).to.equal(0o600)
  })

  it('invitations stay behind, links come along', async () => {
    const { db, home } = bench()
    await db.transaction(async (tx) => {
      await links.save(tx, [{ agent: 'r', name: 'R', addresses: [], state: 'active', since: 1, up: false }])
      await invitations.save(tx, [{ hash: 'h', made: 0, expires: 1 }])
    })
    await backup(home, join(away, 'copy'))
    await restore(join(away, 'copy'), join(away, 'home'))
    const again = await openStore(join(away, 'home'))
    expect(await links.all(again.db)).to.have.length(1)
    expect(await invitations.all(again.db)).to.deep.equal([])
    await again.close()
    expect(await invitations.all(db)).to.have.length(1)
  })

  it('a backup taken while mail comes and goes is one moment, and whole', async () => {
    const { db, home, folder } = bench()
    const inbox = await folder('INBOX')
    let isOver = false
    const traffic = async () => {
      while (!isOver) {
        const [added] = await append(db, inbox, [await draft(home, large())])
        await append(db, inbox, [await draft(home, letterOf('x'))])
        await takeOut(db, inbox, [added?.uid ?? 0])
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
    await takeOut(db, await folder('INBOX'), [1, 2])
    await db.close()
    expect(await verify(join(away, 'copy'))).to.deep.include({ problems: [], messages: 2, bodies: 2 })
  })

  it('a backup into the home, by whatever path, is refused before anything is written', async () => {
    const { home } = bench()
    await symlink(home, join(away, 'alias'))
    const before = await readdir(home)
    for (const to of [join(home, 'copy'), join(home, 'blob', 'a', 'copy'), join(away, 'alias', 'copy')])
      expect(await backup(home, to).catch(messageOf), to).to.match(/is inside the home/)
    expect(await readdir(home)).to.deep.equal(before)
    await backup(home, `${home}-beside`)
    await rm(`${home}-beside`, { recursive: true })
  })

  it('a home inside its own backup is refused as well', async () => {
    await backup(bench().home, join(away, 'copy'))
    expect(await restore(join(away, 'copy'), join(away, 'copy', 'home')).catch(messageOf)).to.match(
      /is inside the backup/,
    )
  })

  it('what is no part of a home is not in its backup', async () => {
    const { home } = bench()
    await mkdir(join(home, 'old-backup'))
    await writeFile(join(home, 'core.1234'), 'secrets')
    await mkdir(join(home, 'tls'))
    await writeFile(join(home, 'tls', 'key.pem'), 'ours', { mode: 0o600 })
    await backup(home, join(away, 'copy'))
    const names = ['backup.json', 'blob', 'key', 'tls', 'vouchsafe.db', 'vouchsafe.toml']
    expect((await readdir(join(away, 'copy'))).toSorted()).to.deep.equal(names)
  })

  it('the configuration may be a link to where the administrator keeps it', async () => {
    const { home } = bench()
    await rename(join(home, 'vouchsafe.toml'), join(away, 'vouchsafe.toml'))
    await symlink(join(away, 'vouchsafe.toml'), join(home, 'vouchsafe.toml'))
    await backup(home, join(away, 'copy'))
    expect(await readFile(join(away, 'copy', 'vouchsafe.toml'), 'utf8')).to.equal('domain = "a.test"\n')
  })

  it('accounts made while it is taken have their keys in it', async () => {
    const { db, home } = bench()
    let isOver = false
    const growing = async () => {
      for (let n = 0; !isOver; n++) {
        await writeFile(join(home, 'key', `entity-bo${n}.asc`), 'secret', { mode: 0o600 }) // the key first, as `user add`
        await create(db, { address: `bo${n}@a.test`, name: '', entityId: `bo${n}` })
      }
    }
    const busy = growing()
    for (let i = 0; i < 4; i++) await backup(home, join(away, `copy${i}`))
    isOver = true
    await busy
    expect((await verify(join(away, 'copy3'))).accounts).to.be.greaterThan(1)
  })

  it('nothing that is there is written over', async () => {
    const { home } = bench()
    await backup(home, join(away, 'copy'))
    expect(await backup(home, join(away, 'copy')).catch(messageOf)).to.match(/exists: name a new folder/)
    expect(await restore(join(away, 'copy'), home).catch(messageOf)).to.match(/has a database already/)
    expect(await restore(join(home, 'key'), join(away, 'home')).catch(messageOf)).to.match(/is no backup/)
    await symlink('backup.json', join(home, 'key', 'backup.json')) // as good as one that this user may not read
    expect(await restore(join(home, 'key'), join(away, 'home')).catch(messageOf)).to.match(/^ELOOP/)
  })

  it('of two to one name the first that is ready has it, and nothing of the other is left', async () => {
    const { home } = bench()
    const both = await Promise.all(
      [1, 2].map(() => backup(home, join(away, 'copy')).then(({ messages }) => `${messages} messages`, messageOf)),
    )
    expect(both.filter((told) => told === '2 messages')).to.have.lengthOf(1)
    expect(both.join()).to.match(/another backup made \S+copy meanwhile/)
    expect(await readdir(away)).to.deep.equal(['copy'])
    expect((await verify(join(away, 'copy'))).problems).to.deep.equal([])
  })

  it('a home that is just being restored, or worked on, is not restored besides', async () => {
    const { home } = bench()
    await backup(home, join(away, 'copy'))
    const lock = await lockHome(away)
    const told = await restore(join(away, 'copy'), away).catch(messageOf)
    expect(told).to.match(/ is in use by process \d+/)
    await lock.release()
    expect(await readdir(away)).not.to.include.members(['vouchsafe.toml'])
    const both = await Promise.all(
      [1, 2].map(() => restore(join(away, 'copy'), join(away, 'home')).then(() => 'done', messageOf)),
    )
    expect(both.filter((said) => said === 'done')).to.have.lengthOf(1)
    expect((await verify(join(away, 'home'))).problems).to.deep.equal([])
  })

  it('what one that was killed left is found by the next in the same folder', async () => {
    const { home } = bench()
    await backup(home, join(away, 'monday'))
    await rename(join(away, 'monday'), join(away, 'monday.partial')) // as kill -9 leaves it
    await mkdir(join(away, 'film.partial')) // somebody else's
    await backup(home, join(away, 'tuesday'))
    expect(await unfinishedBeside(join(away, 'tuesday'))).to.deep.equal([join(away, 'monday.partial')])
  })

  it('where its own disk is full, it says so, and leaves nothing', async function () {
    const { db, home, folder } = bench()
    const inbox = await folder('INBOX')
    for (let i = 0; i < 50; i++) await append(db, inbox, [await draft(home, letterOf('x'.repeat(30_000)))])
    if (!smallDisk(away)) return this.skip()
    const told = await backup(home, join(away, 'copy')).catch((error: Error) => error.message)
    const left = await readdir(away)
    execFileSync('umount', ['-l', away])
    expect(told).to.equal(`the disk of ${away} is full: make room there, or name a folder elsewhere`)
    expect(left).to.deep.equal([])
  })

  it('a home on a disk that can only be read is verified, and backed up', async function () {
    const { home } = bench()
    await backup(home, join(away, 'copy'))
    const disk = join(away, 'disk')
    await mkdir(disk)
    if (!smallDisk(disk)) return this.skip()
    try {
      await restore(join(away, 'copy'), join(disk, 'home'))
      await (await openStore(join(disk, 'home'))).close() // stopped in good order: no log is left beside it
      execFileSync('mount', ['-o', 'remount,ro', disk])
      expect(await verify(join(disk, 'home'))).to.deep.include({ problems: [], messages: 2 })
      expect(await backup(join(disk, 'home'), join(away, 'other'))).to.include({ messages: 2 })
      execFileSync('mount', ['-o', 'remount,rw', disk])
      await writeFile(join(disk, 'home', 'vouchsafe.db-wal'), 'what it does not hold yet')
      execFileSync('mount', ['-o', 'remount,ro', disk])
      expect(await verify(join(disk, 'home')).catch(messageOf), 'not half of it').to.match(/^SQLITE_CANTOPEN/)
    } finally {
      execFileSync('umount', ['-l', disk])
    }
  })

  it('a key that others can read is named where it lies', async () => {
    const { home } = bench()
    await chmod(join(home, 'key', 'agent.pem'), 0o644)
    const told = await backup(home, join(away, 'copy')).catch(messageOf)
    expect(told).to.match(new RegExp(`can be read by others: chmod 600 ${home}/key/agent\\.pem$`))
  })

  it('a copy on a disk that keeps no permissions is restored from another', async () => {
    const { home } = bench()
    const copy = join(away, 'copy')
    await backup(home, copy)
    execFileSync('chmod', ['-R', 'a+rwx', copy]) // as it lies on FAT
    expect(await restore(copy, join(away, 'home')).catch(messageOf)).to.equal(
      `the keys in ${copy} can be read by others: chmod -R go= ${copy}. ` +
        'If its disk keeps no permissions (FAT, some shares), copy it to one that does, and restore from there',
    )
    execFileSync('chmod', ['-R', 'go=', copy])
    await restore(copy, join(away, 'home'))
    expect((await verify(join(away, 'home'))).problems).to.deep.equal([])
  })

  it('where no home is, or its database is lost, that is said', async () => {
    await writeFile(join(away, 'vouchsafe.db'), '')
    for (const home of [join(away, 'none'), away]) {
      const told = `${home}/vouchsafe.db is missing or empty: name a home by --home, or, if this one was lost, put a`
      for (const doing of [() => verify(home), () => backup(home, `${bench().home}.copy`)])
        expect(await doing().catch(messageOf)).to.include(told)
    }
  })

  it('where a restore was cut short the configuration lies already, so that nobody is told to make a home there', async () => {
    const { home } = bench()
    await backup(home, join(away, 'copy'))
    await mkdir(join(away, 'home', 'key', 'agent.pem'), { recursive: true }) // it stops here
    expect(await restore(join(away, 'copy'), join(away, 'home')).catch(messageOf)).to.match(/^EISDIR/)
    expect(await readdir(join(away, 'home'))).to.include('vouchsafe.toml')
  })

  it('a disk that keeps no permissions is named, and not the keys that would lie open there', async () => {
    const { home } = bench()
    const there = join(away, 'there')
    await cp(join(home, 'key'), join(there, 'key'), { recursive: true })
    await refuseOpened(home, there)
    await chmod(join(there, 'key', 'agent.pem'), 0o755) // as on a disk of FAT, or on a share
    expect(await refuseOpened(home, there).catch(messageOf)).to.equal(
      `the disk of ${away} keeps no permissions, so the keys would lie open to others there: ` +
        'name a folder on another, or mount it for its owner alone',
    )
    await chmod(join(home, 'key', 'agent.pem'), 0o644) // here it was open before: verify names it
    await refuseOpened(home, there)
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
    expect(await readdir(away), 'nothing half done is left').to.have.members(['copy'])
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
    [
      'an account without its key',
      () => rm(join(bench().home, 'key', 'entity-entity-ann.asc')),
      /^the key of ann@a\.test is missing: key\/entity-entity-ann\.asc$/,
    ],
    [
      'a gateway without its key',
      () => rm(join(bench().home, 'key', 'agent.pem')),
      /^the key of the gateway is missing/,
    ],
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

  it('while bodies are hashed it holds no snapshot: the log of the database can be emptied', async () => {
    const { db, home, folder } = bench()
    await append(db, await folder('INBOX'), [await draft(home, letterOf('small'))])
    let busy = 'nobody asked'
    await verify(home, () => {
      // In a process of its own, for this call does not return before it is done.
      busy = execFileSync(process.execPath, ['-e', writeAndCheckpoint, join(home, 'vouchsafe.db')], {
        encoding: 'utf8',
      })
    })
    expect(busy).to.equal('0')
  })

  const writeAndCheckpoint = `
    const { Database } = require('sqlite3')
    const db = new Database(process.argv[1])
    db.exec('UPDATE message SET flags = 1', (error) => {
      if (error) throw error
      db.get('PRAGMA wal_checkpoint(TRUNCATE)', (_, { busy }) => process.stdout.write(String(busy)))
    })`

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
