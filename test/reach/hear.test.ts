/** What a neighbour may cost by announcing and asking, and that nothing is believed unsigned. */
import { expect } from 'chai'
import { listener } from '../../gateway/reach/hear.ts'
import type { Event } from '../../src/event.ts'
import { generateAgent } from '../../src/identity/agent.ts'
import { signRecord } from '../../src/identity/record.ts'
import { emptyState } from '../../src/state.ts'
import { codeOf } from '../fixture/refused.ts'

const x = generateAgent()

describe('reach: what neighbours say', () => {
  let raised: Event[]
  let seen: string[]
  let now: number
  let remotes: Map<string, string>
  let hear: (from: string, message: Parameters<ReturnType<typeof listener>>[1]) => Promise<unknown>
  beforeEach(() => {
    raised = []
    seen = []
    remotes = new Map()
    now = 1_700_000_000_000
    const engine = {
      handle: async (event: unknown) => {
        raised.push(event as Event)
        return { say: 'done' as const }
      },
      settled: async () => {},
      close: async () => {},
      performBy: () => {},
      state: emptyState('me', 'me.test'),
    }
    const callback = { ask: async () => undefined, hear: async () => {} }
    const take = listener(
      { net: 'test', engine, now: () => now, link: { remote: (agent) => remotes.get(agent) } },
      (by, address) => seen.push(`${by} ${address}`),
      callback,
    )
    hear = (from, message) => take(from, message).then(() => 'taken', codeOf)
  })
  const record = (net = 'test') =>
    signRecord(x, net, 'REACH', { for: x.id, addresses: ['x.test:1'], via: [], seq: now, expires: now + 1 })

  it('is verified before it is an event', async () => {
    expect(await hear('r', { t: 'REACH', record: await record() })).to.equal('taken')
    expect(await hear('r', { t: 'REACH', record: await record('other') })).to.equal('net-mismatch')
    const [head, body, signature = ''] = (await record()).split('.')
    expect(
      await hear('r', {
        t: 'REACH',
        record: `${head}.${body}.${signature.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))}`,
      }),
    ).to.equal('signature-wrong')
    expect(await hear('r', { t: 'WHERE', pass: 'nonsense' })).to.equal('record-malformed')
    expect(raised).to.have.length(1)
    expect(raised[0]).to.deep.include({ on: 'announced', from: 'r' })
  })

  it('where the neighbour sees us is heard, if we dialled it', async () => {
    await hear('r', { t: 'REACH', record: await record(), seen: '203.0.113.7' })
    remotes.set('s', '198.51.100.1')
    await hear('s', { t: 'REACH', record: await record(), seen: '203.0.113.8' })
    expect(seen).to.deep.equal(['r 203.0.113.7'])
  })

  const limits: [what: 'REACH' | 'WHERE', limit: number][] = [
    ['REACH', 60],
    ['WHERE', 30],
  ]
  for (const [t, limit] of limits)
    it(`${t} is taken ${limit} times in ten minutes, from each neighbour`, async () => {
      const jws = await record()
      const message = t === 'REACH' ? { t, record: jws } : { t, pass: jws }
      for (let i = 0; i < limit; i++) expect(await hear('r', message)).to.equal('taken')
      expect(await hear('r', message)).to.equal('rate-limited')
      expect(await hear('s', message)).to.equal('taken')
      now += 600_000
      expect(await hear('r', message)).to.equal('taken')
    })
})
