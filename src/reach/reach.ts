/** Where agents can be dialled, as it is kept and as it travels: decided in announce.ts. Times are epoch ms. */
import type { ReachRecord } from '../wire/record.ts'

/** What is kept of one neighbour, and of ourselves to go on from our last `seq`. */
export type Reach = {
  agent: string
  /** `host:port`, in the order to try. None: it can only dial. */
  addresses: string[]
  /** Its neighbours that hold an open connection to it. */
  via: string[]
  seq: number
  expires: number
  /** The newest one as it travels. Absent in our own: each neighbour gets one of its own. */
  record?: string
  /** The newest one that was made for us. */
  pass?: string
  /** Agents lately named in `via`, the latest first. */
  met: string[]
  /** Addresses at which it was not found since it announced them. */
  bad: Bad[]
  /** Since it last announced anything: how often we asked for it, and when last. */
  asked?: { times: number; at: number }
}
/** `wrong-key`: somebody else answers there. */
export type Bad = { address: string; since: number; why: 'silent' | 'wrong-key' }

/** A REACH whose signature holds: by whom, and as it travels. */
export type Said = ReachRecord & { by: string; jws: string }
