/** From where neighbours see us come, as they told it; forgotten with the process. What is made of it: src/reach/seen.ts. */
import { type Own, ownAddresses } from '../../src/reach/seen.ts'

export type Seen = { says(from: string, address: string): void; own(): Own }

/** Neighbours whose word is remembered; the longest silent is forgotten first. */
const MAX = 1000

export const openSeen = (now: () => number): Seen => {
  const words = new Map<string, { address: string; at: number }>()
  return {
    says(from, address) {
      words.delete(from) // to the end: the longest silent is first
      words.set(from, { address, at: now() })
      for (const [first] of words) {
        if (words.size <= MAX) break
        words.delete(first)
      }
    },
    own: () => ownAddresses(words),
  }
}
