import { execFileSync } from 'node:child_process'
import { mkdir, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Deliver, type Intake, openIntake, usual } from '../../gateway/carry/intake.ts'
import { submit } from '../../gateway/carry/submit.ts'
import type { Core } from '../../gateway/core.ts'
import { loadState } from '../../gateway/engine/batch.ts'
import { startEngine } from '../../gateway/engine/engine.ts'
import { createLog } from '../../gateway/log.ts'
import type { Submission } from '../../gateway/smtp/submission.ts'
import { until } from '../../scripts/neighbourhood.ts'
import { admitLocal, emptyState, removeLocal } from '../../src/state.ts'
import { create, remove } from '../../store/account.ts'
import { intakeFileOf, readEntries, undelivered } from '../../store/intake.ts'
import { draftOf, INLINE_MAX } from '../../store/spool.ts'
import { eachWithStore, letterOf, parse, rowsOf, smallDisk } from '../store/home.ts'

describe('the intake', () => {
  // Stands first, so that what is being delivered ends before the store is closed.
  afterEach(async () => {
    await Promise.all(open.map((one) => one.close()))
    await core.engine.close()
  })
  const bench = eachWithStore()
  const soon = { ...usual, quietMs: 5, lateMs: 20, againMs: 5 }
  const never = { ...usual, quietMs: 600_000, lateMs: 600_000 }
  let core: Core
  let lines: string[]
  let open: Intake[]
  beforeEach(async () => {
    const { db } = bench()
    const state = emptyState('me', 'a.test')
    await loadState(db, state)
    lines = []
    const log = createLog({ level: 'info', format: 'json' }, { write: (line) => lines.push(line) })
    const engine = startEngine(db, state, log)
    core = { ...bench(), store: bench(), engine, log, now: Date.now } as unknown as Core // the rest is for other rooms
    open = []
  })

  const openedWith = async (deliver: Deliver, limits = soon): Promise<Intake> => {
    const intake = await openIntake(core, deliver, limits)
    open.push(intake)
    return intake
  }
  const opened = (limits = soon) => openedWith((given) => submit(core, given), limits)
  const letter = async (n: number, more: Partial<Submission> = {}): Promise<Submission> => {
    const { account, home } = bench()
    const bytes = letterOf('hello', `${n}`)
    return {
      ...{ id: `${n}`.padStart(32, '0'), account: account.id, entityId: account.entityId, from: account.address },
      recipients: [{ address: account.address, notify: [] }],
      ...{ ret: 'HDRS', messageId: '<1@a.test>', subject: `${n}`, authors: [account.address], at: Date.now() },
      ...{ header: bytes.subarray(0, bytes.indexOf('\r\n\r\n') + 4), body: await draftOf(home, bytes) },
      parsed: () => parse(bytes),
      ...more,
    }
  }
  const letters = (count: number) => Promise.all(Array.from({ length: count }, (_, n) => letter(n)))
  /** Subjects in the INBOX, in their order. */
  const inbox = async (): Promise<number[]> => {
    const { db, folder } = bench()
    const sql =
      'SELECT parsed.subject FROM message JOIN parsed ON parsed.body = message.body WHERE mailbox = ? ORDER BY uid'
    return (await db.read.all<{ subject: string }>(sql, [await folder('INBOX')])).map(({ subject }) => Number(subject))
  }
  const waiting = async () => undelivered(bench().db.read, await readEntries(bench().home))
  const inOrder = (count: number) => Array.from({ length: count }, (_, n) => n)

  it('a letter that comes alone is delivered when it is answered', async () => {
    const intake = await opened(never)
    await intake.take(await letter(0))
    expect(await inbox()).to.deep.equal([0])
  })

  it('many at once are all delivered, once and in their order', async () => {
    const intake = await opened()
    const many = await letters(160) // some pages
    await Promise.all(many.map((one) => intake.take(one)))
    await until('all are there', async () => (await inbox()).length >= 160)
    expect(await inbox()).to.deep.equal(inOrder(160))
    expect(await waiting()).to.deep.equal([])
    await until('that is forgotten', async () => (await rowsOf(bench().db, 'intake_done')).length === 1)
    await Promise.all(open.splice(0).map((one) => one.close()))
    expect((await stat(intakeFileOf(bench().home))).size).to.equal(0)
  })

  it('while mail keeps coming none waits longer than it may', async () => {
    const intake = await opened({ ...never, lateMs: 50 })
    await Promise.all((await letters(20)).map((one) => intake.take(one)))
    expect(await waiting()).not.to.deep.equal([])
    const areThere = async () => (await inbox()).filter((n) => n < 20).length === 20
    for (let n = 20; !(await areThere()) && n < 500; n++) await intake.take(await letter(n))
    expect(await areThere()).to.equal(true)
  })

  it('what comes while others wait does not overtake them', async () => {
    const intake = await opened(never)
    const many = await letters(21)
    await Promise.all(many.slice(0, 20).map((one) => intake.take(one)))
    const before = (await waiting()).length
    for (const one of many.slice(20)) await intake.take(one)
    expect((await waiting()).length).to.equal(before + 1)
  })

  it('what an earlier start left is delivered by the next, as it was submitted', async () => {
    const first = await opened(never)
    const many = await letters(20)
    await Promise.all(
      many.map((one) => first.take({ ...one, envid: 'ü"', deliverBy: { byMs: 1, mode: 'N' } as never })),
    )
    await first.close()
    const left = await waiting()
    expect(left).not.to.deep.equal([])
    const taken: Submission[] = []
    await openedWith(async (given) => {
      taken.push(given)
      return submit(core, given)
    })
    await until('all are there', async () => (await inbox()).length === 20)
    expect(await waiting()).to.deep.equal([])
    expect(lines.join('')).to.include(`"letters":${left.length}`)
    const [one] = taken
    const was = many.find(({ id }) => id === one?.id)
    expect(one?.header.equals(was?.header ?? Buffer.alloc(0))).to.equal(true)
    expect(one?.parsed()).to.deep.equal(was?.parsed())
    expect(one?.body).to.deep.include({ size: was?.body.size, sha256: was?.body.sha256 })
    const { recipients, authors, messageId, subject, ret, at, account, entityId, from } = was as Submission
    const same = { recipients, authors, messageId, subject, ret, at, account, entityId, from, envid: 'ü"' }
    expect(one).to.deep.include(same)
  })

  for (const who of ['sender', 'recipient'] as const)
    it(`a letter whose ${who} has left meanwhile holds nobody up`, async () => {
      const { db, account } = bench()
      const bob = await create(db, { address: 'bob@a.test', name: 'Bob', entityId: 'entity-bob' })
      if (bob === 'exists') throw new Error('a new home has a second account')
      const { state } = core.engine
      admitLocal(state, { entity: bob.entityId, account: bob.id, address: bob.address })
      const first = await opened(never)
      const toBob = { recipients: [{ address: bob.address, notify: [] }] }
      await Promise.all((await letters(20)).map((one) => first.take({ ...one, ...toBob })))
      await first.close()
      const left = (await waiting()).length
      const gone = who === 'sender' ? account : bob
      removeLocal(state, gone.entityId)
      await db.transaction((tx) => remove(tx, gone.id))
      await opened()
      await until('none waits', async () => (await waiting()).length === 0)
      const row = await db.read.one<{ count: number }>(
        `SELECT count(*) AS "count" FROM message JOIN mailbox ON mailbox.id = mailbox WHERE account = ? AND name = 'Requests'`,
        [bob.id],
      )
      expect(row?.count).to.equal(who === 'sender' ? 20 : 0)
      const underWay = await rowsOf(db, 'custody')
      expect(underWay).to.have.length(who === 'sender' ? 0 : left)
    })

  it('a fault keeps the letter, is told once a round, and the letter is delivered afterwards', async () => {
    let faults = 0
    const intake = await openedWith(async (given) => {
      if (given.waited !== undefined && faults < 30) {
        faults++
        throw new Error('the disk is away')
      }
      return submit(core, given)
    })
    await Promise.all((await letters(20)).map((one) => intake.take(one)))
    await until('all are there', async () => (await inbox()).length === 20)
    expect((await inbox()).sort((a, b) => a - b)).to.deep.equal(inOrder(20))
    expect(lines.filter((line) => line.includes('the disk is away')).length).to.be.within(1, 3)
  })

  it('what can not be written down is refused, and nothing is kept of it', async function () {
    const disk = join(bench().home, 'disk')
    await mkdir(disk)
    if (!smallDisk(disk)) return this.skip()
    try {
      core = { ...core, home: disk }
      const intake = await opened(never)
      const many = await letters(20)
      const room = await statfs(disk)
      await writeFile(join(disk, 'other'), Buffer.alloc(room.bavail * room.bsize))
      const outcomes = await Promise.allSettled(many.map((one) => intake.take(one)))
      const accepted = outcomes.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []))
      expect(accepted.length).to.be.lessThan(20)
      expect(await inbox()).to.deep.equal(accepted)
      await rm(join(disk, 'other'))
      await Promise.all(many.map((one) => intake.take(one)))
      expect(await undelivered(bench().db.read, await readEntries(disk))).not.to.deep.equal([])
      await intake.close()
    } finally {
      execFileSync('umount', ['-l', disk])
    }
  })

  const large = Buffer.from(`Subject: large\r\n\r\n${'x'.repeat(INLINE_MAX)}\r\n`)
  const others: [what: string, more: () => Promise<Partial<Submission>>][] = [
    ['for elsewhere, too', async () => ({ recipients: [{ address: 'bob@b.test', notify: [] }] })],
    ['large', async () => ({ body: await draftOf(bench().home, large), parsed: () => parse(large) })],
    ['held for later', async () => ({ holdUntil: Date.now() + 60_000 })],
    ['for abuse@', async () => ({ recipients: [{ address: 'abuse@a.test', notify: [] }] })],
  ]
  for (const [what, more] of others)
    it(`what is ${what} does not wait`, async () => {
      core.engine.state.addresses.set('abuse@a.test', bench().account.entityId)
      const direct: string[] = []
      let release = () => {}
      const held = new Promise<undefined>((resolve) => {
        release = () => resolve(undefined)
      })
      const intake = await openedWith(({ id }) => {
        direct.push(id)
        return held
      }, never)
      const busy = (await letters(usual.busy)).map((one) => intake.take(one))
      const other = intake.take(await letter(99, await more()))
      expect(direct).to.have.length(usual.busy + 1)
      release()
      await Promise.all([...busy, other])
      expect(await waiting()).to.deep.equal([])
    })

  it('of a load that lasts the rest is delivered at once, until those who wait are', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let late = 0
    const intake = await openedWith(
      async (given) => {
        if (given.waited !== undefined) {
          late++
          await held
        }
        return submit(core, given)
      },
      { ...never, lateMs: 50 },
    )
    await Promise.all((await letters(20)).map((one) => intake.take(one)))
    const kept = (await waiting()).length
    await until('they have waited long enough', async () => late > 0)
    await intake.take(await letter(20))
    expect(await inbox()).to.include(20)
    expect(await waiting()).to.have.length(kept)
    release()
    await until('all are there', async () => (await inbox()).length === 21)
    await Promise.all((await letters(20)).map((one) => intake.take(one)))
    expect(await waiting(), 'of the next burst').not.to.deep.equal([])
  })

  it('when too much waits, what comes is delivered at once, until it is delivered', async () => {
    const limits = { ...never, fullBytes: 2_000 }
    const intake = await opened(limits)
    await Promise.all((await letters(60)).map((one) => intake.take(one)))
    const [kept, there] = [(await waiting()).length, (await inbox()).length]
    expect(kept).to.be.greaterThan(10)
    await intake.take(await letter(60))
    expect([(await waiting()).length, (await inbox()).length]).to.deep.equal([kept, there + 1])
    await Promise.all(open.splice(0).map((one) => one.close()))
    const again = await opened({ ...limits, quietMs: 300 })
    await until('none waits', async () => (await waiting()).length === 0)
    await Promise.all((await letters(20)).map((one) => again.take(one)))
    expect(await waiting()).not.to.deep.equal([])
  })
})
