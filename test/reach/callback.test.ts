/** Dialling back, between two ends in one process: who asks, who answers, and what nobody can be made to do. */
import { expect } from 'chai'
import { type Callback, type CallMessage, openCallback } from '../../gateway/reach/callback.ts'
import type { Reach } from '../../src/reach/reach.ts'
import { decodeMessage } from '../../src/wire/record.ts'
import { codeOf } from '../fixture/refused.ts'

const [us, them, foe] = ['us', 'them', 'foe']
const reach = (addresses: string[]): Reach => ({
  agent: us,
  addresses,
  via: [],
  seq: 1,
  expires: 9e15,
  met: [],
  bad: [],
})

describe('reach: dialling back', () => {
  let dialled: string[]
  let ends: Record<string, Callback>
  let clock: Record<string, number>
  /** Replaces what is said on its way. */
  let twist: (message: CallMessage) => CallMessage

  const open = (me: string, knows: Map<string, Reach>): Callback =>
    openCallback({
      now: () => clock[me] ?? 0,
      engine: { state: { reaches: knows } },
      link: {
        probe: async (address, agent) => {
          dialled.push(`${agent} at ${address}`)
          return { address, found: address.startsWith('good') ? 'them' : 'silent', why: 'ECONNREFUSED' }
        },
        send: async (to, [text = '']) => {
          await ends[to]?.hear(me, twist(decodeMessage(text) as CallMessage))
          return [{ ok: true }]
        },
      },
    })

  beforeEach(() => {
    dialled = []
    clock = { us: 1000, them: 61_000 }
    twist = (message) => message
    ends = { us: open(us, new Map()), them: open(them, new Map([[us, reach(['good.test:1', 'bad.test:2'])]])) }
  })

  it('tells what was found at each address we announced, and how the clocks differ', async () => {
    expect(await ends.us?.ask(them)).to.deep.equal({
      probes: [
        { address: 'good.test:1', found: 'them' },
        { address: 'bad.test:2', found: 'silent' },
      ],
      offsetMs: 60_000,
    })
  })

  it('dials the asker where the asker announced itself, and nowhere else', async () => {
    await ends.us?.ask(them)
    expect(dialled).to.deep.equal(['us at good.test:1', 'us at bad.test:2'])
    await ends.them?.hear(foe, { t: 'CALL', qid: '0'.repeat(32) })
    expect(dialled, 'of whom nothing is known is dialled nowhere').to.have.length(2)
  })

  it('somebody else’s answer, or one to another question, counts for nothing', async () => {
    const forged: CallMessage = { t: 'CALLED', qid: '', at: 0, reached: ['evil.test:1'], wrong: [], silent: [] }
    twist = (message) => {
      if (message.t === 'CALL') void ends.us?.hear(foe, { ...forged, qid: message.qid })
      if (message.t === 'CALL') void ends.us?.hear(them, { ...forged, qid: 'f'.repeat(32) })
      return message
    }
    expect((await ends.us?.ask(them))?.probes.map(({ address }) => address)).to.deep.equal([
      'good.test:1',
      'bad.test:2',
    ])
  })

  it('a neighbour may ask six times in two minutes', async () => {
    const ask = () => ends.them?.hear(us, { t: 'CALL', qid: '1'.repeat(32) }).then(() => 'taken', codeOf)
    const answers = await Promise.all(Array.from({ length: 7 }, ask))
    expect(answers).to.deep.equal([...Array.from({ length: 6 }, () => 'taken'), 'rate-limited'])
    clock.them = 61_000 + 120_000
    expect(await ask()).to.equal('taken')
  })
})
