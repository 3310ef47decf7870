/**
 * How often somebody may do something: a bucket a key, which fills again as time passes.
 *
 * A full bucket and an absent one are the same, so only keys in use are held, at most
 * KEYS_MAX; beyond it the longest untouched are forgotten. Times are milliseconds.
 */
import { isIPv6, SocketAddress } from 'node:net'
import { Refusal } from '../src/refusal.ts'

export type Clock = () => number

export type Meter = {
  /** Takes from the bucket. @returns 0, or if too little is left the ms after which there is enough, and takes nothing */
  take(key: string, amount?: number): number
  giveBack(key: string, amount?: number): void
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
    take(key, amount = 1) {
      const bucket = touch(key)
      if (bucket.left < amount) return Math.ceil((amount - bucket.left) / perMs)
      bucket.left -= amount
      return 0
    },
    giveBack(key, amount = 1) {
      const bucket = touch(key)
      bucket.left = Math.min(limit, bucket.left + amount)
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

/**
 * Wraps a login so that guessing gets slow. Failures count for the account together with where they come from: for the
 * account alone, anybody could lock its owner out. A try counts while it is judged, so many at once are no way around.
 *
 * @returns as `login`; a wrong password is the refusal `login-failed`, and whoever must wait gets `login-throttled`,
 *   whatever the password. What `login` throws is thrown: a fault, and not held against anybody
 */
export const throttleLogins = <Account>(
  login: (address: string, password: string) => Promise<Account | undefined>,
  { failures, windowMs }: LoginLimits,
  clock: Clock = Date.now,
): ((address: string, password: string, remote: string) => Promise<Account | Refusal>) => {
  const byAccount = createMeter(failures, windowMs, clock)
  const byRemote = createMeter(failures * ACCOUNTS_PER_REMOTE, windowMs, clock)

  return async (address, password, remote) => {
    const network = networkOf(remote)
    const account = `${network} ${address.toLowerCase().slice(0, 320)}`
    const forgive = () => {
      byAccount.giveBack(account)
      byRemote.giveBack(network)
    }

    const waitMs = byAccount.take(account)
    if (waitMs > 0) return throttled(waitMs)
    const networkWaitMs = byRemote.take(network)
    if (networkWaitMs > 0) {
      byAccount.giveBack(account)
      return throttled(networkWaitMs)
    }
    try {
      const found = await login(address, password)
      if (found === undefined) return new Refusal('login-failed', 'the address or the password is wrong')
      forgive()
      return found
    } catch (error) {
      forgive()
      throw error
    }
  }
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
  const address = remote.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*/, '')
  if (!isIPv6(address)) return address
  const [head = '', tail] = new SocketAddress({ address, family: 'ipv6' }).address.split('::')
  const heads = head.split(':').filter(Boolean)
  const missing = tail === undefined ? 0 : 8 - heads.length - tail.split(':').filter(Boolean).length
  return [...heads, ...Array<string>(missing).fill('0')].slice(0, 4).join(':')
}
