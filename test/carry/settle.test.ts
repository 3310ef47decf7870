import { expect } from 'chai'
import { settleWith } from '../../gateway/carry/settle.ts'
import type { Core } from '../../gateway/core.ts'
import { LinkFault } from '../../gateway/link/handlers.ts'
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
})
