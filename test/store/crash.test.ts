import { spawn } from 'node:child_process'
import { chmod, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { byAddress, create } from '../../store/account.ts'
import { cached } from '../../store/cached.ts'
import { append, view } from '../../store/message.ts'
import { openStore } from '../../store/store.ts'
import { verify } from '../../store/verify.ts'
import { draft, eachWithStore, folderOf, letterOf, newHome, putKeys, rowsOf } from './home.ts'

const appender = fileURLToPath(new URL('./appender.ts', import.meta.url))
const mover = fileURLToPath(new URL('./mover.ts', import.meta.url))

/** Starts a program; its lines come in until it ends. */
const start = (program: string, ...args: string[]) => {
  const child = spawn(process.execPath, ['--import', 'tsx', program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const opened = new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve())
    child.once('close', () => reject(new Error(err)))
  })
  // The last line may be cut by the kill: what counts is what was said whole.
  const lines = () => out.slice(0, out.lastIndexOf('\n')).split('\n').slice(1)
  return { child, opened, ended, lines }
}

describe('store: crashes', function () {
  this.timeout(60_000)

  it('whatever was acknowledged survives kill -9, at its uid, and the home is whole', async () => {
    const home = await newHome()
    await putKeys(home, 'e')
    const promised = new Map<string, number>()
    try {
      for (let run = 0; run < 6; run++) {
        const { child, opened, ended, lines } = start(appender, home, `${run}`)
        await opened
        while (lines().length < 20 * (run + 1)) await wait(5)
        await wait(Math.random() * 50)
        child.kill('SIGKILL')
        await ended
        for (const line of lines()) {
          const [uid, subject = ''] = line.split(' ')
          if (subject) promised.set(subject, Number(uid))
        }
        expect((await verify(home)).problems, `after run ${run}`).to.deep.equal([])
      }
      const { db, close } = await openStore(home)
      const account = await byAddress(db, 'ann@a.test')
      const rows = await view(db, await folderOf(db, account?.id ?? 0, 'INBOX'))
      const subjects = await cached(
        db,
        rows.map(({ id }) => id),
        ['subject'],
      )
      const kept = new Map(subjects.map(({ subject }, i) => [subject, rows[i]?.uid]))
      expect(promised.size).to.be.greaterThan(100)
      for (const [subject, uid] of promised) expect(kept.get(subject), subject).to.equal(uid)
      expect(kept.size, 'no message twice').to.equal(rows.length)
      await close()
      expect((await verify(home)).problems).to.deep.equal([])
    } finally {
      await rm(home, { recursive: true, force: true })
    }
  })

  it('of very many that are moved each is in one of the two mailboxes after kill -9', async () => {
    const home = await newHome()
    await putKeys(home, 'e')
    const count = 12_000
    try {
      const store = await openStore(home)
      const account = await create(store.db, { address: 'ann@a.test', name: 'Ann', entityId: 'e' })
      if (account === 'exists') throw new Error('exists')
      const folders = [
        await folderOf(store.db, account.id, 'INBOX'),
        await folderOf(store.db, account.id, 'Archive'),
      ] as const
      const one = await draft(home, letterOf('one'))
      const ids = (await append(store.db, folders[0], Array(count).fill(one))).map(({ id }) => id)
      await store.close()
      for (let run = 0; run < 4; run++) {
        const { child, opened, ended, lines } = start(mover, home)
        await opened
        while (lines().length < 2) await wait(5)
        await wait(Math.random() * 300)
        child.kill('SIGKILL')
        await ended
        expect((await verify(home)).problems, `after run ${run}`).to.deep.equal([])
        const { db, close } = await openStore(home)
        const kept = (await Promise.all(folders.map((folder) => view(db, folder)))).flat()
        expect(kept.map(({ id }) => id).sort((a, b) => a - b)).to.deep.equal(ids)
        await close()
      }
    } finally {
      await rm(home, { recursive: true, force: true })
    }
  })

  it('a second process is refused, and told which one has the home', async () => {
    const home = await newHome()
    const { child, opened, ended } = start(appender, home, 'x')
    try {
      await opened
      const refusal = await openStore(home).catch((error: Error) => error.message)
      expect(refusal).to.match(new RegExp(`is in use by process ${child.pid}, since 20`))
    } finally {
      child.kill('SIGKILL')
      await ended
    }
    // The kernel freed it, whatever the file says.
    const { close } = await openStore(home)
    expect(await openStore(home).catch((error: Error) => error.message)).to.match(
      new RegExp(`in use by process ${process.pid}`),
    )
    await close()
    await (await openStore(home)).close()
    await rm(home, { recursive: true })
  })
})

describe('store: the lock of a home', () => {
  it('is for its owner alone, also where an older one was not', async () => {
    const home = await newHome()
    const lock = join(home, 'lock.db')
    const modeWhenOpened = async () => {
      await (await openStore(home)).close()
      return (await stat(lock)).mode & 0o777
    }
    expect(await modeWhenOpened()).to.equal(0o600)
    await chmod(lock, 0o644)
    expect(await modeWhenOpened()).to.equal(0o600)
    await rm(home, { recursive: true })
  })
})

describe('store: a full disk', () => {
  const bench = eachWithStore()

  it('refuses by name, loses nothing that was promised, and goes on once there is room', async () => {
    const { db, home, folder } = bench()
    const inbox = await folder('INBOX')
    const limit = (pages: number) => db.transaction((tx) => tx.all(`PRAGMA max_page_count = ${pages}`))
    const [{ page_count: pages } = { page_count: 0 }] = await db.read.all<{ page_count: number }>('PRAGMA page_count')
    await limit(pages + 40)
    const letter = await draft(home, letterOf('x'.repeat(5000)))
    const answers = await Promise.allSettled(
      Array.from({ length: 60 }, () => append(db, inbox, [{ ...letter, body: { ...letter.body } }])),
    )
    const promised = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    const refused = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason.code] : []))
    expect(promised.length).to.be.greaterThan(0)
    expect(new Set(refused)).to.deep.equal(new Set(['disk-full']))
    expect((await view(db, inbox)).map(({ id, uid }) => ({ id, uid }))).to.deep.equal(promised)

    await limit(1_000_000)
    await append(db, inbox, [letter])
    expect(await view(db, inbox)).to.have.length(promised.length + 1)
    expect((await verify(home)).problems).to.deep.equal([])
  })

  it('one job that does not fit does not take the others of its commit along', async () => {
    const { db } = bench()
    const [{ page_count: pages } = { page_count: 0 }] = await db.read.all<{ page_count: number }>('PRAGMA page_count')
    await db.transaction((tx) => tx.all(`PRAGMA max_page_count = ${pages + 5}`))
    const put = (id: string, size: number) =>
      db.transaction((tx) => tx.run('INSERT INTO link (id, data) VALUES (?, ?)', [id, 'x'.repeat(size)]))
    const answers = await Promise.allSettled([put('small', 10), put('large', 1_000_000), put('after', 10)])
    const kept = (await rowsOf(db, 'link')).map(({ id }) => id)
    // SQLite may give up the whole transaction for lack of room: then nobody was promised anything.
    const promised = ['small', 'large', 'after'].filter((_, i) => answers[i]?.status === 'fulfilled')
    expect([...kept].sort()).to.deep.equal([...promised].sort())
    expect(answers[1]?.status).to.equal('rejected')
  })
})

describe('store: opening', () => {
  it('a home is for its owner alone', async () => {
    const home = join(await newHome(), 'inner')
    const { db, close } = await openStore(home)
    await create(db, { address: 'a@a.test', name: '', entityId: 'e' })
    for (const name of await readdir(home)) {
      if (name.startsWith('vouchsafe.db')) expect((await stat(join(home, name))).mode & 0o077, name).to.equal(0)
    }
    expect((await stat(home)).mode & 0o077).to.equal(0)
    await close()
    await rm(home, { recursive: true })
  })
})
