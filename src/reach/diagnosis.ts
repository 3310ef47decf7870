/**
 * Whose fault it is that two gateways do not reach each other, from what was seen at both ends:
 *
 *   ours     our port is closed from outside, our name points elsewhere, our network is down
 *   theirs   they do not run, they have moved, somebody else answers there
 *   between  both run, and nothing gets through
 *
 * Each finding says what to do, to an ordinary person. Times are epoch ms.
 */
export type Finding = {
  what: string
  state: 'ok' | 'note' | 'wrong'
  side?: 'ours' | 'theirs' | 'between'
  detail: string
  fix?: string
}

/** A dial as far as TLS: `them`, with the key that is expected. `why`: the system's code, such as ECONNREFUSED. */
export type Probe = { address: string; found: 'them' | 'wrong-key' | 'silent'; why?: string }
/** What a neighbour found when it dialled us, and its clock then. */
export type DialledBack = { name: string; probes: Probe[] }

/** `isMeant`: the configuration announces something, if only `auto`. */
export type Announced = { isMeant: boolean; announced: string[] }

/** Seen from outside: whether we can be dialled where we say. */
export const fromOutside = ({ isMeant, announced }: Announced, back: DialledBack[]): Finding[] => {
  if (announced.length === 0 && isMeant)
    return [
      {
        what: 'reached from outside',
        state: 'note',
        detail: 'no address is announced yet: neighbours have not agreed on where they see this gateway come from',
        fix: 'two must, or the only one; try again when they are connected, or name the address in link.announce',
      },
    ]
  if (announced.length === 0)
    return [
      {
        what: 'reached from outside',
        state: 'note',
        detail: 'this gateway only dials out, as configured: neighbours reach it over the links it holds open',
      },
    ]
  if (back.length === 0)
    return [
      {
        what: 'reached from outside',
        state: 'note',
        detail: 'no neighbour is connected that could dial back',
        fix: 'try again when one is',
      },
    ]
  return announced.map((address) => atAddress(address, back))
}

const atAddress = (address: string, back: DialledBack[]): Finding => {
  const what = `reached from outside at ${address}`
  const [them, wrong, silent] = (['them', 'wrong-key', 'silent'] as const).map((found) =>
    back.filter(({ probes }) => probes.some((one) => one.address === address && one.found === found)),
  )
  const names = (all: DialledBack[] = []) => all.map(({ name }) => name).join(', ')
  if (them?.length && !wrong?.length && !silent?.length) return { what, state: 'ok', detail: `by ${names(them)}` }
  if (wrong?.length)
    return {
      what,
      state: 'wrong',
      side: 'ours',
      detail: `another gateway answers there (seen by ${names(wrong)})`,
      fix: 'the name points to another machine, or the router hands the port to one: correct it, or link.announce',
    }
  if (them?.length)
    return {
      what,
      state: 'note',
      side: 'between',
      detail: `by ${names(them)}, but not by ${names(silent)}`,
      fix: `the fault is in the network of ${names(silent)}, or between; this gateway answers others`,
    }
  if (!silent?.length)
    return { what, state: 'note', detail: 'no neighbour has heard of this address yet', fix: 'try again in a minute' }
  return {
    what,
    state: 'wrong',
    side: 'ours',
    detail: `${names(silent)} dialled it and nothing answered`,
    fix: 'open the link port in the firewall, and forward it in the router; or set link.announce = [] and only dial out',
  }
}

export type Lost = {
  name: string
  probes: Probe[]
  /** When it last said where it is, as far as others told us since it last told us itself: so it ran then. */
  heardOf?: number
}
/** What we know of ourselves beside: a neighbour that is up proves that our network is. */
export type Here = { isOnline: boolean; isReached: boolean }

/** Every agent speaks twice an hour (gateway/engine/clock.ts, with its jitter). */
const SILENT_MS = 45 * 60_000
const NETWORK = new Set(['ENETUNREACH', 'ENETDOWN', 'EADDRNOTAVAIL', 'EAI_AGAIN'])

/** A neighbour that is not connected. */
export const notConnected = (lost: Lost, here: Here, now: number): Finding => ({
  what: `neighbour ${lost.name}`,
  state: 'wrong',
  ...cause(lost, here, now),
})

const cause = ({ probes, heardOf }: Lost, here: Here, now: number): Pick<Finding, 'side' | 'detail' | 'fix'> => {
  const isAlive = heardOf !== undefined && now - heardOf < SILENT_MS
  const has = (found: Probe['found'], why?: string) =>
    probes.some((one) => one.found === found && (why === undefined || one.why === why))
  if (probes.length === 0) return dialsUs(here, isAlive)
  if (has('them'))
    return {
      side: 'theirs',
      detail: 'it runs and answers, but makes no link',
      fix: 'ask its owner whether it has parted with you, and look for "refused" in both logs',
    }
  if (has('wrong-key'))
    return {
      side: 'theirs',
      detail: 'another gateway answers at its address',
      fix: 'ask its owner: it has moved, or has a new key; then a new invitation is needed',
    }
  if (!here.isOnline && probes.every(({ why }) => NETWORK.has(why ?? '')))
    return {
      side: 'ours',
      detail: 'no network can be reached from this machine',
      fix: 'mend its connection to the Internet, and its name service',
    }
  if (isAlive)
    return {
      side: 'between',
      detail: 'it runs, for others hear of it, but nothing gets from here to its port',
      fix: 'ask its owner to run, there: `vouchsafe doctor`: its port is closed from outside, or a firewall stands between',
    }
  if (has('silent', 'ECONNREFUSED'))
    return {
      side: 'theirs',
      detail: 'its machine answers, but no gateway runs there',
      fix: 'ask its owner to start it',
    }
  if (has('silent', 'ENOTFOUND'))
    return { side: 'theirs', detail: 'its name is not in the DNS', fix: 'ask its owner to mend the name' }
  return {
    side: 'theirs',
    detail: 'nothing answers at its address, and nobody has heard of it',
    fix: 'its machine is off, or has moved and told nobody: ask its owner',
  }
}

const dialsUs = ({ isReached }: Here, isAlive: boolean): Pick<Finding, 'side' | 'detail' | 'fix'> => {
  if (!isReached)
    return {
      side: 'ours',
      detail: 'it only dials, and this gateway could not be dialled',
      fix: 'mend what is said above about being reached from outside; one of both must be',
    }
  return isAlive
    ? {
        side: 'between',
        detail: 'it only dials, and runs, but does not come through',
        fix: 'ask its owner to run, there: `vouchsafe doctor`',
      }
    : { side: 'theirs', detail: 'it only dials, and does not', fix: 'ask its owner whether it runs and is online' }
}

/**
 * @param ours where we say that we are
 * @param known what the directory answered about us: nothing, or why it did not answer
 */
export const inDirectory = (
  at: string,
  ours: string[],
  known: { addresses: string[] } | undefined | Error,
): Finding => {
  const what = `directory ${at}`
  if (known instanceof Error)
    return {
      what,
      state: 'wrong',
      side: 'theirs',
      detail: `it does not answer: ${known.message}`,
      fix: 'ask its owner whether it runs and serves, or take it out of directory.ask',
    }
  if (ours.length === 0) return { what, state: 'ok', detail: 'it answers' }
  const isCurrent = String(known?.addresses) === String(ours)
  if (isCurrent) return { what, state: 'ok', detail: `it answers, and knows ${ours.join(', ')}` }
  return {
    what,
    state: 'note',
    detail: `it answers, but knows ${known ? known.addresses.join(', ') : 'nothing'} of this gateway`,
    fix: 'it is told every half an hour; look again then',
  }
}

/** Both ends' clocks, half of the way taken off. LINK1 and envelopes bear less than this. */
const CLOCK_MS = 60_000

/** @param offsets by how much each neighbour's clock is ahead of ours */
export const ourClock = (offsets: { name: string; ms: number }[]): Finding => {
  const what = 'clock'
  if (offsets.length === 0) return { what, state: 'note', detail: 'no neighbour is connected to compare it with' }
  const far = offsets.filter(({ ms }) => Math.abs(ms) > CLOCK_MS)
  const words = far.map(
    ({ name, ms }) => `${name} is ${Math.round(Math.abs(ms) / 1000)} s ${ms > 0 ? 'ahead' : 'behind'}`,
  )
  if (far.length === 0) return { what, state: 'ok', detail: `as that of ${offsets.map(({ name }) => name).join(', ')}` }
  const isOurs = far.length * 2 > offsets.length
  return {
    what,
    state: isOurs ? 'wrong' : 'note',
    side: isOurs ? 'ours' : 'theirs',
    detail: words.join(', '),
    fix: isOurs ? 'set this machine’s time, and keep it by NTP' : 'tell them that their clock is wrong',
  }
}
