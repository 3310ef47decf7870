import { expect } from 'chai'
import { pino } from 'pino'
import { quietRefusals } from '../../gateway/link/quiet.ts'
import { createMetrics } from '../../gateway/metrics.ts'

describe('refusals on the link port', () => {
  const scene = () => {
    const lines: Record<string, unknown>[] = []
    const time = { now: 0 }
    const metrics = createMetrics()
    const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) })
    return { lines, time, metrics, refuse: quietRefusals(log, metrics, () => time.now) }
  }

  it('are logged once a minute for each code and peer, with the number of those not shown, and counted each', async () => {
    const { lines, time, metrics, refuse } = scene()
    const who = { agent: 'a', remote: '192.0.2.1' }
    for (let i = 0; i < 100; i++) refuse('link-unknown', who, 'no neighbour')
    refuse('record-too-large', who, 'large')
    refuse('link-unknown', { agent: 'b' }, 'no neighbour')
    time.now = 60_000
    refuse('link-unknown', who, 'no neighbour')
    expect(lines.map(({ code, agent, more }) => [code, agent, more])).to.deep.equal([
      ['link-unknown', 'a', undefined],
      ['record-too-large', 'a', undefined],
      ['link-unknown', 'b', undefined],
      ['link-unknown', 'a', 99],
    ])
    const { values } = await metrics.refusals.get()
    expect(values.reduce((sum, { value }) => sum + value, 0)).to.equal(103)
  })

  it('are logged also where the clock was set back since', () => {
    const { lines, time, refuse } = scene()
    for (const at of [86_400_000, 0, 1]) {
      time.now = at
      refuse('link-unknown', { agent: 'a' }, 'no neighbour')
    }
    expect(lines).to.have.length(2)
  })

  it('by ten thousand peers do not grow what is remembered: the first of them is a stranger again', () => {
    const { lines, refuse } = scene()
    for (let i = 0; i < 10_000; i++) refuse('rate-limited', { remote: `host ${i}` }, 'too many')
    refuse('rate-limited', { remote: 'host 9999' }, 'too many')
    expect(lines).to.have.length(10_000)
    refuse('rate-limited', { remote: 'host 0' }, 'too many')
    expect(lines).to.have.length(10_001)
  })
})
