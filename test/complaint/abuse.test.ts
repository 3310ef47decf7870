import { expect } from 'chai'
import { isAbuseDesk, openAbuseDesk } from '../../gateway/complaint/abuse.ts'
import { type Gestures, openGestures } from '../../gateway/complaint/gestures.ts'
import type { Core } from '../../gateway/core.ts'
import { startEngine } from '../../gateway/engine/engine.ts'
import { createLog } from '../../gateway/log.ts'
import type { Submission } from '../../gateway/smtp/submission.ts'
import { until } from '../../scripts/neighbourhood.ts'
import { admitLocal, emptyState, type State } from '../../src/state.ts'
import { create } from '../../store/account.ts'
import { cached } from '../../store/cached.ts'
import { append, view } from '../../store/message.ts'
import { draftOf } from '../../store/spool.ts'
import { custody } from '../../store/web.ts'
import { row as custodyRow } from '../custody/rows.ts'
import { draft, eachWithStore, letterOf, parse } from '../store/home.ts'

const envelope = '0123456789abcdef0123456789abcdef'

describe('abuse@', () => {
  const bench = eachWithStore()
  let state: State
  let gestures: Gestures
  let submitted: Submission[]
  let desk: ReturnType<typeof openAbuseDesk>
  let judged: string[]

  beforeEach(async () => {
    const { db, account, home } = bench()
    const log = createLog({ level: 'silent', format: 'json' })
    const olga = await create(db, { address: 'olga@a.test', name: 'Olga', entityId: 'entity-olga' })
    if (olga === 'exists') throw new Error('a new home has an Olga')
    state = emptyState('me', 'a.test')
    admitLocal(state, { entity: 'entity-olga', account: 0, address: 'olga@a.test' }) // the first: she owns the gateway
    admitLocal(state, { entity: account.entityId, account: account.id, address: account.address })
    const engine = startEngine(db, state, log)
    const core = { home, store: bench(), engine, log, now: Date.now } as unknown as Core
    judged = []
    submitted = []
    const judge = async ({ key, verdict }: { key: string; verdict: string }) => {
      judged.push(`${verdict} ${key}`)
      return { say: 'done' } as const
    }
    gestures = await openGestures(core, 0, {
      judge,
      unjudged: async (keys) => [...keys],
      became: async () => 'complaint',
    })
    await gestures.start()
    desk = openAbuseDesk(core, gestures, async (one) => {
      submitted.push(one)
      return undefined
    })
  })
  afterEach(() => gestures.stop())

  const receive = async (at = Date.now()) => {
    const { db, home, folder } = bench()
    const provenance = { key: `origin/${envelope}`, from: 'mal', address: 'mal@m.test', path: ['origin', 'me'], at }
    await append(db, await folder('INBOX'), [await draft(home, letterOf('buy'), { provenance, internalDate: at })])
  }
  const report = (kind = 'abuse', about = [`Vouchsafe-Path: id=${envelope}`, 'Message-ID: <1@a.test>']): string =>
    [
      'From: <ann@a.test>',
      'Content-Type: multipart/report; report-type=feedback-report; boundary=b',
      '',
      '--b\r\n\r\nspam\r\n--b',
      `Content-Type: message/feedback-report\r\n\r\nFeedback-Type: ${kind}\r\nVersion: 1\r\n`,
      '--b',
      `Content-Type: text/rfc822-headers\r\n\r\n${about.join('\r\n')}\r\n`,
      '--b--',
      '',
    ].join('\r\n')
  const send = async (text: string, to = ['abuse@a.test']): Promise<void> => {
    const { account, home } = bench()
    const bytes = Buffer.from(text)
    const recipients = to.map((address) => ({ address, notify: [] }))
    const header = bytes
    await desk({
      id: 'f'.repeat(32),
      account: account.id,
      entityId: account.entityId,
      from: account.address,
      recipients,
      ret: 'HDRS',
      messageId: '<r@a.test>',
      subject: 'Abuse',
      authors: [account.address],
      header,
      body: await draftOf(home, bytes),
      parsed: () => parse(bytes),
      at: Date.now(),
    })
  }
  /** What the gateway has written to Ann. */
  const answers = async (): Promise<string[]> => {
    const { db, folder } = bench()
    const rows = await view(db, await folder('INBOX'))
    const found = await cached(
      db,
      rows.map(({ id }) => id),
      ['from', 'subject'],
    )
    return found.filter(({ from }) => from.includes('postmaster')).map(({ subject }) => subject)
  }
  const refusal = 'Your report to abuse@ was not taken as a complaint'

  it('is a desk wherever addresses live here, unless somebody has it as theirs', () => {
    expect(isAbuseDesk(state, 'abuse@a.test')).to.equal(true)
    expect(isAbuseDesk(state, 'abuse@b.test')).to.equal(false)
    expect(isAbuseDesk(state, 'abused@a.test')).to.equal(false)
    admitLocal(state, { entity: 'x', account: 9, address: 'abuse@a.test' })
    expect(isAbuseDesk(state, 'abuse@a.test')).to.equal(false)
  })

  it('a report about a message one has received is a complaint, durable when it resolves, with its reason', async () => {
    await receive()
    await send(report('fraud'))
    expect(gestures.list()[0]).to.include({ stage: 'pending', reason: 'fraud' })
    await until('it is sent', async () => judged.includes(`fraud origin/${envelope}`))
    expect(submitted).to.deep.equal([])
    expect(await answers()).to.deep.equal([])
  })
  it('found by its Message-ID, too', async () => {
    await receive()
    await send(report('abuse', ['Message-ID: <1@a.test>']))
    expect(gestures.list()).to.have.length(1)
  })
  it('not-spam takes it back', async () => {
    await receive()
    await send(report())
    await until('it is sent', async () => gestures.list()[0]?.stage === 'made')
    await send(report('not-spam'))
    await until('it is taken back', async () => judged.includes(`not-spam origin/${envelope}`))
  })

  const unfit: [what: string, prepare: () => Promise<unknown>, text: () => string][] = [
    ['about a message nobody here has', async () => {}, () => report()],
    ['about another’s message', async () => receive(), () => report('abuse', [`Vouchsafe-Path: id=${'e'.repeat(32)}`])],
    ['about an old message', () => receive(Date.now() - 8 * 86_400_000), () => report()],
    ['that names no message', () => receive(), () => report('abuse', ['Subject: x'])],
    ['of a kind that is no complaint', () => receive(), () => report('opt-out')],
  ]
  for (const [what, prepare, text] of unfit)
    it(`a report ${what} is answered, and complains about nothing`, async () => {
      await prepare()
      await send(text())
      expect(await answers()).to.deep.equal([refusal])
      expect(gestures.list()).to.deep.equal([])
      expect(submitted).to.deep.equal([])
    })
  it('twice the same is answered', async () => {
    await receive()
    await send(report())
    await send(report())
    expect(await answers()).to.deep.equal([refusal])
    expect(gestures.list()).to.have.length(1)
  })

  it('any other letter goes to the owner of the gateway', async () => {
    await send('From: <ann@a.test>\r\n\r\nMal sends spam.\r\n')
    expect(submitted.map(({ recipients }) => recipients.map(({ address }) => address))).to.deep.equal([['olga@a.test']])
    expect(await answers()).to.deep.equal([])
  })
  it('others among the recipients get it as ever', async () => {
    await receive()
    await send(report(), ['abuse@a.test', 'bob@b.test'])
    expect(submitted.map(({ recipients }) => recipients.map(({ address }) => address))).to.deep.equal([['bob@b.test']])
    expect(gestures.list()).to.have.length(1)
  })
  it('an account of that name gets its letters, and a report is a complaint besides', async () => {
    admitLocal(state, { entity: 'x', account: 9, address: 'abuse@a.test' })
    await receive()
    await send(report())
    await send('From: <ann@a.test>\r\n\r\nhello\r\n')
    expect(submitted.map(({ recipients }) => recipients[0]?.address)).to.deep.equal(['abuse@a.test', 'abuse@a.test'])
    expect(gestures.list()).to.have.length(1)
  })
  it('a fault keeps nothing, and is thrown: the client tries again', async () => {
    await receive()
    const broken = { ...gestures, raise: () => Promise.reject(new Error('the disk')) }
    const core = { home: bench().home, store: bench(), engine: { state }, now: Date.now } as unknown as Core
    desk = openAbuseDesk(core, broken, async (one) => {
      submitted.push(one)
      return undefined
    })
    expect(await send(report()).catch((error: Error) => error.message)).to.equal('the disk')
    expect(submitted).to.deep.equal([])
  })

  it('whoever answers a letter wanted it', async () => {
    const { db, account } = bench()
    const row = custodyRow({
      path: ['origin', 'me'],
      role: 'destination',
      state: 'done',
      to: account.entityId,
      messageId: '<1@m.test>',
      created: Date.now(),
    })
    await db.transaction((tx) => custody.save(tx, [row]))
    await send('From: <ann@a.test>\r\nIn-Reply-To: <1@m.test>\r\n\r\nThank you\r\n', ['mia@m.test'])
    await until('it is judged', async () => judged.includes(`wanted ${row.key}`))
  })
})
