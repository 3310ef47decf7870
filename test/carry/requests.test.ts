import { expect } from 'chai'
import { listenForAcceptance } from '../../gateway/carry/requests.ts'
import { startEngine } from '../../gateway/engine/engine.ts'
import { createLog } from '../../gateway/log.ts'
import { until } from '../../scripts/neighbourhood.ts'
import { type Contact, contactKey, emptyState } from '../../src/state.ts'
import { append } from '../../store/message.ts'
import { move } from '../../store/move.ts'
import { contacts } from '../../store/web.ts'
import { draft, eachWithStore, letterOf } from '../store/home.ts'

describe('Requests', () => {
  const bench = eachWithStore()
  const contact = (other: string, trust: Contact['trust']): Contact => ({
    entity: bench().account.entityId,
    other,
    trust,
    address: `${other}@b.test`,
    at: 1,
  })
  const trustIn = async (other: string): Promise<Contact | undefined> =>
    (await contacts.load(bench().db, [contactKey(bench().account.entityId, other)]))[0]

  /** Mail of each of them is moved in one command, and it has been understood when it resolves. */
  const moveFrom = async (others: string[], from = 'Requests', to = 'INBOX') => {
    const { db, home, folder } = bench()
    const log = createLog({ level: 'silent', format: 'json' })
    const engine = startEngine(db, emptyState('me', 'a.test'), log)
    const wanted: string[] = []
    const judge = async (key: string) => wanted.push(key)
    const requests = listenForAcceptance({ store: bench(), engine, log, now: Date.now }, judge)
    const drafts = [...others, 'last'].map(async (other) =>
      draft(home, letterOf(other), {
        provenance: { key: 'k', from: other, address: `${other}@b.test`, path: [], at: 1 },
      }),
    )
    const added = await append(db, await folder(from), await Promise.all(drafts))
    await move(
      db,
      await folder(from),
      added.map(({ uid }) => uid),
      await folder(to),
    )
    if (from === 'Requests' && to === 'INBOX')
      await until('the last of them is a contact', async () => (await trustIn('last')) !== undefined)
    await engine.settled()
    requests.stop()
    return wanted
  }

  it('moving a stranger’s message to INBOX is trust', async () => {
    expect(await moveFrom(['bob']), 'judged as wanted').to.deep.equal(['k', 'k'])
    expect(await trustIn('bob')).to.include({ trust: 'implicit', address: 'bob@b.test' })
  })

  it('it takes back what was said against somebody', async () => {
    await bench().db.transaction((tx) => contacts.save(tx, [contact('bob', 'none')]))
    await moveFrom(['bob'])
    expect(await trustIn('bob')).to.include({ trust: 'implicit' })
  })

  it('it takes nothing away: a compared key stays compared', async () => {
    const kept = contact('bob', 'explicit')
    await bench().db.transaction((tx) => contacts.save(tx, [kept]))
    await moveFrom(['bob'])
    expect(await trustIn('bob')).to.deep.equal(kept)
  })

  it('any other move says nothing', async () => {
    await moveFrom(['bob'], 'Requests', 'Trash')
    await moveFrom(['bob'], 'Junk', 'INBOX')
    expect(await trustIn('bob')).to.equal(undefined)
  })
})
