/** `[complaints]`: what a gesture in a mail program leads to, and how far an account here may get by others' complaints. */
import { z } from 'zod'
import { defaultPolicy } from '../../src/complaint/policy.ts'
import { count, duration } from './value.ts'

/** One of the two need not stand in the file: so both are named. */
const tooSlow = ({ slow_at, stop_at }: { slow_at: number; stop_at: number }): string =>
  `slow_at (${slow_at}) is above stop_at (${stop_at}), so nobody would be slowed first; write ${stop_at} or less`

export const complaints = z
  .strictObject({
    grace: duration.prefault('1 min'),
    policy: z.enum(['warn', 'slow', 'stop'], { error: 'write "warn", "slow" or "stop"' }).prefault('stop'),
    slow_at: count(1, 1000).prefault(defaultPolicy.slowAt),
    stop_at: count(1, 1000).prefault(defaultPolicy.stopAt),
    weights: z.enum(['earned', 'strict'], { error: 'write "earned" or "strict"' }).prefault('earned'),
  })
  .refine(({ policy, slow_at, stop_at }) => policy !== 'stop' || slow_at <= stop_at, {
    path: ['slow_at'],
    error: ({ input }) => tooSlow(input as { slow_at: number; stop_at: number }),
  })
  .prefault({})
  .transform(({ grace, policy, slow_at, stop_at, weights }) => ({
    graceMs: grace,
    weights,
    policy: { most: policy, slowAt: slow_at, stopAt: stop_at },
  }))
