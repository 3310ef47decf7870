import { execFileSync } from 'node:child_process'
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { Refusal } from '../../src/refusal.ts'
import { backup, restore } from '../../store/backup.ts'
import {
  forgetDelivered,
  type IntakeFile,
  intakeFileOf,
  markDelivered,
  openIntakeFile,
  readEntries,
  undelivered,
} from '../../store/intake.ts'
import { openStore } from '../../store/store.ts'
import { eachWithStore, rowsOf, smallDisk } from './home.ts'

describe('store: the file of the intake', () => {
  const bench = eachWithStore()
  const letter = (given: string, size = 10) => ({ given, bytes: Buffer.alloc(size, given || '-') })
  const named = (entries: readonly { given: string }[]) => entries.map(({ given }) => given)
  const waiting = async () => undelivered(bench().db.read, await readEntries(bench().home))
  let files: IntakeFile[] = []
  afterEach(async () => {
    await Promise.all(files.map((file) => file.close(false)))
    files = []
  })
  const openIn = async (home: string, db = bench().db) => {
    const opened = await openIntakeFile(home, db)
    files.push(opened.file)
    return opened
  }
  const open = () => openIn(bench().home)
  const delivered = (...ids: number[]) => bench().db.transaction((tx) => markDelivered(tx, ids))
  /** As a crash ends it. */
  const reopened = async (file: IntakeFile) => {
    await file.close(false)
    return open()
  }

  it('what was kept is there after a crash, in its order, but for what was delivered', async () => {
    const { file } = await open()
    const first = await file.keep([letter('a'), letter('b', 0), letter('ü"\0')], true)
    await file.keep([letter('')], false)
    await delivered(first + 1)
    const again = await reopened(file)
    expect(again.left).to.deep.equal([
      { id: first, ...letter('a') },
      { id: first + 2, ...letter('ü"\0') },
      { id: first + 3, ...letter('') },
    ])
    const more = await again.file.keep([letter('c')], false)
    expect(more).to.be.greaterThan(first + 3)
    await delivered(first, first + 2, more)
    expect(named((await reopened(again.file)).left)).to.deep.equal([''])
  })

  it('it begins anew when none waits, and what lies behind is of an earlier time', async () => {
    const { file } = await open()
    const first = await file.keep([letter('a'), letter('b'), letter('c')], true)
    await delivered(first, first + 1, first + 2)
    await bench().db.transaction(forgetDelivered)
    expect(await rowsOf(bench().db, 'intake_done')).to.deep.equal([{ id: first + 2 }])
    expect(await waiting()).to.deep.equal([])
    const next = await file.keep([letter('d')], true)
    expect(file.size).to.be.lessThan((await stat(intakeFileOf(bench().home))).size)
    expect(named(await waiting())).to.deep.equal(['d'])
    expect(named(await readEntries(bench().home)), 'b of the same size follows d').to.deep.equal(['d'])
    const again = await reopened(file)
    await again.file.keep([letter('e')], false)
    await delivered(next)
    expect(named((await reopened(again.file)).left)).to.deep.equal(['e'])
  })

  it('what is delivered again is no fault, and closed in good order nothing stays', async () => {
    const { file } = await open()
    const first = await file.keep([letter('a')], true)
    await delivered(first)
    await delivered(first)
    await file.close(true)
    expect((await stat(intakeFileOf(bench().home))).size).to.equal(0)
    const again = await open()
    expect(again.left).to.deep.equal([])
    expect(await again.file.keep([letter('b')], true)).to.be.greaterThan(first)
  })

  it('it is for its owner alone', async () => {
    await open()
    expect((await stat(intakeFileOf(bench().home))).mode & 0o777).to.equal(0o600)
  })

  it('cut off or damaged anywhere it gives all before that place, and what is kept next', async () => {
    const { home } = bench()
    const texts = fc.array(fc.tuple(fc.string(), fc.uint8Array({ maxLength: 40, size: 'max' })), {
      minLength: 1,
      maxLength: 6,
    })
    const places = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))
    await fc.assert(
      fc.asyncProperty(texts, places, async (letters, [place, flip]) => {
        const before = await open()
        const ends: number[] = []
        for (const [given, bytes] of letters) {
          await before.file.keep([{ given, bytes: Buffer.from(bytes) }], ends.length === 0)
          ends.push(before.file.size)
        }
        await before.file.close(false)
        const whole = (await readFile(intakeFileOf(home))).subarray(0, before.file.size)
        const at = place % whole.length
        const broken = flip === 0 ? whole.subarray(0, at) : Buffer.from(whole)
        if (flip !== 0) broken.writeUInt8(broken.readUInt8(at) ^ flip, at)
        await writeFile(intakeFileOf(home), broken)
        const { file, left } = await open()
        const sound = letters.slice(0, ends.filter((end) => end <= at).length).map(([given]) => given)
        expect(named(left)).to.deep.equal(sound)
        await file.keep([letter('next')], left.length === 0)
        expect(named(await waiting())).to.deep.equal([...sound, 'next'])
        await delivered(...(await waiting()).map(({ id }) => id))
        await file.close(true)
      }),
      { numRuns: 60 },
    )
  })

  it('what a crash left of a group behind the place where it tore it does not follow what comes', async () => {
    const { file } = await open()
    await file.keep([letter('a')], true)
    const at = file.size
    await file.keep([letter('b'), letter('c')], false)
    const bytes = await readFile(intakeFileOf(bench().home))
    await writeFile(intakeFileOf(bench().home), Buffer.from(bytes).fill(0, at, at + 20))
    const again = await reopened(file)
    expect(named(again.left)).to.deep.equal(['a'])
    await again.file.keep([letter('d')], false)
    expect(named(await waiting())).to.deep.equal(['a', 'd'])
    await again.file.close(false)
    await writeFile(intakeFileOf(bench().home), bytes.fill(0, 0, 20))
    const anew = await open()
    expect(named(anew.left)).to.deep.equal([])
    await anew.file.keep([letter('e')], true)
    expect(named(await waiting())).to.deep.equal(['e'])
  })

  it('on a full disk it refuses, keeps what it had, and goes on when there is room', async function () {
    const disk = join(bench().home, 'disk')
    await mkdir(disk)
    if (!smallDisk(disk)) return this.skip()
    try {
      const { file } = await openIn(disk)
      await file.keep([letter('a')], true)
      const many = Array.from({ length: 30 }, (_, n) => letter(`${n}`, 50_000))
      const told = await file.keep(many, false).catch((error: unknown) => error)
      expect(told).to.be.instanceOf(Refusal).with.property('code', 'disk-full')
      await file.keep([letter('0', 50_000)], false)
      expect(named(await readEntries(disk)), '1 lies whole behind 0, and was refused').to.deep.equal(['a', '0'])
      await file.close(false)
    } finally {
      execFileSync('umount', ['-l', disk])
    }
  })

  it('a backup has what waits in its database, and a home that is restored takes it up', async () => {
    const { home } = bench()
    const [copy, other] = [`${home}-copy`, `${home}-restored`]
    const { file } = await open()
    const first = await file.keep([letter('a'), letter('b'), letter('c')], true)
    await delivered(first + 1)
    await backup(home, copy)
    await file.keep([letter('d')], false)
    await mkdir(other)
    await writeFile(intakeFileOf(other), await readFile(intakeFileOf(home))) // of a database that was there before
    await restore(copy, other)
    for (const round of ['first', 'after a crash']) {
      const store = await openStore(other)
      const { left } = await openIn(other, store.db)
      expect(named(left), round).to.deep.equal(['a', 'c'])
      expect(await rowsOf(store.db, 'intake')).to.deep.equal([])
      await store.close()
    }
    for (const folder of [copy, other]) await rm(folder, { recursive: true })
  })
})
