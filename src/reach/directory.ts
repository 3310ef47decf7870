/**
 * A directory: keeps where agents say they are, and answers whoever asks for one by its agentId. It
 * relays nothing and is nobody's neighbour by it. An agentId can't be guessed: who asks has met the agent.
 */
import type { RefusalCode } from '../refusal.ts'
import { REACH_LIFE_MS, untimely } from './announce.ts'
import type { Said } from './reach.ts'

/** One agent's newest word, as it travels. */
export type Listed = { agent: string; record: string; seq: number; expires: number }

/** An agent tells of itself. Whoever else brings its word could replay it: that is refused. */
export const list = (
  kept: Pick<Listed, 'seq'> | undefined,
  from: string,
  me: string,
  said: Said,
  now: number,
): Listed | { refused: RefusalCode } => {
  if (said.by !== from || said.for !== me) return { refused: 'agent-mismatch' }
  const late = untimely(said, now)
  if (late) return { refused: late }
  if (kept && said.seq < kept.seq) return { refused: 'reach-outdated' }
  return { agent: said.by, record: said.jws, seq: said.seq, expires: Math.min(said.expires, now + REACH_LIFE_MS) }
}

/** Of what directories answered about `agent`, the newest that holds; none if what we know is as new. */
export const newest = (answers: readonly Said[], agent: string, known: number, now: number): Said | undefined =>
  answers
    .filter((said) => said.by === agent && untimely(said, now) === undefined && said.seq > known)
    .toSorted((a, b) => b.seq - a.seq)[0]
