/**
 * What became of a message once somebody judged it, as every agent on its way remembers it:
 *
 *   (unjudged) --wanted----> wanted      read, answered, moved out of Requests; its credit is free again
 *   (unjudged) --complaint-> complaint   everybody charges whoever handed it over
 *   complaint  --not-spam--> withdrawn   the charge is taken back, and it was wanted after all
 *   (known)    --complaint-> distrusted  at the destination alone: a trusted sender is trusted no more
 *   distrusted --not-spam--> (known)
 *
 * A withdrawal may overtake its complaint; both together come to nothing, in either order. The
 * reasons are those of RFC 5965 §7.3.
 */
export const grievances = ['abuse', 'fraud', 'virus', 'other'] as const
export type Grievance = (typeof grievances)[number]
export const reasons = [...grievances, 'not-spam'] as const
export type Reason = (typeof reasons)[number]

/** What a person here says of a message. */
export type Opinion = Reason | 'wanted'

/** `via`: who told us, a neighbour or the entity here. `at`: when it was signed. */
export type Verdict =
  | { how: 'wanted'; at: number }
  | { how: 'complaint' | 'withdrawn'; at: number; reason: Reason; via: string; weight: number }
  | { how: 'distrusted'; at: number; was: 'explicit' | 'implicit' }

/** A complaint whose signature holds: by the entity, about one envelope. `text` and `card` are what travels. */
export type Complaint = {
  entity: string
  origin: string
  id: string
  hash: string
  reason: Reason
  at: number
  text: string
  card: string
}

/** Kept for whoever asks what a complaint was about, and whom it cost. By `key`, the custody row's. */
export type Entry = {
  key: string
  /** `made` by an entity here; `passed` on by us as a relay; `received` about what an entity here sent. */
  role: 'made' | 'passed' | 'received'
  reason: Reason
  at: number
  /** The recipient who complained, and who wrote it, where that one is known here. */
  by: string
  sender?: string
  messageId?: string
  /** The neighbour it came over, and where the charge went; neither at an end of the way. */
  charged?: string
  over?: string
  withdrawnAt?: number
}
