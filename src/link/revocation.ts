/** An agent key that is dead, as it is remembered: who hears of it is decided in revoked.ts. Times are epoch ms. */
export type Revocation = {
  agent: string
  /** When it was signed, when it came, and over which neighbour: none for our own, and for one that came with MOVED. */
  at: number
  heardAt: number
  from?: string
  /** As signed; absent where only the operator's word is known. */
  jws?: string
  /** A neighbour of ours, or represents somebody we know, or stands on a way we know: kept for good. */
  isKnown?: true
}
