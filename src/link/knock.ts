/** One who would be our neighbour, or whose neighbour we would be: what becomes of it is decided in knocked.ts. */
export type Knock = {
  /** An agentId, or six words. */
  who: string
  at: 'pending' | 'refused' | 'asked' | 'denied'
  /** How the wish came about: `open`, where both owners have compared the words before. */
  way: 'knock' | 'open' | 'web'
  name: string
  addresses: string[]
  software?: string
  note?: string
  /** `web`: as whom of us, and to what address there, we ask by letter. */
  letter?: { as: string; to: string }
  /** A guest's address on the network, as its place is counted. */
  place?: string
  since: number
  until: number
}
