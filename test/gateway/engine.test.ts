import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { startEngine } from '../../gateway/engine/engine.ts'
import { createLog } from '../../gateway/log.ts'
import { sleep } from '../../scripts/neighbourhood.ts'
import { targetOfAddress } from '../../src/address.ts'
import { Refusal } from '../../src/refusal.ts'
import { admitLocal, type Contact, contactKey, emptyState } from '../../src/state.ts'
import { create } from '../../store/account.ts'
import { putBodies, readBody } from '../../store/blob.ts'
import type { Db, Source } from '../../store/db.ts'
import { draftOf } from '../../store/spool.ts'
import { contacts, custody, submissions } from '../../store/web.ts'
import { ann, b, bob, key, link, me, r, row, submission } from '../custody/rows.ts'
import { eachWithStore, letterOf } from '../store/home.ts'

describe('engine', () => {
  const bench = eachWithStore()
  const lines: string[] = []
  const start = (db = bench().db) =>
    startEngine(
      db,
      emptyState(me, 'a.test'),
      createLog({ level: 'info', format: 'json' }, { write: (line) => lines.push(line) }),
    )

  it('closed, it has finished what was raised, also what nobody waits for, and takes nothing more', async () => {
    const engine = start()
    const ended: string[] = []
    const raise = (name: string, event: Parameters<typeof engine.handle>[0]) =>
      void engine.handle(event).then(() => ended.push(name))
    raise('sweep', { on: 'sweep' })
    raise('accepted', { on: 'accepted', key: 'k', by: 'r', receipt: '' })
    await engine.close()
    expect(ended.sort()).to.deep.equal(['accepted', 'sweep'])

    await bench().close()
    // A link that goes down as late as that must not keep a stopping gateway alive.
    const late = await engine.handle({ on: 'down', agent: 'r' }).catch((error: unknown) => error)
    expect(late).to.be.instanceOf(Refusal).and.include({ code: 'stopping' })
    expect(lines.join('')).not.to.contain('commit-failed')
  })

  it('closed, it does not wait for whoever raises a long queue, one after the other', async () => {
    const engine = start()
    let raised = 0
    const raiseAll = async () => {
      for (; raised < 1000; raised++) await engine.handle({ on: 'due', key: `${raised}` })
    }
    const raising = raiseAll().catch((error: unknown) => error)
    await engine.close()
    expect(await raising).to.include({ code: 'stopping' })
    expect(raised).to.be.below(10)
  })

  it('goes on when the wait of an event that has time ends with nothing left to do', async () => {
    const engine = start()
    await Promise.all([
      engine.handle({ on: 'sweep' }), // takes along what waits for company
      engine.handle({ on: 'accepted', key: 'k', by: 'r', receipt: '' }),
    ])
    await new Promise((resolve) => setTimeout(resolve, 30)) // its wait is 10
    expect(await engine.handle({ on: 'sweep' })).to.deep.equal({ say: 'done' })
    await engine.close()
  })

  it('finds what is stored of a contact whom another event of the same batch makes known', async () => {
    const { db } = bench()
    const now = Date.now()
    const contact: Contact = { entity: ann, other: bob, trust: 'explicit', address: 'bob@b.test', at: 1 }
    const { to: _, submission: __, ...unknown } = row({ state: 'spooled', body: null, expires: now + 10_000 })
    await db.transaction(async (tx) => {
      await contacts.save(tx, [contact])
      await custody.save(tx, [unknown])
    })
    const engine = start()
    const target = targetOfAddress('bob@b.test')
    const search = {
      qid: 'q',
      target,
      asked: new Set([r]),
      cut: false,
      ttl: 1,
      until: now + 10_000,
    }
    const quest = { seed: '', without: [], isAgain: false }
    engine.state.links.set(r, link(r))
    engine.state.searches.set('q', { at: 'asking', ringUntil: now + 10_000, ...search, ...quest })
    const known = { entity: bob, address: 'bob@b.test', agent: b, expires: now + 10_000 }
    const record = { qid: 'q', target, entity: bob, route: [me, r, b], card: '', expires: now + 10_000 }
    const message = { t: 'PATH' as const, path: '', hops: [], card: '' }
    await Promise.all([
      engine.handle({ on: 'path', from: r, path: { record, known, card: '{}', message } }),
      engine.handle({ on: 'due', key }),
    ])
    expect((await custody.load(db, [key])).map(({ to }) => to)).to.deep.equal([bob])
    expect(await contacts.load(db, [contactKey(ann, bob)])).to.deep.equal([contact])
    await engine.close()
  })

  /** What is read is as old as that when it is there. */
  const slowly = <From extends Source>(from: From): From => {
    const all: Source['read']['all'] = async (sql, params) => {
      const rows = await from.read.all<never>(sql, params)
      await sleep(50)
      return rows
    }
    return { ...from, read: { ...from.read, all } }
  }

  it('keeps an account that is made while it reads its memory again', async () => {
    const { db } = bench()
    const transaction: Db['transaction'] = (work) => db.transaction((tx) => work(slowly(tx)))
    const engine = start({ ...slowly(db), transaction })
    const { state } = engine
    const failing = engine
      .handle(() => {
        throw new Error('disk full')
      })
      .catch(() => {})
    await sleep(25)
    await db.transaction(async (tx) => {
      const account = await create(tx, { address: 'bo@a.test', name: 'Bo', entityId: 'entity-bo' })
      if (account === 'exists') throw new Error('nobody is there yet')
      const { id, address, entityId } = account
      tx.afterCommit(() => admitLocal(state, { entity: entityId, account: id, address }))
    })
    await failing
    expect([...state.addresses.keys()]).to.have.members(['ann@a.test', 'bo@a.test'])
    await engine.close()
  })

  it('tells a failure also where the message that was to go back can not be read, and keeps what is beside it', async () => {
    const { db, home, account, folder } = bench()
    const draft = await draftOf(home, letterOf('x'.repeat(100_000)))
    await db.transaction(async (tx) => {
      const [body = 0] = await putBodies(tx, [draft, draft])
      await custody.save(tx, [row({ state: 'spooled', body, expires: 1 })])
      await submissions.save(tx, [submission({ account: account.id, body, size: draft.size, ret: 'FULL' })])
    })
    if ('file' in draft) await rm(join(home, 'blob', draft.file))
    const engine = start()
    const answers = await Promise.all([engine.handle({ on: 'due', key }), engine.handle({ on: 'sweep' })])
    expect(answers).to.deep.equal([{ say: 'done' }, { say: 'done' }])
    const notice = await db.read.one<{ body: number }>('SELECT body FROM message WHERE mailbox = ?', [
      await folder('INBOX'),
    ])
    expect((await readBody(db, notice?.body ?? 0)).toString()).to.contain('can no longer be read')
    await engine.close()
  })
})
