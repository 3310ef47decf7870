/**
 * A gateway whose IP address changes while it runs, as behind a dial-up router: real processes, each on a machine
 * of its own (a network namespace), on one segment with addresses that nobody has to configure.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { Gateway, temporaryFolder, until } from '../../scripts/neighbourhood.ts'
import { need } from '../peer/need.ts'

const run = promisify(execFile)
const ip = (...args: string[]) => run('ip', args)
const vouchsafe = fileURLToPath(new URL('../../scripts/vouchsafe', import.meta.url))

type LinkView = { name: string; up: boolean; reach: { addresses: string[] } | null }
type Machine = { space: string; gateway: Gateway; process?: ChildProcess }

describe('a gateway with a dynamic IP address', function () {
  this.timeout(150_000)
  const hub = `vs-${process.pid}-hub`
  const machines: Record<string, Machine> = {}
  const address: Record<string, string> = { a: '203.0.113.10', b: '203.0.113.20', c: '203.0.113.30' }

  before(async function () {
    need(this, 'ip', 'iproute2')
    const why = await ip('netns', 'add', hub).then(
      () => undefined,
      (error: Error) => error.message.trim(),
    )
    if (why !== undefined) {
      if (process.env.CI === 'true') throw new Error(why)
      console.warn(`      skipped: no network namespaces here, they take root: ${why.split('\n').at(-1)}`)
      this.skip()
    }
    await ip('-n', hub, 'link', 'add', 'br0', 'type', 'bridge')
    await ip('-n', hub, 'link', 'set', 'br0', 'up')
    const folder = temporaryFolder()
    for (const name of ['a', 'b', 'c']) await place(folder, name)
    await meet('b', 'a')
    await meet('c', 'a')
    await meet('c', 'b')
  })
  after(async () => {
    await Promise.all(Object.values(machines).map(stop))
    for (const space of [hub, ...Object.values(machines).map((one) => one.space)])
      await ip('netns', 'del', space).catch(() => {}) // with all that is in it
  })

  /** A machine on the segment, with a gateway that runs. */
  const place = async (folder: string, name: string): Promise<void> => {
    const space = `vs-${process.pid}-${name}`
    const gateway = new Gateway(folder, name, `${name}.test`, 2000)
    const machine: Machine = { space, gateway }
    machines[name] = machine
    await ip('netns', 'add', space)
    await ip('link', 'add', 'eth0', 'netns', space, 'type', 'veth', 'peer', 'name', `port-${name}`, 'netns', hub)
    await ip('-n', hub, 'link', 'set', `port-${name}`, 'master', 'br0', 'up')
    await ip('-n', space, 'link', 'set', 'lo', 'up')
    await ip('-n', space, 'addr', 'add', `${address[name]}/24`, 'dev', 'eth0')
    await ip('-n', space, 'link', 'set', 'eth0', 'up')

    await gateway.init('--net', 'journey', '--host', address[name] ?? '')
    if (name === 'a') gateway.set('announce', '["auto:2040"]')
    await start(machine)
  }
  const start = async (machine: Machine): Promise<void> => {
    const log = openSync(machine.gateway.logFile, 'a', 0o600)
    const args = ['netns', 'exec', machine.space, vouchsafe, 'serve', '--home', machine.gateway.home]
    machine.process = spawn('ip', args, { stdio: ['ignore', log, log] })
    closeSync(log)
    // Not by a command: it would open the home itself while nothing runs, and be in the way.
    const socket = join(machine.gateway.home, 'control.sock')
    await until(`${machine.gateway.name} runs`, async () => existsSync(socket))
  }
  const stop = async ({ process: child }: Machine): Promise<void> => {
    if (!child || child.exitCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill()
    await gone
  }
  const at = (name: string): Gateway => {
    const gateway = machines[name]?.gateway
    if (!gateway) throw new Error('only after the start')
    return gateway
  }
  const seenBy = async (name: string, whom: string): Promise<LinkView | undefined> =>
    (await at(name).run<LinkView[]>(['link', 'list'])).find((link) => link.name === whom)
  const meet = async (inviter: string, accepter: string): Promise<void> => {
    const { code } = await at(inviter).run<{ code: string }>(['link', 'invite'])
    await at(accepter).run(['link', 'accept', code])
    await until(`${accepter} and ${inviter} are linked`, async () => (await seenBy(accepter, inviter))?.up === true)
  }
  const isKnownAt = (where: string) => async () =>
    (await Promise.all(['b', 'c'].map((name) => seenBy(name, 'a')))).every(
      (link) => link?.up === true && String(link.reach?.addresses) === where,
    )

  it('learns its address from its neighbours, and tells it to all', async () => {
    await until('B and C know where A is', isKnownAt('203.0.113.10:2040'))
  })

  it('has another one in the middle of its life: both neighbours find it there', async () => {
    const { space = '' } = machines.a ?? {}
    await ip('-n', space, 'addr', 'add', '203.0.113.11/24', 'dev', 'eth0')
    await ip('-n', space, 'addr', 'del', '203.0.113.10/24', 'dev', 'eth0') // takes the other of its subnet along
    await ip('-n', space, 'addr', 'replace', '203.0.113.11/24', 'dev', 'eth0')
    await until('B and C know where A is now', isKnownAt('203.0.113.11:2040'), 120_000)
    const { findings } = await at('a').answer<{ findings: { what: string; state: string; detail: string }[] }>([
      'doctor',
    ])
    const outside = findings.find(({ what }) => /reached from outside/.test(what))
    expect(outside).to.deep.include({ state: 'ok', what: 'reached from outside at 203.0.113.11:2040' })
    expect(outside?.detail).to.match(/b/).and.to.match(/c/)
  })
})
