/** The directory role: what it takes, from whom, what it answers, and what strangers may not do. */
import { rm } from 'node:fs/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import { openDirectory } from '../../gateway/reach/directory.ts'
import { type Agent, generateAgent } from '../../src/identity/agent.ts'
import { signRecord } from '../../src/identity/record.ts'
import { REACH_LIFE_MS } from '../../src/reach/announce.ts'
import { list, newest } from '../../src/reach/directory.ts'
import type { Said } from '../../src/reach/reach.ts'
import { Refusal } from '../../src/refusal.ts'
import { reachAsk } from '../../src/wire/directory.ts'
import { openStore, type Store } from '../../store/store.ts'
import { startAgent, type TestAgent } from '../link/agents.ts'
import { newHome } from '../store/home.ts'

const HOUR = 3_600_000
const NET = 'test'
const codeOf = (error: unknown) => {
  if (error instanceof Refusal) return error.code
  throw error
}

describe('reach: a directory', () => {
  let home: string
  let store: Store
  let now: number
  const [me, x, m] = [generateAgent(), generateAgent(), generateAgent()]
  beforeEach(async () => {
    home = await newHome()
    store = await openStore(home)
    now = 1_700_000_000_000
  })
  afterEach(async () => {
    await store.close()
    await rm(home, { recursive: true, force: true })
  })

  const open = (most?: number) => openDirectory({ agent: me, net: NET, store, now: () => now }, most)
  const signed = (by: Agent, seq: number, more: object = {}, net = NET) =>
    signRecord(by, net, 'REACH', {
      for: me.id,
      addresses: ['x.test:2740'],
      via: [],
      seq,
      expires: now + REACH_LIFE_MS,
      ...more,
    })
  const from = '192.0.2.1'
  type Directory = Awaited<ReturnType<typeof open>>
  const tell = async (directory: Directory, record: string, by = x) =>
    directory.answer(by.id, from, { v: 1, tell: record }).then(() => 'taken', codeOf)
  const ask = async (directory: Directory, agent = x, remote = from) =>
    directory
      .answer(m.id, remote, { v: 1, where: agent.id })
      .then((said) => Reflect.get(said, 'record') as string, codeOf)

  it('that is full takes a newcomer once somebody in it has been silent, also across a restart', async () => {
    const directory = await open(1)
    expect(await tell(directory, await signed(x, now))).to.equal('taken')
    now += HOUR
    expect(await tell(directory, await signed(m, now), m)).to.equal('custody-full')
    now += HOUR / 2
    const again = await open(1)
    expect(await tell(again, await signed(m, now), m)).to.equal('taken')
    expect([await ask(again, x), typeof (await ask(again, m))]).to.deep.equal([undefined, 'string'])
  })

  it('takes an agent’s own word, and answers with it as it came', async () => {
    const directory = await open()
    const record = await signed(x, now)
    expect(await ask(directory)).to.equal(undefined)
    expect(await tell(directory, record)).to.equal('taken')
    expect(await ask(directory)).to.equal(record)
    expect(await ask(directory, m)).to.equal(undefined)
  })

  it('still knows after a restart, and takes no older word then', async () => {
    const record = await signed(x, now)
    await tell(await open(), record)
    const again = await open()
    expect(await ask(again)).to.equal(record)
    expect(await tell(again, await signed(x, now - 1))).to.equal('reach-outdated')
  })

  it('forgets after 48 hours', async () => {
    const directory = await open()
    await tell(directory, await signed(x, now))
    now += REACH_LIFE_MS
    expect(await ask(directory)).to.equal(undefined)
    await directory.tidy()
    expect(await tell(directory, await signed(x, 1))).to.equal('taken') // nothing of it is remembered
  })

  const refused: [what: string, record: () => Promise<string>, by: Agent, code: string][] = [
    ['another’s word, which a caller could replay', () => signed(x, now), m, 'agent-mismatch'],
    ['a word for somebody else', () => signed(x, now, { for: m.id }), x, 'agent-mismatch'],
    ['a word of another web', () => signed(x, now, {}, 'other'), x, 'net-mismatch'],
    ['what is over', () => signed(x, now, { expires: now }), x, 'expired'],
    ['what would never end', () => signed(x, now, { expires: now + 2 * REACH_LIFE_MS }), x, 'record-malformed'],
    ['nonsense', async () => 'nonsense', x, 'record-malformed'],
  ]
  for (const [what, record, by, code] of refused)
    it(`refuses ${what}`, async () => {
      const directory = await open()
      expect(await tell(directory, await record(), by)).to.equal(code)
      expect(await ask(directory)).to.equal(undefined)
    })

  it('one source address asks a hundred times in ten minutes; others are not hindered', async () => {
    const directory = await open()
    const answers = await Promise.all(Array.from({ length: 101 }, () => ask(directory)))
    expect(answers.filter((one) => one === 'rate-limited')).to.have.length(1)
    expect(await ask(directory, x, '192.0.2.2')).to.equal(undefined)
    now += 600_000
    expect(await ask(directory)).to.equal(undefined)
  })

  it('a question is one of both, or is refused by name', () => {
    const read = (value: unknown) => {
      try {
        reachAsk(value, 'the question')
        return 'read'
      } catch (error) {
        return codeOf(error)
      }
    }
    expect(read({ v: 1 })).to.equal('record-malformed')
    expect(read({ v: 1, where: x.id, tell: 'jws' })).to.equal('record-malformed')
    expect(read({ v: 2, where: x.id })).to.equal('record-version')
    expect(read({ v: 1, where: x.id, later: 1 })).to.equal('read')
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(read(value)).to.be.oneOf(['record-malformed', 'record-version', 'read'])
      }),
    )
  })
})

describe('reach: what directories answer', () => {
  const now = 1_700_000_000_000
  const said = (by: string, seq: number, more: Partial<Said> = {}): Said => ({
    by,
    for: 'directory',
    addresses: [],
    via: [],
    seq,
    expires: now + HOUR,
    jws: `${by} ${seq}`,
    ...more,
  })
  const seqs: [what: string, answers: Said[], known: number, seq: number | undefined][] = [
    ['the highest seq wins', [said('x', 5), said('x', 7), said('x', 6)], 0, 7],
    ['a higher one about somebody else does not', [said('x', 5), said('m', 9)], 0, 5],
    ['nor one that is over', [said('x', 5), said('x', 9, { expires: now })], 0, 5],
    ['nothing new is nothing', [said('x', 5)], 5, undefined],
    ['no answer is none', [], 0, undefined],
  ]
  for (const [what, answers, known, seq] of seqs)
    it(what, () => expect(newest(answers, 'x', known, now)?.seq).to.equal(seq))

  it('a word lives in a directory no longer than 48 hours by its own clock', () => {
    const ahead = said('x', 1, { expires: now + REACH_LIFE_MS + HOUR / 2 })
    expect(list(undefined, 'x', 'directory', ahead, now)).to.deep.include({ expires: now + REACH_LIFE_MS })
  })
})

describe('reach: a directory’s link port', () => {
  let directory: TestAgent
  let stranger: TestAgent
  beforeEach(async () => {
    directory = await startAgent()
    stranger = await startAgent()
  })
  afterEach(() => Promise.all([directory.stop(), stranger.stop()]))

  const at = (): [string, string] => [directory.address, directory.agent.id]

  it('a stranger may ask, and is known by its key', async () => {
    const answer = await stranger.edge.consult(...at(), { where: 'x' })
    expect(answer).to.deep.equal({ from: stranger.agent.id, request: { where: 'x' } })
  })

  it('and nothing else', async () => {
    expect(await stranger.edge.pair(...at(), {}).catch(codeOf)).to.equal('link-unknown')
    expect(directory.edge.isUp(stranger.agent.id)).to.equal(false)
  })

  it('another key at the directory’s address is not asked', async () => {
    expect(await stranger.edge.consult(directory.address, stranger.agent.id, {}).catch(codeOf)).to.equal(
      'agent-mismatch',
    )
  })
})
