/** A neighbour known by a DNS name is dialled wherever the name points at that moment. */
import dns from 'node:dns'
import { expect } from 'chai'
import { areLinked, startAgent, type TestAgent, until } from './agents.ts'

describe('a neighbour’s DNS name', () => {
  const usual = dns.lookup
  let one: TestAgent
  let other: TestAgent
  afterEach(async () => {
    dns.lookup = usual
    await Promise.all([one.stop(), other.stop()])
  })

  it('is resolved anew at each dial', async () => {
    one = await startAgent({ limits: { backoffLastMs: 50 } })
    other = await startAgent()
    // Nobody is at the address the name has first: all of 127/8 is this machine, the port is bound at 127.0.0.1 alone.
    let pointsTo = '127.0.0.2'
    let asked = 0
    const answer = (_name: string, options: unknown, done: (...answer: unknown[]) => void) => {
      asked += 1
      const all = typeof options === 'object' && options !== null && 'all' in options && options.all
      done(null, ...(all ? [[{ address: pointsTo, family: 4 }]] : [pointsTo, 4]))
    }
    dns.lookup = Object.assign(answer, usual) as unknown as typeof dns.lookup

    one.neighbours.set(other.agent.id, { addresses: [`moving.test:${other.edge.address.port}`], standing: 'linked' })
    other.neighbours.set(one.agent.id, { addresses: [], standing: 'linked' })
    one.edge.refresh()
    await until(() => asked >= 2, 'it was dialled twice in vain')
    expect(one.edge.isUp(other.agent.id)).to.equal(false)
    pointsTo = '127.0.0.1'
    await areLinked(one, other)
  })
})
