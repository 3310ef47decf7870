import { expect } from 'chai'
import { startEngine } from '../../gateway/engine/engine.ts'
import { createLog } from '../../gateway/log.ts'
import { targetOfAddress } from '../../src/address.ts'
import { Refusal } from '../../src/refusal.ts'
import { type Contact, contactKey, emptyState } from '../../src/state.ts'
import { contacts, custody } from '../../store/web.ts'
import { ann, b, bob, key, link, me, r, row } from '../custody/rows.ts'
import { eachWithStore } from '../store/home.ts'

describe('engine', () => {
  const bench = eachWithStore()
  const lines: string[] = []
  const start = () =>
    startEngine(
      bench().db,
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
      asked: new Map([[r, 'asked' as const]]),
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
})
