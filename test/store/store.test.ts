import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'chai'
import { openSqlite } from '../../store/engine/sqlite.ts'
import { lockHome } from '../../store/lock.ts'
import { databaseOf, openStore } from '../../store/store.ts'
import { filesOpen, newHome } from './home.ts'

describe('store: a home that can not be opened', () => {
  it('is let go of: its database is closed, and it opens once it is mended', async () => {
    const home = await newHome()
    await (await openStore(home)).close()
    await rm(join(home, 'blob'), { recursive: true, force: true })
    await writeFile(join(home, 'blob'), 'in the way')
    expect(
      await openStore(home).then(
        () => 'open',
        () => 'not',
      ),
    ).to.equal('not')
    expect(await filesOpen(databaseOf(home))).to.deep.equal([])
    await rm(join(home, 'blob'))
    await (await openStore(home)).close()
    await rm(home, { recursive: true })
  })
})

describe('store: the lock of a home', () => {
  let home: string
  beforeEach(async () => {
    home = await newHome()
  })
  afterEach(() => rm(home, { recursive: true }))

  it('whoever has it keeps it, and is named', async () => {
    const lock = await lockHome(home)
    const told = await lockHome(home).catch((error: Error) => `${error.name}: ${error.message}`)
    expect(told).to.match(new RegExp(`^HomeInUse: .* is in use by process ${process.pid}, since`))
    await lock.release()
    await (await lockHome(home)).release()
  })

  it("who only comes at the same moment, and lets go again, is in nobody's way", async () => {
    // Five times, for on a busy machine the other may be in the way for longer than is waited.
    let times = 0
    for (let i = 0; i < 5; i++) {
      await (await lockHome(home)).release()
      const other = await openSqlite(join(home, 'lock.db'), 'lock')
      await other.exec('BEGIN; SELECT count(*) FROM sqlite_schema') // as far as both come
      const locking = lockHome(home).catch(() => undefined)
      await wait(10)
      await other.close()
      const lock = await locking
      if (lock) times++
      await lock?.release()
    }
    expect(times).to.be.above(0)
  })
})
