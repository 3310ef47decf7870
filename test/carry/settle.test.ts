import { expect } from 'chai'
import type { Searches } from '../../gateway/carry/searches.ts'
import { settleWith } from '../../gateway/carry/settle.ts'
import type { Core } from '../../gateway/core.ts'
import { openPerformer } from '../../gateway/engine/perform.ts'
import { LinkFault } from '../../gateway/link/handlers.ts'
import { until } from '../../scripts/neighbourhood.ts'
import type { RefusalCode } from '../../src/refusal.ts'
import { owed } from '../../store/outbox.ts'
import { eachWithStore } from '../store/home.ts'

describe('carry: what is owed to a neighbour', () => {
  const bench = eachWithStore()
  const answers: [what: string, isUpAfter: boolean, end: string][] = [
    ['that goes meanwhile is owed until it connects, and nobody is alarmed', false, 'fine'],
    ['whose link fails and stays is a fault, and tried again', true, 'closed: in the middle'],
  ]
  for (const [what, isUpAfter, end] of answers)
    it(`a neighbour ${what}`, async () => {
      const { db } = bench()
      const message = { t: 'WANTED' as const, origin: 'o', id: 'i' }
      const row = { key: 'r', to: 'r', custody: 'o/i', items: [], expires: Date.now() + 1000, message }
      await db.transaction((tx) => owed.save(tx, [row]))
      let isUp = true
      const link = {
        isUp: () => isUp,
        send: async () => {
          isUp = isUpAfter
          throw new LinkFault('closed', 'in the middle')
        },
      }
      const core = { store: { db }, link } as unknown as Core // the rest is for other rooms
      const got = await settleWith(core, 'r').then(
        () => 'fine',
        (error: Error) => error.message,
      )
      expect(got).to.equal(end)
      expect(await owed.by(db, 'neighbour', ['r'], 9)).to.have.length(1)
    })

  it('a neighbour that failed is named in the log, and it is no error of ours', async () => {
    const { db } = bench()
    const message = { t: 'WANTED' as const, origin: 'o', id: 'i' }
    await db.transaction((tx) =>
      owed.save(tx, [{ key: 'r', to: 'r', custody: 'o/i', items: [], expires: Date.now() + 1000, message }]),
    )
    const send = () => Promise.reject(new LinkFault('fault', 'the neighbour failed'))
    const lines: unknown[] = []
    const log = { warn: (...line: unknown[]) => lines.push(line) }
    const core = { store: { db }, link: { isUp: () => true, send }, log } as unknown as Core
    const { perform, stop } = openPerformer(core, {} as Searches, async () => {})
    perform({ do: 'settle', to: 'r' })
    await until('it is logged', async () => lines.length > 0)
    await stop()
    const what = { event: 'effect-failed', key: 'reports for r', times: 1 }
    expect(lines).to.deep.equal([[what, 'fault: the neighbour failed; it is tried again']])
  })

  const DAY = 86_400_000
  const now = 1_700_000_000_000
  const refusals: [what: string, refused: RefusalCode, at: number, end: string][] = [
    ['from the future by the clock there is tried again', 'record-malformed', now, 'could not keep'],
    ['whose card is, too', 'card-invalid', now, 'could not keep'],
    ['from the future is given up after a day', 'record-malformed', now - DAY, 'owed no more'],
    ['that is refused for another reason is given up at once', 'complaint-late', now, 'owed no more'],
  ]
  for (const [what, refused, at, end] of refusals)
    it(`a complaint ${what}`, async () => {
      const { db } = bench()
      const complaint = `${JSON.stringify({ at })}\nc2ln`
      const message = { t: 'COMPLAINT' as const, origin: 'o', id: 'i', complaint, card: 'card' }
      const row = { key: 'r', to: 'r', custody: 'o/i', items: [], expires: now + DAY, message }
      await db.transaction((tx) => owed.save(tx, [row]))
      const link = { isUp: () => true, send: async () => [{ refused }] }
      const engine = {
        handle: async () => {
          throw new Error('owed no more')
        },
      }
      const log = { warn: () => {} }
      const core = { store: { db }, link, engine, log, now: () => now } as unknown as Core // as above
      const got = await settleWith(core, 'r').catch((error: Error) => error.message)
      expect(got).to.include(end)
    })
})
