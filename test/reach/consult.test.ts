/** How directories are asked: two at a time, and none of them can lead us astray. */
import { expect } from 'chai'
import { pino } from 'pino'
import { LinkFault } from '../../gateway/link/handlers.ts'
import { openConsulting } from '../../gateway/reach/consult.ts'
import type { Event } from '../../src/event.ts'
import { type Agent, generateAgent } from '../../src/identity/agent.ts'
import { signRecord, verifyRecord } from '../../src/identity/record.ts'
import type { Reach } from '../../src/reach/reach.ts'
import { reachAnswer } from '../../src/wire/directory.ts'

const now = 1_700_000_000_000
const [me, x, m] = [generateAgent(), generateAgent(), generateAgent()]
const directories = ['one', 'two', 'three', 'four', 'five'].map((host) => ({ agent: host, host, port: 1 }))

describe('reach: directories are asked', () => {
  let asked: string[]
  let heard: Event[]
  let told: string[]
  /** What each directory answers, by its name. */
  let answers: Record<string, object | Error>
  let reaches: Map<string, Reach>
  beforeEach(() => {
    asked = []
    heard = []
    told = []
    answers = {}
    reaches = new Map()
  })

  const consulting = () =>
    openConsulting(
      {
        agent: me,
        net: 'test',
        now: () => now,
        log: pino({ level: 'silent' }),
        engine: {
          state: { reaches },
          handle: async (event) => {
            heard.push(event as Event)
            return { say: 'done' }
          },
        },
        link: {
          consult: async (_address, directory, request) => {
            asked.push(`${directory} ${Object.keys(request as object).find((key) => key !== 'v')}`)
            const { tell } = request as { tell?: string }
            if (tell !== undefined) told.push(tell)
            const answer = answers[directory] ?? { v: 1 }
            if (answer instanceof Error) throw answer
            return answer
          },
        },
      },
      { serve: false, ask: directories },
    )
  const word = async (seq: number, by: Agent = x, more: object = {}) => ({
    v: 1,
    record: await signRecord(by, 'test', 'REACH', {
      for: `${'d'.repeat(51)}a`,
      addresses: ['x.test:1'],
      via: [],
      seq,
      expires: now + 1000,
      ...more,
    }),
  })
  const seqs = () => heard.map((event) => event.on === 'announced' && event.said.seq)

  it('two at a time, until one knows', async () => {
    answers = { four: await word(7) }
    await consulting().lookUp(x.id)
    expect(asked).to.deep.equal(['one where', 'two where', 'three where', 'four where'])
    expect(seqs()).to.deep.equal([7])
  })

  it('of two answers the highest seq wins', async () => {
    answers = { one: await word(7), two: await word(8) }
    await consulting().lookUp(x.id)
    expect(seqs()).to.deep.equal([8])
  })

  it('what is not newer than what we know is no answer', async () => {
    reaches.set(x.id, { agent: x.id, addresses: [], via: [], seq: 7, expires: now, met: [], bad: [] })
    answers = { one: await word(7), three: await word(9) }
    await consulting().lookUp(x.id)
    expect(seqs()).to.deep.equal([9])
  })

  const lies: [what: string, answer: () => Promise<object | Error>][] = [
    ['that is silent', async () => new LinkFault('timeout', 'nothing')],
    ['that answers with another agent’s word', () => word(99, m)],
    ['that invents one', async () => ({ v: 1, record: 'e30.e30.e30' })],
    ['that answers nonsense', async () => ({ v: 7, record: 3 })],
    ['that answers with what is over', () => word(99, x, { expires: now })],
    ['that answers with what never ends', () => word(99, x, { expires: now + 10 ** 10 })],
  ]
  for (const [what, answer] of lies)
    it(`one ${what} does not keep another from helping`, async () => {
      answers = { one: await answer(), two: await word(5) }
      await consulting().lookUp(x.id)
      expect(seqs()).to.deep.equal([5])
    })

  it('all are told where we are, and none of our neighbours', async () => {
    const own = { agent: me.id, addresses: ['me.test:1'], via: [x.id], seq: 3, expires: now + 1000, met: [], bad: [] }
    reaches.set(me.id, own)
    answers = { two: new LinkFault('timeout', 'nothing') }
    await consulting().tell()
    expect(asked).to.deep.equal(directories.map(({ agent }) => `${agent} tell`))
    for (const [i, jws] of told.entries()) {
      const { by, body } = await verifyRecord(jws, 'test', 'REACH')
      expect(by).to.equal(me.id)
      expect(body).to.deep.include({ for: directories[i]?.agent, addresses: ['me.test:1'], via: [], seq: 3 })
    }
    expect(told).to.have.length(5)
  })

  it('who can not be dialled tells nobody', async () => {
    reaches.set(me.id, { agent: me.id, addresses: [], via: [], seq: 3, expires: now + 1000, met: [], bad: [] })
    await consulting().tell()
    expect(asked).to.deep.equal([])
  })

  it('an answer is one, or is refused', () => {
    expect(reachAnswer({ v: 1 }, '')).to.deep.equal({})
    expect(() => reachAnswer({ v: 1, record: 1 }, '')).to.throw('record-malformed')
  })
})
