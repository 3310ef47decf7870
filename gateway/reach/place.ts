/**
 * Where we say that we are: what the configuration announces, with `auto` for the address that neighbours
 * see us at (src/reach/seen.ts). What they see is forgotten with the process; what we announced last is kept.
 */
import { ipCanonical } from '../../src/ip.ts'
import { announcedAt, type Own, ownAddresses } from '../../src/reach/seen.ts'
import type { State } from '../../src/state.ts'
import type { HostPort } from '../config/value.ts'

export type Place = {
  /** `host:port` each. */
  addresses(): string[]
  /** What neighbours agree on. */
  own(): Own
  /** A neighbour that we dialled is connected, and will say where it sees us. */
  dialled(by: string): void
  /**
   * A neighbour sees us there.
   *
   * @param local what our end of the connection has, which may be another address behind a router
   * @returns whether we are elsewhere now than before
   */
  seen(by: string, address: string, local?: string): boolean
  /** It is not connected any more: what it saw may be long ago. */
  unseen(by: string): void
}

/** Neighbours whose word is remembered; the longest silent is forgotten first. */
const MAX = 1000

export const openPlace = (
  { me, reaches }: Pick<State, 'me' | 'reaches'>,
  announce: readonly HostPort[],
  now: () => number,
): Place => {
  const words = new Map<string, { address?: string; isHere?: boolean; at: number }>()
  const own = () => ownAddresses(words)
  const addresses = () => announcedAt(announce, own(), reaches.get(me)?.addresses ?? [])
  return {
    addresses,
    own,
    dialled(by) {
      if (!words.has(by)) words.set(by, { at: now() })
    },
    seen(by, address, local = '') {
      const before = String(addresses())
      words.delete(by) // to the end: the longest silent is first
      words.set(by, { address, isHere: ipCanonical(address) === ipCanonical(local), at: now() })
      for (const [first] of words) {
        if (words.size <= MAX) break
        words.delete(first)
      }
      return String(addresses()) !== before
    },
    unseen: (by) => void words.delete(by),
  }
}
