import { buffer } from 'node:stream/consumers'
import { expect } from 'chai'
import { simpleParser } from 'mailparser'
import { tellProgress } from '../../gateway/carry/progress.ts'
import { startEngine } from '../../gateway/engine/engine.ts'
import { createLog } from '../../gateway/log.ts'
import { until } from '../../scripts/neighbourhood.ts'
import type { Custody } from '../../src/custody/custody.ts'
import type { Stage } from '../../src/custody/submission.ts'
import { progressOf } from '../../src/report/progress.ts'
import { content, view } from '../../store/message.ts'
import { markOutgoing, showOutgoing } from '../../store/outbox.ts'
import type { Store } from '../../store/store.ts'
import { custody, submissions } from '../../store/web.ts'
import { b, envelopeId, link, now, r, row, submission, world } from '../custody/rows.ts'
import { draft, eachWithStore, letterOf } from '../store/home.ts'

describe('the letter beside a copy in Outgoing', () => {
  const bench = eachWithStore()
  const recipient = { address: 'bob@b.test', notify: [], envelope: envelopeId }
  const log = createLog({ level: 'silent', format: 'json' })
  const soon = { patienceMs: 0, refreshMs: 3_600_000, tickMs: 5 }

  const start = (times = soon, { db }: Pick<Store, 'db'> = bench(), clock = Date.now) => {
    const state = world()
    state.submissions.clear() // what is stored counts
    const engine = startEngine(bench().db, state, log)
    return tellProgress({ store: { ...bench(), db }, engine, log, now: clock, home: bench().home }, times)
  }
  const bring = async (stage: Stage | 'cleared') => {
    const { db } = bench()
    await db.transaction(async (tx) => {
      if (stage !== 'cleared') {
        const sent = submission({ account: bench().account.id, body: null, recipients: [{ ...recipient, stage }] })
        await submissions.save(tx, [sent])
        const steps = stage === 'InCustody' ? [{ event: 'accepted' as const, by: r, at: now, jws: 'receipt' }] : []
        await custody.save(tx, [row({ body: null, trail: steps })])
      }
      await markOutgoing(tx, [{ submission: 'letter 1', stage }])
    })
  }
  const copyIn = async () => {
    await bring('Queued')
    const { db, home, folder } = bench()
    const copy = {
      ...(await draft(home, letterOf('hello'))),
      submission: 'letter 1',
      mailbox: await folder('Outgoing'),
    }
    await db.transaction((tx) => showOutgoing(tx, [{ ...copy, stage: 'Queued' }]))
  }
  const lying = async () => view(bench().db, await bench().folder('Outgoing'))
  const noteSaying = async (subject: string) => {
    let text = ''
    await until(`a letter that says ${subject}`, async () => {
      const last = (await lying()).at(-1)
      const bytes = last && (await content(bench().db, last.id, { start: 0, end: last.size }))
      const mail = await simpleParser(bytes === undefined ? '' : Buffer.isBuffer(bytes) ? bytes : await buffer(bytes))
      text = (mail.text ?? '').replace(/\s+/g, ' ')
      return mail.subject === subject && mail.inReplyTo === '<1@me.test>'
    })
    return text
  }

  it('says where it stands and how it came there, is kept up to date, and goes with the copy', async () => {
    const telling = await start()
    await copyIn()
    expect(await noteSaying('Waiting: hello')).to.include('bob@b.test: it waits here to be handed on.')
    await bring('InCustody')
    expect(await noteSaying('On its way: hello')).to.match(/accepted it from your mail program.* took custody/)
    expect(await lying(), 'the copy, and one letter').to.have.length(2)
    await bring('Delivered')
    expect(await noteSaying('Delivered: hello')).to.include('bob@b.test: it has arrived.')
    await bring('cleared')
    expect(await lying()).to.deep.equal([])
    await telling.stop()
  })

  const away = () => {
    const state = world()
    state.links.set(r, link(r, { up: false }))
    return state
  }
  const row1 = (more: Partial<Custody>) => row({ body: null, ...more })
  const cases: [stage: Stage, kept: Custody, said: string][] = [
    [
      'Queued',
      row1({ state: 'spooled', awaits: 'who:a1' }),
      'nobody has said yet that this address is theirs; the others are asked.',
    ],
    [
      'Queued',
      row1({ state: 'spooled', heldUntil: now }),
      'it is kept here until Tue, 14 Nov 2023, 22:13 UTC, as you asked.',
    ],
    ['Routing', row1({ state: 'waiting', awaits: `up:${r}` }), 'it waits here until r.test can be reached.'],
    [
      'Routing',
      row1({ state: 'waiting', awaits: `credit:${r}` }),
      'it waits here until r.test takes more mail from this gateway.',
    ],
    ['Routing', row1({ state: 'waiting', awaits: 'who:e1' }), 'this gateway looks for a way.'],
    [
      'Delayed',
      row1({ state: 'waiting', awaits: `up:${r}` }),
      'it is late: it waits here until r.test can be reached.',
    ],
    ['Routing', row1({ state: 'waiting', isHeldBack: true }), 'the administrator of this gateway holds it back.'],
    ['InCustody', row1({ state: 'handed', isHeldBack: true }), 'another gateway has it, and has signed for it.'],
    [
      'InCustody',
      row1({ state: 'waiting', lodge: { to: 'bob@me.test', from: 'ann@me.test' } }),
      'the server that keeps the mail of people here has not taken it yet.',
    ],
    ['Delayed', row1({ state: 'handed' }), 'it is late, and is still being tried.'],
    ['Failed', row1({ state: 'waiting', awaits: 'who:e1' }), 'it could not be delivered; a notice in INBOX says why.'],
  ]
  for (const [stage, kept, said] of cases)
    it(`says what it waits for: ${stage}, ${kept.state}, ${kept.awaits}`, () => {
      const { text } = progressOf(away(), submission({ recipients: [{ ...recipient, stage }] }), [kept])
      expect(text.replace(/\s+/g, ' ')).to.include(`bob@b.test: ${said}`)
    })

  it('does not say that a neighbour is away which is there, and did not take it', () => {
    const { text } = progressOf(world(), submission(), [row1({ awaits: `up:${r}` })])
    expect(text).to.include('it waits here: r.test is asked again to take it.')
  })

  it('tells of the envelope it is in now, not of one that ended before', () => {
    const refused = { event: 'refused' as const, code: 'permit-ended' as const, by: b, at: now, jws: 'report' }
    const before = row1({ key: 'me/before', id: 'before', state: 'done', trail: [refused] })
    const { text } = progressOf(away(), submission(), [before, row1({ awaits: `up:${r}` })])
    expect(text).to.include('it waits here until r.test can be reached').and.not.include('refused')
  })

  it('is not written for what arrives soon', async () => {
    const telling = await start({ ...soon, patienceMs: 3_600_000 })
    await copyIn()
    await bring('Delivered')
    await telling.stop()
    expect(await lying()).to.have.length(1)
    const again = await start() // as if the gateway came back: it has arrived, and nothing is left to say
    await again.stop()
    expect(await lying()).to.have.length(1)
  })

  it('is written at the next turn where that failed', async () => {
    const { db } = bench()
    let faults = 0
    const transaction: typeof db.transaction = (work) =>
      faults-- > 0 ? Promise.reject(new Error('disk full')) : db.transaction(work)
    const telling = await start(soon, { db: { ...db, transaction } })
    await copyIn()
    await noteSaying('Waiting: hello')
    faults = 1
    await bring('Delivered')
    await noteSaying('Delivered: hello')
    await telling.stop()
  })

  it('is written also where the clock was set back since', async () => {
    let ahead = 48 * 3_600_000
    const telling = await start({ ...soon, patienceMs: 3_600_000 }, bench(), () => Date.now() + ahead)
    await copyIn()
    ahead = 0
    await noteSaying('Waiting: hello')
    await telling.stop()
  })

  it('is taken up where it was left when the gateway comes back', async () => {
    await copyIn()
    const telling = await start()
    await noteSaying('Waiting: hello')
    await telling.stop()
    await bring('Failed')
    const again = await start()
    await noteSaying('Not delivered: hello')
    await again.stop()
    expect(await lying()).to.have.length(2)
  })
})
