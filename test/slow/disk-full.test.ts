/**
 * The disk is full at R, the gateway in between: it refuses or its neighbours wait, nothing is lost,
 * and all goes on by itself once there is room. R's home lies on a small tmpfs, so this wants root.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { befriend, Gateway, type Person, sleep, temporaryFolder, trust, until } from '../../scripts/neighbourhood.ts'
import { freePortBase } from '../../scripts/ports.ts'
import { awaitMessages, RawSmtp, readAll } from '../journey/web.ts'

const MESSAGES = 24
const BYTES = 1_000_000

describe('a full disk at R', function () {
  this.timeout(300_000)
  let a: Gateway
  let r: Gateway
  let b: Gateway
  let [ann, bob]: Person[] = []
  let disk = ''

  before(async function () {
    const folder = temporaryFolder()
    disk = join(folder, 'r')
    mkdirSync(disk)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', disk], { stdio: 'pipe' })
    } catch (error) {
      disk = ''
      if (process.env.CI === 'true') throw error
      console.warn('      skipped: no tmpfs can be mounted here; run it as root')
      this.skip()
    }
    const base = await freePortBase(3)
    ;[a, r, b] = ['a', 'r', 'b'].map((name, i) => new Gateway(folder, name, `${name}.test`, base + 100 * i)) as [
      Gateway,
      Gateway,
      Gateway,
    ]
    const all = [a, r, b]
    await Promise.all(all.map((one) => one.init('--net', 'full', '--plain-loopback')))
    await Promise.all(all.map((one) => one.start()))
    ann = await a.addUser('ann', 'ann-s password')
    bob = await b.addUser('bob', 'bob-s password')
    await befriend(r, a)
    await befriend(r, b)
    await trust(b, bob, ann.address)
  })

  after(async () => {
    await Promise.all([a, r, b].map((one) => one?.stop()))
    if (disk !== '') execFileSync('umount', ['-l', disk])
  })

  it('loses nothing and doubles nothing, and needs nobody to go on', async () => {
    if (ann === undefined || bob === undefined) throw new Error('nobody is there')
    const client = await RawSmtp.logIn(a, ann)
    expect(await client.submit(ann.address, [bob.address], message('first', 10))).to.match(/^250 /)
    await awaitMessages(b, bob, 'INBOX', 1)
    // With the report comes the permit, without which credit would hold the others back at A.
    await until('A has heard of it', async () => (await a.run<unknown[]>(['queue', 'list'])).length === 0)

    await b.stop() // so that all stays in R's custody, until R has no room
    for (let n = 0; n < MESSAGES; n++)
      expect(await client.submit(ann.address, [bob.address], message(`full-${n}`, BYTES))).to.match(/^250 /)
    await until('R says why', async () => /disk-full|ENOSPC|SQLITE_FULL/.test(r.log()), 60_000)
    const waiting = await a.run<{ state: string }[]>(['queue', 'list'])
    expect(waiting.filter(({ state }) => state !== 'handed').length, 'some still wait at A').to.be.above(0)

    execFileSync('mount', ['-o', 'remount,size=200m', disk])
    await b.start()
    await awaitMessages(b, bob, 'INBOX', MESSAGES + 1, 120_000)
    await sleep(2000)
    const subjects = (await readAll(b, bob, 'INBOX')).map(({ subject }) => subject).sort()
    expect(subjects).to.deep.equal(['first', ...Array.from({ length: MESSAGES }, (_, n) => `full-${n}`)].sort())
    client.close()
  })
})

const message = (subject: string, bytes: number): Buffer =>
  Buffer.from(
    `From: <ann@a.test>\r\nTo: <bob@b.test>\r\nSubject: ${subject}\r\n\r\n${'Room for one more.\r\n'.repeat(Math.ceil(bytes / 20))}`,
  )
