/**
 * One message of the DNS that changes it: UPDATE (RFC 2136), signed by TSIG (RFC 8945, hmac-sha256), and
 * the reading of its answer. Names are ASCII, written without compression; integers are big-endian.
 *
 *   header: id 2 | opcode 5 | counts 2 each: zone 1, prerequisites 0, updates, additional
 *   zone:   name | SOA | IN
 *   update: name | type | ANY | ttl 0 | length 0             deletes the RRset (§2.5.2)
 *           name | type | IN  | ttl   | length | address     adds to it (§2.5.1)
 *   TSIG:   key name | 250 | ANY | 0 | length | algorithm | time 6 | fudge 2 | MAC | id | error 2 | other
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { ipBytes } from '../ip.ts'
import type { Own } from './seen.ts'

/** What `tsig-keygen` makes: the name the server knows the key by, and its bytes. */
type TsigKey = { name: string; secret: Buffer }
type Update = { zone: string; name: string; addresses: Own; ttlSeconds: number }

const TYPE = { A: 1, SOA: 6, AAAA: 28, TSIG: 250 }
const CLASS = { IN: 1, ANY: 255 }
const UPDATE_OPCODE = 5 << 11
const ALGORITHM = 'hmac-sha256'
/** Seconds by which the clocks of both may differ, RFC 8945 §10. */
const FUDGE = 300
const HEADER = 12

/** The RRset of each address family that is known becomes that one address; the other family stays as it is. */
export const encodeUpdate = ({ zone, name, addresses, ttlSeconds }: Update, id: number): Buffer => {
  const rows = [addresses.v4, addresses.v6].flatMap((address) => {
    const data = ipBytes(address ?? '')
    if (data === undefined) return []
    const type = data.length === 4 ? TYPE.A : TYPE.AAAA
    return [resource(name, type, CLASS.ANY, 0, Buffer.alloc(0)), resource(name, type, CLASS.IN, ttlSeconds, data)]
  })
  const header = words(id, UPDATE_OPCODE, 1, 0, rows.length, 0)
  return Buffer.concat([header, nameBytes(zone), words(TYPE.SOA, CLASS.IN), ...rows])
}

/** @returns the message with its TSIG, and the MAC that the answer is checked with */
export const sign = (message: Buffer, key: TsigKey, now: number): { signed: Buffer; mac: Buffer } => {
  const seconds = Math.floor(now / 1000)
  const mac = macOf(key, [message, variables(key, seconds, FUDGE, 0, Buffer.alloc(0))])
  const id = message.readUInt16BE(0)
  const data = Buffer.concat([
    nameBytes(ALGORITHM),
    time48(seconds),
    words(FUDGE, mac.length),
    mac,
    words(id, 0, 0), // the id again, no error, nothing more
  ])
  return { signed: Buffer.concat([counted(message, 1), resource(key.name, TYPE.TSIG, CLASS.ANY, 0, data)]), mac }
}

/** What the answer says: `done`, or why not, for people. A forged or malformed answer is none. */
export const readAnswer = (answer: Buffer, key: TsigKey, mac: Buffer, now: number): 'done' | { failed: string } => {
  try {
    const { rcode, id } = headerOf(answer)
    const tsig = lastRecord(answer)
    if (tsig === undefined) return { failed: `${wordOf(rcode)}, and the answer is not signed` }
    if (tsig.error !== 0 && tsig.mac.length === 0)
      return { failed: tsigWords[tsig.error] ?? `TSIG error ${tsig.error}` }
    if (!isOurs(answer, tsig.start, key)) return { failed: 'the answer is signed by another key' }
    const stripped = counted(answer.subarray(0, tsig.start), -1)
    stripped.writeUInt16BE(tsig.originalId, 0)
    const before = Buffer.concat([words(mac.length), mac])
    const wanted = macOf(key, [before, stripped, variables(key, tsig.seconds, tsig.fudge, tsig.error, tsig.other)])
    if (wanted.length !== tsig.mac.length || !timingSafeEqual(wanted, tsig.mac) || tsig.originalId !== id)
      return { failed: 'the answer is signed by another key' }
    if (tsig.error !== 0) return { failed: tsigWords[tsig.error] ?? `TSIG error ${tsig.error}` }
    if (Math.abs(now / 1000 - tsig.seconds) > tsig.fudge) return { failed: tsigWords[18] ?? '' }
    return rcode === 0 ? 'done' : { failed: wordOf(rcode) }
  } catch {
    return { failed: 'the answer can not be read' }
  }
}

/**
 * The file that `tsig-keygen NAME` writes, and named and nsupdate read.
 *
 * @throws Error that says what it must be
 */
export const readKeyFile = (text: string): TsigKey => {
  const [, name] = /key\s+"?([^\s"{;]+)"?\s*\{/.exec(text) ?? []
  const [, algorithm] = /algorithm\s+"?([^\s";]+)"?\s*;/.exec(text) ?? []
  const [, secret] = /secret\s+"([A-Za-z0-9+/=]+)"\s*;/.exec(text) ?? []
  if (!name || !secret) throw new Error('it is no TSIG key; make one with `tsig-keygen -a hmac-sha256 vouchsafe`')
  if (algorithm?.toLowerCase() !== ALGORITHM) throw new Error(`its algorithm must be ${ALGORITHM}`)
  nameBytes(name)
  return { name, secret: Buffer.from(secret, 'base64') }
}

const macOf = ({ secret }: TsigKey, parts: Buffer[]): Buffer => {
  const hmac = createHmac('sha256', secret)
  for (const part of parts) hmac.update(part)
  return hmac.digest()
}

/** RFC 8945 §4.3.3: what of the TSIG itself is signed; names in lower case. */
const variables = (key: TsigKey, seconds: number, fudge: number, error: number, other: Buffer): Buffer =>
  Buffer.concat([
    nameBytes(key.name.toLowerCase()),
    words(CLASS.ANY, 0, 0), // class, and a TTL of 0
    nameBytes(ALGORITHM),
    time48(seconds),
    words(fudge, error, other.length),
    other,
  ])

/** @throws Error on a name that the DNS can't hold */
const nameBytes = (name: string): Buffer => {
  const labels = name.replace(/\.$/, '').split('.')
  const bytes = labels.map((label) => {
    if (!/^[\x21-\x7e]{1,63}$/.test(label)) throw new Error(`${name} is no name of the DNS`)
    return Buffer.concat([Buffer.of(label.length), Buffer.from(label, 'latin1')])
  })
  return Buffer.concat([...bytes, Buffer.of(0)])
}

const resource = (name: string, type: number, kind: number, ttlSeconds: number, data: Buffer): Buffer => {
  const ttl = Buffer.alloc(4)
  ttl.writeUInt32BE(ttlSeconds)
  return Buffer.concat([nameBytes(name), words(type, kind), ttl, words(data.length), data])
}

const words = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(2 * values.length)
  for (const [i, value] of values.entries()) bytes.writeUInt16BE(value, 2 * i)
  return bytes
}
const time48 = (seconds: number): Buffer => {
  const bytes = Buffer.alloc(6)
  bytes.writeUIntBE(seconds, 0, 6)
  return bytes
}

/** A copy whose count of additional records is another. */
const counted = (message: Buffer, by: number): Buffer => {
  const copy = Buffer.from(message)
  copy.writeUInt16BE(copy.readUInt16BE(10) + by, 10)
  return copy
}

const headerOf = (message: Buffer) => ({
  id: message.readUInt16BE(0),
  rcode: message.readUInt16BE(2) & 15,
  queries: message.readUInt16BE(4),
  records: message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10),
})

/** @returns the TSIG, which stands last; undefined if another record does */
const lastRecord = (message: Buffer) => {
  const { queries, records } = headerOf(message)
  let at = HEADER
  for (let i = 0; i < queries; i++) at = afterName(message, at) + 4
  let start = at
  for (let i = 0; i < records; i++) {
    start = at
    const fixed = afterName(message, at)
    at = fixed + 10 + message.readUInt16BE(fixed + 8)
  }
  if (records === 0 || at !== message.length) return undefined
  const fixed = afterName(message, start)
  return message.readUInt16BE(fixed) === TYPE.TSIG ? { start, ...tsigOf(message, fixed + 10) } : undefined
}

/** The key's name, TSIG, ANY, no TTL, and behind a length the algorithm: as we write them, in either case. */
const isOurs = (message: Buffer, start: number, key: TsigKey): boolean => {
  const head = Buffer.concat([nameBytes(key.name.toLowerCase()), words(TYPE.TSIG, CLASS.ANY, 0, 0)])
  const algorithm = nameBytes(ALGORITHM)
  const at = start + head.length + 2
  const lower = (from: number, size: number) => message.toString('latin1', from, from + size).toLowerCase()
  return (
    lower(start, head.length) === head.toString('latin1') &&
    lower(at, algorithm.length) === algorithm.toString('latin1')
  )
}

const tsigOf = (message: Buffer, data: number) => {
  const at = afterName(message, data)
  const macSize = message.readUInt16BE(at + 8)
  const after = at + 10 + macSize
  if (after + 6 + message.readUInt16BE(after + 4) !== message.length) throw new Error('its lengths are wrong')
  return {
    seconds: message.readUIntBE(at, 6),
    fudge: message.readUInt16BE(at + 6),
    mac: message.subarray(at + 10, after),
    originalId: message.readUInt16BE(after),
    error: message.readUInt16BE(after + 2),
    other: message.subarray(after + 6),
  }
}

/** A name ends with an empty label, or with a pointer of two bytes (RFC 1035 §4.1.4). */
const afterName = (message: Buffer, from: number): number => {
  let at = from
  for (;;) {
    const length = message.readUInt8(at)
    if (length === 0) return at + 1
    if (length >= 192) return at + 2
    at += 1 + length
  }
}

/** RFC 8945 §3 and §5.2: what is wrong with our signature. */
const tsigWords: Record<number, string> = {
  16: 'the server says that the signature does not hold: is the secret in the key file the same there?',
  17: 'the server does not know this key: is the name in the key file the same there?',
  18: 'the clocks differ by more than 5 minutes: set this machine’s time',
}

/** RFC 2136 §2.2. */
const wordOf = (rcode: number): string =>
  ({
    1: 'the server could not read the update',
    2: 'the server failed',
    4: 'the server takes no updates',
    5: 'the server refuses: does its update-policy (or allow-update) let this key change this name?',
    9: 'the server is not responsible for this zone, or does not know the key: is dns.zone right?',
    10: 'the name lies outside of the zone: is dns.zone right?',
  })[rcode] ?? `the server answers with code ${rcode}`
