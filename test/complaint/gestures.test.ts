import { expect } from 'chai'
import { type Gestures, openGestures } from '../../gateway/complaint/gestures.ts'
import { startEngine } from '../../gateway/engine/engine.ts'
import { createLog } from '../../gateway/log.ts'
import { until } from '../../scripts/neighbourhood.ts'
import type { Answer } from '../../src/effect.ts'
import { admitLocal, type Contact, contactKey, emptyState } from '../../src/state.ts'
import { flag } from '../../store/change.ts'
import { store as setFlags } from '../../store/flag.ts'
import { placedAsJunk } from '../../store/gesture.ts'
import { append, view } from '../../store/message.ts'
import { copy, expunge, move } from '../../store/move.ts'
import type { Store } from '../../store/store.ts'
import { contacts } from '../../store/web.ts'
import { draft, eachWithStore, letterOf, takeOut } from '../store/home.ts'

describe('gestures', () => {
  const bench = eachWithStore()
  const log = createLog({ level: 'silent', format: 'json' })
  const running: Gestures[] = []
  let judged: string[] = []
  let answer: () => Answer = () => ({ say: 'done' })
  let became: 'complaint' | 'withdrawn' | 'distrust' = 'complaint'
  let reputes: () => string[] = () => []
  let lasts = 0
  beforeEach(() => {
    judged = []
    lasts = 0
    answer = () => ({ say: 'done' })
    became = 'complaint'
  })
  afterEach(async () => {
    for (const one of running.splice(0)) await one.stop()
  })

  /** @param store where what is read can be counted */
  const open = async (graceMs: number, store: Store = bench()) => {
    const { db, account } = bench()
    const state = emptyState('me', 'a.test')
    admitLocal(state, { entity: account.entityId, account: account.id, address: account.address })
    const engine = startEngine(db, state, log)
    state.locals.set('mal', { entity: 'mal', account: 99, address: 'mal@a.test' })
    reputes = () => [...state.repute.values()].map(({ entity, reproaches }) => `${entity} ${reproaches.length}`)
    const gestures = await openGestures({ store, engine, log, now: Date.now }, graceMs, {
      judge: async ({ key, verdict }) => {
        judged.push(`${verdict} ${key}`)
        return answer()
      },
      unjudged: async (keys) => [...keys],
      became: async () => became,
    })
    await gestures.start()
    running.push(gestures)
    return gestures
  }

  /** A message from `from`, delivered by us; its key is `origin/<from>`. */
  const deliver = async (folder: string, from: string, at = Date.now(), path = ['origin', 'me']): Promise<number> => {
    const { db, home, folder: idOf } = bench()
    const provenance = { key: `origin/${from}`, from, address: `${from}@b.test`, path, at }
    const [added] = await append(db, await idOf(folder), [
      await draft(home, letterOf(from), { provenance, internalDate: at }),
    ])
    return added?.uid ?? 0
  }
  const shift = async (how: typeof move | typeof copy, uid: number, from: string, to: string): Promise<number> => {
    const { db, folder } = bench()
    return (await how(db, await folder(from), [uid], await folder(to)))[0]?.to ?? 0
  }
  const mark = async (folder: string, uid: number, keywords: string, flags = 0, mode: 'add' | 'remove' = 'add') => {
    await setFlags(bench().db, await bench().folder(folder), [uid], { mode, flags, keywords })
  }
  const trust = async (other: string, trust: Contact['trust']) => {
    const { db, account } = bench()
    const contact = { entity: account.entityId, other, trust, address: `${other}@b.test`, at: 1 }
    await db.transaction((tx) => contacts.save(tx, [contact]))
  }
  const trustIn = async (other: string) =>
    (await contacts.load(bench().db, [contactKey(bench().account.entityId, other)]))[0]?.trust
  const hears = (...words: string[]) =>
    until(`${words} of ${judged}`, async () => words.every((word) => judged.includes(word)))
  /** A later message is judged: whatever was to be said of others before has been said. */
  const settled = async () => {
    const last = `last${++lasts}`
    await shift(move, await deliver('INBOX', last), 'INBOX', 'Junk')
    await until(`${last} is seen`, async () => {
      const seen = running.at(-1)?.list() ?? []
      return seen.some(({ provenance }) => provenance.from === last)
    })
  }

  it('moving to Junk complains when the grace is over', async () => {
    await open(0)
    await shift(move, await deliver('INBOX', 'mal'), 'INBOX', 'Junk')
    await hears('abuse origin/mal')
  })

  it('$Junk and a copy to Junk do, too', async () => {
    await open(0)
    await mark('INBOX', await deliver('INBOX', 'mal'), '$Junk')
    const uid = await deliver('Requests', 'mia')
    await shift(copy, uid, 'Requests', 'Junk')
    await mark('Requests', uid, '', flag.deleted) // as clients without MOVE go on
    await expunge(bench().db, await bench().folder('Requests'))
    await hears('abuse origin/mal', 'abuse origin/mia')
    expect(judged).to.have.length(2)
  })

  it('at the start messages from before the last weeks are not gone through', async () => {
    const { db } = bench()
    const longAgo = Date.now() - 100 * 86_400_000
    await deliver('Junk', 'old', longAgo)
    await db.transaction((tx) => tx.run('UPDATE message SET saved_at = ?', [longAgo]))
    await deliver('INBOX', 'ann')
    await mark('INBOX', await deliver('INBOX', 'mia'), '$Junk')
    await shift(move, await deliver('INBOX', 'mal'), 'INBOX', 'Junk')
    const plans: { detail: string }[] = []
    const range: typeof db.read.range = async (sql, params) => {
      plans.push(...(await db.read.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, params)))
      return db.read.range(sql, params)
    }
    const found = await placedAsJunk({ ...db, read: { ...db.read, range } })
    expect(found.map(({ provenance }) => provenance.from)).to.have.members(['mia', 'mal'])
    expect(plans[0]?.detail).to.match(/^SEARCH message USING INTEGER PRIMARY KEY/)
  })

  it('what is done to the copy left behind takes nothing back', async () => {
    const gestures = await open(0)
    const uid = await deliver('INBOX', 'mal')
    await shift(copy, uid, 'INBOX', 'Junk')
    await until('it is made', async () => gestures.list()[0]?.stage === 'made')
    await mark('INBOX', uid, 'work')
    await settled()
    expect(judged).not.to.include('not-spam origin/mal')
  })

  const takenBack: [what: string, back: (uid: number) => Promise<unknown>][] = [
    ['moved out', (uid) => shift(move, uid, 'Junk', 'INBOX')],
    ['copied out', (uid) => shift(copy, uid, 'Junk', 'INBOX')],
    ['marked $NotJunk', (uid) => mark('Junk', uid, '$NotJunk')],
  ]
  for (const [what, back] of takenBack) {
    it(`${what} within the grace, nothing happened`, async () => {
      const gestures = await open(3_600_000)
      const uid = await shift(move, await deliver('INBOX', 'mal'), 'INBOX', 'Junk')
      await until('it is pending', async () => gestures.list()[0]?.stage === 'pending')
      await back(uid)
      await until('it is forgotten', async () => gestures.list().length === 0)
      expect(judged).to.deep.equal([])
    })
    it(`${what} later, the complaint is taken back`, async () => {
      const gestures = await open(0)
      const uid = await shift(move, await deliver('INBOX', 'mal'), 'INBOX', 'Junk')
      await until('it is made', async () => gestures.list()[0]?.stage === 'made')
      await back(uid)
      await hears('not-spam origin/mal')
      await until('it is undone', async () => gestures.list()[0]?.stage === 'undone')
    })
  }

  it('taking the mark $Junk off again takes the complaint back', async () => {
    const gestures = await open(0)
    const uid = await deliver('INBOX', 'mal')
    await mark('INBOX', uid, '$Junk')
    await until('it is made', async () => gestures.list()[0]?.stage === 'made')
    await mark('INBOX', uid, '$Junk', 0, 'remove')
    await hears('not-spam origin/mal')
  })

  it('a mail program that marks $NotJunk whatever it shows can complain, and change its mind', async () => {
    const gestures = await open(0)
    const uid = await deliver('INBOX', 'mal')
    await mark('INBOX', uid, '$NotJunk')
    const inJunk = await shift(move, uid, 'INBOX', 'Junk')
    await until('it is made', async () => gestures.list()[0]?.stage === 'made')
    await mark('Junk', inJunk, '', flag.seen)
    await settled()
    expect(judged).not.to.include('not-spam origin/mal')
    await shift(move, inJunk, 'Junk', 'INBOX')
    await hears('not-spam origin/mal')
  })

  it('emptying Junk takes nothing back', async () => {
    const gestures = await open(0)
    const first = await shift(move, await deliver('INBOX', 'mal'), 'INBOX', 'Junk')
    const second = await shift(move, await deliver('INBOX', 'mia'), 'INBOX', 'Junk')
    await until('both are made', async () => gestures.list().filter(({ stage }) => stage === 'made').length === 2)
    await shift(move, first, 'Junk', 'Trash')
    await takeOut(bench().db, await bench().folder('Junk'), [second])
    await settled()
    expect(gestures.list().map(({ stage }) => stage)).not.to.include('undoing')
    expect(judged).not.to.include.members(['not-spam origin/mal', 'not-spam origin/mia'])
  })

  it('a restart in the grace forgets nothing, and complains in time', async () => {
    const before = await open(3_600_000)
    await shift(move, await deliver('INBOX', 'mal'), 'INBOX', 'Junk')
    await until('it is pending', async () => before.list()[0]?.stage === 'pending')
    await before.stop()
    const { db } = bench()
    await db.transaction((tx) => tx.run("UPDATE gesture SET data = json_set(data, '$.dueAt', 1), due_at = 1"))
    await open(3_600_000)
    await hears('abuse origin/mal')
  })

  it('what happened while nobody watched is seen at the start', async () => {
    const before = await open(3_600_000)
    const uid = await shift(move, await deliver('INBOX', 'back'), 'INBOX', 'Junk')
    await until('it is pending', async () => before.list()[0]?.stage === 'pending')
    await before.stop()
    await shift(move, uid, 'Junk', 'INBOX')
    await shift(move, await deliver('INBOX', 'mal'), 'INBOX', 'Junk')
    await mark('INBOX', await deliver('INBOX', 'mia'), '$Junk')
    await open(0)
    await hears('abuse origin/mal', 'abuse origin/mia')
    expect(judged).not.to.include('abuse origin/back')
  })

  it('read, answered and accepted are wanted, each once', async () => {
    await open(0)
    const read = await deliver('INBOX', 'read')
    await mark('INBOX', read, '', flag.seen)
    await mark('INBOX', await deliver('INBOX', 'answered'), '', flag.answered)
    await shift(move, await deliver('Requests', 'accepted'), 'Requests', 'INBOX')
    await hears('wanted origin/read', 'wanted origin/answered', 'wanted origin/accepted')
    await mark('INBOX', read, 'work')
    await settled()
    expect(judged.filter((one) => one.startsWith('wanted'))).to.have.length(3)
  })

  it('a thousand messages marked one by one cost some statements, not thousands', async () => {
    let reads = 0
    const { db, home, folder } = bench()
    const range: typeof db.read.range = (sql, params) => {
      reads++
      return db.read.range(sql, params)
    }
    const counted = new Proxy(db, {
      get: (it, name) => (name === 'read' ? { ...db.read, range } : Reflect.get(it, name)),
    })
    await open(3_600_000, { ...bench(), db: counted })
    const atStart = reads
    await settled()
    const alone = reads - atStart
    const inbox = await folder('INBOX')
    const at = Date.now()
    const letter = await draft(home, letterOf('many'), { internalDate: at })
    const drafts = Array.from({ length: 1000 }, (_, i) => ({
      ...letter,
      provenance: { key: `origin/${i}`, from: 'bob', address: 'bob@b.test', path: ['origin', 'me'], at },
    }))
    const added = await append(db, inbox, drafts)
    const before = reads
    await Promise.all(added.map(({ uid }) => setFlags(db, inbox, [uid], { mode: 'add', flags: flag.seen })))
    await settled()
    expect(reads - before).to.be.within(1, 30)
    const stars = reads
    await setFlags(
      db,
      inbox,
      added.map(({ uid }) => uid),
      { mode: 'add', flags: flag.flagged },
    )
    await settled()
    expect(reads - stars, 'a star says nothing: only the last letter is looked at').to.equal(alone)
  })

  it('read and then thrown on Junk within the grace was never wanted', async () => {
    await open(400)
    const uid = await deliver('INBOX', 'mal')
    await mark('INBOX', uid, '', flag.seen)
    await shift(move, uid, 'INBOX', 'Junk')
    await hears('abuse origin/mal')
    expect(judged).to.deep.equal(['abuse origin/mal'])
  })

  it('where the web says that it was no complaint, the person is told', async () => {
    became = 'distrust'
    const gestures = await open(0)
    await shift(move, await deliver('INBOX', 'bob'), 'INBOX', 'Junk')
    await until('it ended a trust', async () => gestures.list()[0]?.stage === 'distrusted')
    expect(await view(bench().db, await bench().folder('INBOX')), 'the notice').to.have.length(1)
  })

  it('where it was taken back before, it does not count again, and is shown so', async () => {
    became = 'withdrawn'
    const gestures = await open(0)
    await shift(move, await deliver('INBOX', 'bob'), 'INBOX', 'Junk')
    await until('it is refused', async () => gestures.list()[0]?.code === 'complaint-late')
  })

  for (const kind of ['explicit', 'implicit'] as const)
    it(`within the gateway, ${kind} trust goes and nobody is accused; out of Junk, all is as before`, async () => {
      await trust('bob', kind)
      const gestures = await open(0)
      const uid = await shift(move, await deliver('INBOX', 'bob', Date.now(), ['me']), 'INBOX', 'Junk')
      await until('trust is taken back', async () => gestures.list()[0]?.stage === 'distrusted')
      expect(await trustIn('bob')).to.equal('none')
      expect(await view(bench().db, await bench().folder('INBOX')), 'the notice').to.have.length(1)
      await shift(move, uid, 'Junk', 'INBOX')
      await until('it is given back', async () => (await trustIn('bob')) === kind)
      expect(judged).to.deep.equal([])
      expect(reputes()).to.deep.equal([])
    })

  it('within the gateway a stranger is reproached, and pardoned', async () => {
    const gestures = await open(0)
    const uid = await shift(move, await deliver('Requests', 'mal', Date.now(), ['me']), 'Requests', 'Junk')
    await until('it is made', async () => gestures.list()[0]?.stage === 'made')
    expect(reputes()).to.deep.equal(['mal 1'])
    await shift(move, uid, 'Junk', 'INBOX')
    await until('it is undone', async () => gestures.list()[0]?.stage === 'undone')
    expect(reputes()).to.deep.equal(['mal 0'])
    expect(judged).to.deep.equal([])
  })

  it('a refusal is kept with its code, and a fault is tried again', async () => {
    const gestures = await open(0)
    answer = () => ({ say: 'refused', code: 'entity-unknown', detail: 'no' })
    await shift(move, await deliver('INBOX', 'mal'), 'INBOX', 'Junk')
    await until('it is refused', async () => gestures.list()[0]?.code === 'entity-unknown')
    answer = () => {
      throw new Error('the world fails')
    }
    await shift(move, await deliver('INBOX', 'mia'), 'INBOX', 'Junk')
    await hears('abuse origin/mia')
    expect(gestures.list().find(({ provenance }) => provenance.from === 'mia')?.stage).to.equal('pending')
  })

  it('mail that its client put there, and old mail, say nothing', async () => {
    const { db, home, folder } = bench()
    const gestures = await open(0)
    const [own] = await append(db, await folder('INBOX'), [await draft(home, letterOf('own'))])
    await shift(move, own?.uid ?? 0, 'INBOX', 'Junk')
    await shift(move, await deliver('INBOX', 'old', Date.now() - 8 * 86_400_000), 'INBOX', 'Junk')
    await settled()
    expect(gestures.list().map(({ provenance }) => provenance.from)).to.deep.equal(['last1'])
  })
})
