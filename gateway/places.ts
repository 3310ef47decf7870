/**
 * Connections of one edge: so many at a time from one address, so that none can take them all.
 *
 * On a loopback address stand others: a proxy or a webmail that brings many people. It may have all
 * places but a tenth, which is left for whoever comes from elsewhere.
 */
import { Tally } from './tally.ts'
import { isLocal, networkOf } from './throttle.ts'

export type Places = {
  /** False when all places of this address are taken. */
  take(remote: string): boolean
  give(remote: string): void
}

const LOOPBACK_SHARE = 0.9

/** @param total of the edge, counted by itself @param each what one address may have; an IPv6 network of 64 bits is one */
export const createPlaces = (total: number, each: number): Places => {
  const taken = new Tally<string>()
  const ofLoopback = Math.max(each, Math.floor(total * LOOPBACK_SHARE))
  return {
    take: (remote) => taken.take(networkOf(remote), isLocal(remote) ? ofLoopback : each),
    give: (remote) => taken.give(networkOf(remote)),
  }
}
