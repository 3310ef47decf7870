import { chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { refuseOthers } from '../../gateway/cli/owner.ts'
import { checkHome } from '../../gateway/home.ts'
import { vouchsafe } from './command.ts'

describe('whose home it is', function () {
  this.timeout(120_000) // a process for each command
  const folder = mkdtempSync(join(tmpdir(), 'owner-'))
  const me = process.geteuid?.() ?? 0
  after(() => rmSync(folder, { recursive: true }))

  const saidTo = (user: number, home = folder) =>
    refuseOthers(home, user).then(
      () => '',
      (error: Error) => error.message,
    )

  it('its owner is let in, and whoever makes one', async () => {
    expect(await saidTo(me)).to.equal('')
    expect(await saidTo(me + 1, join(folder, 'none'))).to.equal('')
  })

  it('anybody else is told who it belongs to', async () =>
    expect(await saidTo(me + 1)).to.match(/^This home belongs to (\S+): .*sudo -u \1 vouchsafe …$/))

  it('one that can’t be looked at is not said to be none', async () => {
    const home = join(folder, 'closed')
    mkdirSync(home)
    symlinkSync('vouchsafe.db', join(home, 'vouchsafe.db')) // as good as one that this user may not read
    const told = await checkHome(home, {}, () => {}).catch((error: Error) => error.message)
    expect(told).to.match(/^ELOOP/)
  })

  it('root leaves nothing in a home of another, by whatever command', async function () {
    if (me !== 0) {
      console.log('      skipped: only root can give a home away; run the tests as root')
      return this.skip()
    }
    const home = join(folder, 'a')
    await vouchsafe(home, ['init', '--domain', 'a.test', '--host', '127.0.0.1'])
    const [stranger, all] = [54_321, readdirSync(home)]
    chownSync(home, stranger, stranger)
    for (const args of [['user', 'add', 'x', '--generate'], ['serve'], ['init'], ['restore', join(folder, 'b')]]) {
      const { code, err } = await vouchsafe(home, args)
      expect([code, err], args.join(' ')).to.satisfy(() => code === 1 && err.includes("sudo -u '#54321' vouchsafe …"))
    }
    expect(readdirSync(home)).to.deep.equal(all)
  })
})
