/**
 * What our own IP addresses are, by the words of neighbours: each says where our connection to it comes from.
 *
 * One neighbour alone could point our name elsewhere, and have a certificate for it, so two must agree; a gateway that
 * dials only one neighbour has but its word. What our end of the connection has itself needs one word: often one neighbour
 * alone is reached by IPv6. Addresses of home networks are said by neighbours in the same house, and count for nothing.
 */
import { ipCanonical, isPublicIp } from '../ip.ts'

export type Own = { v4?: string; v6?: string }
/**
 * By neighbour that we dialled: the address it sees, whether our end of the connection has it, and when it was said
 * (epoch ms). Without an address it has still to say it.
 */
export type Seen = ReadonlyMap<string, { address?: string; isHere?: boolean; at: number }>

/** @returns what is agreed on; the latest agreement counts where there are several */
export const ownAddresses = (seen: Seen): Own => {
  const words = [...seen.values()].flatMap(({ address, isHere, at }) => {
    const ip = ipCanonical(address ?? '')
    return ip !== undefined && isPublicIp(ip) ? [{ ip, isHere, at }] : []
  })
  const awaited = [...seen.values()].filter(({ address }) => address === undefined)
  // Of either kind: else one liar would be the only one to see us by IPv6.
  const enough = Math.min(2, words.length + awaited.length)
  const own = (all: Word[]) =>
    agreed(all, enough) ??
    agreed(
      all.filter(({ isHere }) => isHere),
      1,
    )
  const v4 = own(words.filter(({ ip }) => !ip.includes(':')))
  const v6 = own(words.filter(({ ip }) => ip.includes(':')))
  return { ...(v4 && { v4 }), ...(v6 && { v6 }) }
}

type Word = { ip: string; isHere: boolean | undefined; at: number }

const agreed = (words: Word[], enough: number): string | undefined => {
  const times = new Map<string, number[]>()
  for (const { ip, at } of words) times.set(ip, [...(times.get(ip) ?? []), at])
  const fits = [...times].filter(([, at]) => at.length >= enough)
  return fits.toSorted(([, a], [, b]) => Math.max(...b) - Math.max(...a))[0]?.[0]
}

/** In the place of a host: the address that neighbours see. */
export const AUTO = 'auto'

/**
 * @param announce as configured
 * @param last what we announced last: before any neighbour has said where it sees us, we are probably still there
 */
export const announcedAt = (
  announce: readonly { host: string; port: number }[],
  { v4, v6 }: Own,
  last: readonly string[],
): string[] => {
  const fixed = announce.filter(({ host }) => host !== AUTO).map(written)
  const found = announce
    .filter(({ host }) => host === AUTO)
    .flatMap(({ port }) => {
      const seen = [v4, v6].flatMap((host) => (host === undefined ? [] : [written({ host, port })]))
      return seen.length > 0 ? seen : last.filter((one) => one.endsWith(`:${port}`) && !fixed.includes(one))
    })
  return [...new Set([...fixed, ...found])]
}

const written = ({ host, port }: { host: string; port: number }): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
