import { expect } from 'chai'
import { openFirstHops } from '../../gateway/carry/first-hop.ts'
import { submit } from '../../gateway/carry/submit.ts'
import type { Core } from '../../gateway/core.ts'
import { startEngine } from '../../gateway/engine/engine.ts'
import { createLog } from '../../gateway/log.ts'
import { draftOf } from '../../store/spool.ts'
import { world } from '../custody/rows.ts'
import { eachWithStore, letterOf, parse } from '../store/home.ts'

describe('waiting for custody', () => {
  const bench = eachWithStore()
  const log = (event: string, key: string, to?: string) => ({ do: 'log', event, key, ...(to && { to }) }) as const

  it('ends with the last receipt, and names each gateway once', async () => {
    const hops = openFirstHops(60_000)
    const waited = hops.wait(['me/1', 'me/2', 'me/3'])
    hops.hear(log('sealed', 'me/1'))
    hops.hear(log('handed', 'me/1', 'r'))
    hops.hear(log('handed', 'me/3', 'r'))
    hops.hear(log('handed', 'other/9', 'x'))
    hops.hear(log('handed', 'me/2', 's'))
    expect(await waited).to.deep.equal({ agents: ['r', 's'], signed: 3, envelopes: 3 })
  })

  it('ends when nothing more can come', async () => {
    const hops = openFirstHops(60_000)
    const waited = hops.wait(['me/1', 'me/2'])
    hops.hear(log('refused', 'me/2'))
    hops.hear(log('handed', 'me/1', 'r'))
    expect(await waited).to.deep.equal({ agents: ['r'], signed: 1, envelopes: 2 })
  })

  it('is bounded', async () => {
    expect(await openFirstHops(1).wait(['me/1'])).to.deep.equal({ agents: [], signed: 0, envelopes: 1 })
  })

  it('is over at once where nothing leaves the gateway', async () => {
    expect(await openFirstHops(60_000).wait([])).to.deep.equal({ agents: [], signed: 0, envelopes: 0 })
  })

  it('is over at once for what goes later', async () => {
    const { home, db, account } = bench()
    const engine = startEngine(db, world(), createLog({ level: 'silent', format: 'json' }))
    const core = { home, engine, now: Date.now } as unknown as Core // the rest is for other rooms
    const sender = { account: account.id, entityId: account.entityId, from: account.address }
    const recipients = [{ address: 'bob@b.test', notify: [] }]
    const given = { ...sender, id: '1', messageId: '<1@a.test>', subject: 'a letter', ret: 'HDRS' as const, recipients }
    const text = {
      authors: [],
      header: Buffer.alloc(0),
      body: await draftOf(home, letterOf('hello')),
      parsed: () => parse(letterOf('hello')),
    }
    const mail = { ...given, ...text, at: Date.now(), holdUntil: Date.now() + 60_000 }
    const answer = await submit(core, mail, openFirstHops(60_000))
    expect(answer).to.deep.equal({ agents: [], signed: 0, envelopes: 1 })
    await engine.close()
  })
})
