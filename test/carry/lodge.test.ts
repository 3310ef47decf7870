/** Mail for another server, which keeps it: what it takes is told by test/lmtp, and what comes of that by test/custody. */
import { once } from 'node:events'
import { truncate } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { lodgeRow } from '../../gateway/carry/lodge.ts'
import type { Searches } from '../../gateway/carry/searches.ts'
import type { Core } from '../../gateway/core.ts'
import { startEngine } from '../../gateway/engine/engine.ts'
import { openPerformer } from '../../gateway/engine/perform.ts'
import type { LmtpAddress } from '../../gateway/lmtp/client.ts'
import { createLog } from '../../gateway/log.ts'
import { until } from '../../scripts/neighbourhood.ts'
import { putBodies } from '../../store/blob.ts'
import { draftOf } from '../../store/spool.ts'
import { bodyFiles } from '../../store/sweep.ts'
import { custody, posted } from '../../store/web.ts'
import { relayed, world } from '../custody/rows.ts'
import { bodiesOpen, eachWithStore } from '../store/home.ts'

describe('carry: mail for a server that keeps it', () => {
  const bench = eachWithStore()
  const log = createLog({ level: 'silent', format: 'json' })

  /** With one letter, too large to be read at once, under way to that server. */
  const open = async (lmtp: LmtpAddress | undefined): Promise<Core> => {
    const { db, home } = bench()
    const draft = await draftOf(home, Buffer.alloc(3 << 20, 'x'))
    await db.transaction(async (tx) => {
      const [body = 0] = await putBodies(tx, [draft])
      const lodge = { to: 'ann@a.test', from: 'bob@b.test' }
      await custody.save(tx, [relayed({ role: 'destination', state: 'handing', body, size: draft.size, lodge })])
    })
    const engine = startEngine(db, world(), log)
    return { home, store: bench(), engine, log, lmtp, now: Date.now } as unknown as Core // the rest is for other rooms
  }
  const { key } = relayed()
  const stateNow = async () => (await custody.load(bench().db, [key]))[0]?.state

  const gone = { host: '127.0.0.1', port: 1 }
  for (const [what, lmtp] of [['is configured no more', undefined] as const, ['is out of reach', gone] as const])
    it(`where it ${what}, the letter waits and its file is closed`, async () => {
      await lodgeRow(await open(lmtp), key, new AbortController().signal)
      expect(await stateNow()).to.equal('waiting')
      await until('all are closed', async () => (await bodiesOpen(bench().home)).length === 0)
    })

  it('where it is mute, a stopping gateway leaves it, and keeps what it had for it', async () => {
    let connections = 0
    const mute = createServer((socket) => {
      connections++
      socket.write('220 hello\r\n')
    }).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const core = await open({ host: '127.0.0.1', port: (mute.address() as AddressInfo).port })
    const letter = { id: 'notice', account: 1, to: 'ann@a.test', letter: '', at: Date.now() }
    await core.store.db.transaction((tx) => posted.save(tx, [letter]))
    const { perform, stop } = openPerformer(core, {} as Searches, async () => {}, 50)
    perform({ do: 'lodge', key })
    perform({ do: 'post', id: letter.id })
    await until('both are under way', async () => connections === 2)
    await stop()
    expect(await stateNow()).to.equal('waiting')
    expect(await posted.all(core.store.db)).to.deep.equal([letter])
    mute.close()
  })

  it('of a body that stays damaged the log tells with its envelope, at first and then ever more rarely', async () => {
    const lines: string[] = []
    const core = await open(gone)
    const said = createLog({ level: 'info', format: 'json' }, { write: (line) => lines.push(line) })
    const [file = ''] = await bodyFiles(core.store.db.blobDir)
    await truncate(join(core.store.db.blobDir, file), 1)
    const { perform, stop } = openPerformer({ ...core, log: said }, {} as Searches, async () => {})
    await until('it was told four times', async () => {
      perform({ do: 'lodge', key })
      return lines.length === 4
    })
    await stop()
    const told = lines.map((line) => JSON.parse(line))
    expect(told.map(({ envelope, times }) => [envelope, times])).to.deep.equal(
      [1, 2, 4, 8].map((times) => [relayed().id, times]),
    )
    expect(told[0].err.message).to.contain('has lost its end')
  })
})
