/**
 * Who was silent about an envelope: the receipts its holders have shown in their reports are verified
 * here, once something is wrong, and not on every message's way.
 */
import { keyOf } from '../../src/envelope/envelope.ts'
import { verifyRecord } from '../../src/identity/record.ts'
import type { TrailStep } from '../../src/report/report.ts'
import { silentOne } from '../../src/route/blame.ts'
import { acceptedRecord, reportRecord } from '../../src/wire/record.ts'
import type { Core } from '../core.ts'
import { custodyOf } from '../engine/batch.ts'

/** Ends in `silent`, unless whoever signed last has spoken. */
export const findSilent = async (core: Core, key: string, by: string): Promise<void> => {
  const row = await custodyOf(core, key)
  if (row === undefined || row.state === 'done') return
  const proven = new Set<TrailStep>()
  for (const step of row.trail) if (await showsReceipt(core, step, key)) proven.add(step)
  const agent = silentOne(row.trail, by, (step) => proven.has(step))
  if (agent !== undefined) await core.engine.handle({ on: 'silent', agent })
}

/** The report's own signature held when it came. */
const showsReceipt = async (core: Core, step: TrailStep, key: string): Promise<boolean> => {
  if (step.event !== 'forwarded') return false
  try {
    const report = reportRecord((await verifyRecord(step.jws, core.net, 'REPORT')).body, 'REPORT')
    const { by, body } = await verifyRecord(report.receipt ?? '', core.net, 'ACCEPTED')
    const receipt = acceptedRecord(body, 'ACCEPTED')
    return by === step.next && receipt.from === step.by && keyOf(receipt.origin, receipt.id) === key
  } catch {
    return false
  }
}
