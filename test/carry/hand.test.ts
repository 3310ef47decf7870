/** A hand-over that can not begin, since what is to be handed over is gone from the disk. */
import { truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { handRow } from '../../gateway/carry/hand.ts'
import type { Core } from '../../gateway/core.ts'
import { startEngine } from '../../gateway/engine/engine.ts'
import type { Body } from '../../gateway/link/handlers.ts'
import { createLog } from '../../gateway/log.ts'
import { putBodies } from '../../store/blob.ts'
import { draftOf } from '../../store/spool.ts'
import { bodyFiles } from '../../store/sweep.ts'
import { custody } from '../../store/web.ts'
import { r, relayed, world } from '../custody/rows.ts'
import { NET, person } from '../identity/people.ts'
import { eachWithStore } from '../store/home.ts'

describe('carry: what can not be read any more', () => {
  const bench = eachWithStore()

  it('waits, and the log says what an administrator can do', async () => {
    const { db, home } = bench()
    const draft = await draftOf(home, Buffer.alloc(1 << 20, 'x'))
    const was = relayed({ state: 'handing', next: r, size: draft.size, tried: [{ by: r, saidNo: false }] })
    await db.transaction(async (tx) => {
      const [body = 0] = await putBodies(tx, [draft])
      await custody.save(tx, [{ ...was, body }])
    })
    for (const file of await bodyFiles(db.blobDir)) await truncate(join(db.blobDir, file), 1)
    const lines: string[] = []
    const log = createLog({ level: 'warn', format: 'json' }, { write: (line) => lines.push(line) })
    const { agent } = await person('me')
    const link = { hand: async (_to: string, _offer: object, { open }: Body) => open(0) }
    const keyring = { former: [] }
    const parts = { home, store: bench(), engine: startEngine(db, world(), log), log, agent, keyring, link, net: NET }
    await handRow({ ...parts, now: Date.now } as unknown as Core, was.key, r) // the rest is for other rooms
    expect(lines.join()).to.match(/hand-failed.*our own copy of it can not be read .*queue drop 0123456789abcdef/)
    expect((await custody.load(db, [was.key]))[0]?.state).to.equal('waiting')
  })
})
