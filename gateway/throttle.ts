/**
 * How often somebody may do something: a bucket a key, which fills again as time passes.
 *
 * A full bucket and an absent one are the same, so only keys in use are held, at most
 * KEYS_MAX; beyond it the longest untouched are forgotten. Times are milliseconds.
 */
import { isIPv6, SocketAddress } from 'node:net'
import { Refusal } from '../src/refusal.ts'
import { isLoopback } from './config/value.ts'

export type Clock = () => number

export type Meter = {
  /** Takes one from the bucket. @returns 0, or if there is none left the ms after which there is */
  take(key: string): number
  giveBack(key: string): void
}

const KEYS_MAX = 20_000

/** @param limit how much a full bucket holds; an empty one is full again after `windowMs` */
export const createMeter = (limit: number, windowMs: number, clock: Clock = Date.now): Meter => {
  const buckets = new Map<string, { left: number; at: number }>()
  const perMs = limit / windowMs

  /** Moves the key to the end of the map, whose first keys are so the longest untouched. */
  const touch = (key: string): { left: number; at: number } => {
    const now = clock()
    const was = buckets.get(key)
    const left = was === undefined ? limit : Math.min(limit, was.left + Math.max(0, now - was.at) * perMs)
    const bucket = { left, at: now }
    buckets.delete(key)
    if (buckets.size >= KEYS_MAX) forgetOldest(buckets)
    buckets.set(key, bucket)
    return bucket
  }

  return {
    take(key) {
      const bucket = touch(key)
      if (bucket.left < 1) return Math.ceil((1 - bucket.left) / perMs)
      bucket.left--
      return 0
    },
    giveBack(key) {
      const bucket = touch(key)
      bucket.left = Math.min(limit, bucket.left + 1)
    },
  }
}

/** Many at once: taking single keys off the front of a Map gets slower with each. */
const forgetOldest = (buckets: Map<string, unknown>): void => {
  let count = KEYS_MAX / 10
  for (const key of buckets.keys()) {
    if (count-- === 0) return
    buckets.delete(key)
  }
}

/** Failed logins after which one has to wait, and the time in which that many are forgiven. */
export type LoginLimits = { failures: number; windowMs: number }

/** One address may guess at this many accounts: behind one NAT sit several people with old passwords in their clients. */
const ACCOUNTS_PER_REMOTE = 10
/** An account takes guesses from this many addresses as often: a botnet has more, a household has fewer. */
const REMOTES_PER_ACCOUNT = 10
/** Where people have logged in from; beyond it the longest unused are forgotten. */
const KNOWN_MAX = 20_000

type Judge = <Found>(
  address: string,
  remote: string,
  check: (address: string) => Promise<Found | undefined>,
) => Promise<Found | Refusal>

/**
 * Makes guessing slow. Failures count for the account together with where they come from, for where they come from
 * alone, and for the account alone. By the last anybody could lock its owner out, so it does not bind those networks
 * from which the owner has logged in since the start. From a loopback address a proxy or a webmail brings many people,
 * so there is nothing that all of them could use up. A try counts while it is judged, so many at once are no way
 * around; who finds no room only because of tries under way waits for what becomes of them.
 *
 * The address is canonical, and `check` gets the one that was counted: another spelling would be other guesses.
 *
 * @returns what `check` found; nothing is the refusal `login-failed`, and whoever must wait gets `login-throttled`,
 *   whatever the password. What `check` throws is thrown: a fault, and not held against anybody
 */
export const throttleLogins = ({ failures, windowMs }: LoginLimits, clock: Clock = Date.now): Judge => {
  const byPair = createMeter(failures, windowMs, clock)
  const byRemote = createMeter(failures * ACCOUNTS_PER_REMOTE, windowMs, clock)
  const byAccount = createMeter(failures * REMOTES_PER_ACCOUNT, windowMs, clock)
  const known = new Set<string>() // the longest unused first
  /** The latest try under way that took from a bucket, until it is judged. */
  const underWay = new Map<string, Promise<unknown>>()

  const welcome = (pair: string): void => {
    known.delete(pair)
    if (known.size >= KNOWN_MAX) for (const oldest of known) if (known.delete(oldest)) break
    known.add(pair)
  }

  return async (address, remote, check) => {
    const network = networkOf(remote)
    const pair = `${network} ${address}`
    const buckets: Bucket[] = [{ meter: byPair, key: pair }]
    if (!isLocal(remote)) buckets.push({ meter: byRemote, key: network })
    if (!known.has(pair)) buckets.push({ meter: byAccount, key: address })
    for (;;) {
      const empty = takeAll(buckets)
      if (!empty) break
      const ahead = underWay.get(empty.key)
      if (!ahead) return throttled(empty.waitMs)
      await ahead
    }
    let settle = () => {}
    const judged = new Promise<void>((resolve) => {
      settle = resolve
    })
    for (const { key } of buckets) underWay.set(key, judged)
    const forgive = () => {
      for (const { meter, key } of buckets) meter.giveBack(key)
    }
    try {
      const found = await check(address)
      if (found === undefined) return new Refusal('login-failed', 'the address or the password is wrong')
      forgive()
      welcome(pair)
      return found
    } catch (error) {
      forgive()
      throw error
    } finally {
      for (const { key } of buckets) if (underWay.get(key) === judged) underWay.delete(key)
      settle()
    }
  }
}

type Bucket = { meter: Meter; key: string }

/** From all buckets or from none. @returns the one that is too empty, if any */
const takeAll = (buckets: readonly Bucket[]): { key: string; waitMs: number } | undefined => {
  for (const [i, { meter, key }] of buckets.entries()) {
    const waitMs = meter.take(key)
    if (waitMs === 0) continue
    for (const taken of buckets.slice(0, i)) taken.meter.giveBack(taken.key)
    return { key, waitMs }
  }
  return undefined
}

const throttled = (waitMs: number): Refusal => {
  const minutes = Math.ceil(waitMs / 60_000)
  return new Refusal(
    'login-throttled',
    `too many wrong passwords from here; check the password and try again in ${minutes} min`,
  )
}

/** Who counts as one: an IPv4 address, or an IPv6 network of 64 bits, the least that one subscriber has. */
export const networkOf = (remote: string): string => {
  const address = plain(remote).replace(/%.*/, '')
  if (!isIPv6(address)) return address
  const [head = '', tail] = new SocketAddress({ address, family: 'ipv6' }).address.split('::')
  const heads = head.split(':').filter(Boolean)
  const missing = tail === undefined ? 0 : 8 - heads.length - tail.split(':').filter(Boolean).length
  return [...heads, ...Array<string>(missing).fill('0')].slice(0, 4).join(':')
}

export const isLocal = (remote: string): boolean => isLoopback(plain(remote))

/** An IPv4 address as a listener for both families sees it. */
const plain = (remote: string): string => remote.replace(/^::ffff:(?=\d+\.)/i, '')
