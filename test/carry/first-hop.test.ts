import { expect } from 'chai'
import { openFirstHops } from '../../gateway/carry/first-hop.ts'

describe('waiting for custody', () => {
  const log = (event: string, key: string, to?: string) => ({ do: 'log', event, key, ...(to && { to }) }) as const

  it('ends with the last receipt, and names each gateway once', async () => {
    const hops = openFirstHops(60_000)
    const waited = hops.wait(['me/1', 'me/2', 'me/3'])
    hops.hear(log('sealed', 'me/1'))
    hops.hear(log('handed', 'me/1', 'r'))
    hops.hear(log('handed', 'me/3', 'r'))
    hops.hear(log('handed', 'other/9', 'x'))
    hops.hear(log('handed', 'me/2', 's'))
    expect(await waited).to.deep.equal({ agents: ['r', 's'], signed: 3, envelopes: 3 })
  })

  it('ends when nothing more can come', async () => {
    const hops = openFirstHops(60_000)
    const waited = hops.wait(['me/1', 'me/2'])
    hops.hear(log('refused', 'me/2'))
    hops.hear(log('handed', 'me/1', 'r'))
    expect(await waited).to.deep.equal({ agents: ['r'], signed: 1, envelopes: 2 })
  })

  it('is bounded', async () => {
    expect(await openFirstHops(1).wait(['me/1'])).to.deep.equal({ agents: [], signed: 0, envelopes: 1 })
  })

  it('is over at once where nothing leaves the gateway', async () => {
    expect(await openFirstHops(60_000).wait([])).to.deep.equal({ agents: [], signed: 0, envelopes: 0 })
  })
})
