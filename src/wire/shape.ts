/**
 * Small shapes that turn a decoded JSON value into a typed one, or refuse it by name.
 * A field nobody asked for is left where it is: a later version may add fields, and
 * what is signed is the bytes, not our reading of them (docs/protocol.md, "Records").
 */
import { isId } from '../address.ts'
import { Refusal } from '../refusal.ts'

export type Shape<T> = (value: unknown, at: string) => T

const malformed = (at: string, wanted: string): never => {
  throw new Refusal('record-malformed', `${at} must be ${wanted}`)
}

export const text =
  (maxChars: number): Shape<string> =>
  (value, at) =>
    typeof value === 'string' && value.length <= maxChars ? value : malformed(at, `a text of at most ${maxChars}`)

export const matching =
  (pattern: RegExp, wanted: string): Shape<string> =>
  (value, at) =>
    typeof value === 'string' && pattern.test(value) ? value : malformed(at, wanted)

export const whole =
  (min: number, max: number): Shape<number> =>
  (value, at) =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
      ? (value as number)
      : malformed(at, `a whole number from ${min} to ${max}`)

export const flag: Shape<boolean> = (value, at) => (typeof value === 'boolean' ? value : malformed(at, 'true or false'))

export const oneOf =
  <const T extends string>(...allowed: T[]): Shape<T> =>
  (value, at) =>
    allowed.includes(value as T) ? (value as T) : malformed(at, `one of ${allowed.join(', ')}`)

export const list =
  <T>(item: Shape<T>, min: number, max: number): Shape<T[]> =>
  (value, at) =>
    Array.isArray(value) && value.length >= min && value.length <= max
      ? value.map((one, i) => item(one, `${at}[${i}]`))
      : malformed(at, `a list of ${min} to ${max}`)

export const optional =
  <T>(shape: Shape<T>): Shape<T | undefined> =>
  (value, at) =>
    value === undefined ? undefined : shape(value, at)

type Fields = Record<string, Shape<unknown>>
type Optional<F extends Fields> = { [K in keyof F]: undefined extends ReturnType<F[K]> ? K : never }[keyof F]
type Flat<T> = { [K in keyof T]: T[K] }
type Fielded<F extends Fields> = Flat<
  { [K in Exclude<keyof F, Optional<F>>]: ReturnType<F[K]> } & {
    [K in Optional<F>]?: Exclude<ReturnType<F[K]>, undefined>
  }
>

/** A record whose `v` is 1; another version is refused as such, so that the peer knows what to do. */
export const record = <F extends Fields>(fields: F): Shape<Fielded<F>> => {
  const read = group(fields)
  return (value, at) => {
    if (isObject(value) && value.v !== 1)
      throw new Refusal(
        'record-version',
        `${at} has ${typeof value.v === 'number' ? `version ${value.v}` : 'no version'}`,
      )
    return read(value, at)
  }
}

/** Fields that belong together inside a record: they have its version. */
export const group =
  <F extends Fields>(fields: F): Shape<Fielded<F>> =>
  (value, at) => {
    if (!isObject(value)) return malformed(at, 'an object')
    const made: Record<string, unknown> = {}
    for (const [name, shape] of Object.entries(fields)) {
      const read = shape(Object.hasOwn(value, name) ? value[name] : undefined, `${at}.${name}`)
      if (read !== undefined) made[name] = read
    }
    return made as Fielded<F>
  }

/** Records of several kinds, told apart by `t`. @throws Refusal `record-type` for what is none of them */
export const tagged = <Kinds extends Record<string, Fields>>(kinds: Kinds, isNone: string) => {
  type One = { [T in keyof Kinds & string]: Flat<{ t: T } & Fielded<Kinds[T]>> }[keyof Kinds & string]
  const shapes = new Map(Object.entries(kinds).map(([t, fields]) => [t, record({ t: oneOf(t), ...fields })]))
  return (value: unknown): One => {
    const t = isObject(value) && typeof value.t === 'string' ? value.t : ''
    const shape = shapes.get(t)
    if (shape === undefined) throw new Refusal('record-type', isNone)
    return shape(value, t) as One
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Longest time a record may name: the year 2286, so that sums of two times stay exact. */
const MAX_TIME_MS = 9_999_999_999_999
export const time = whole(0, MAX_TIME_MS)
/** agentId, entityId and search targets: SHA-256 in lower-case base32 without padding, unused bits 0: it has one spelling. */
export const hashId: Shape<string> = (value, at) => (isId(value) ? value : malformed(at, '256 bits in base32'))
/** Envelope and query ids: 128 random bits. */
export const randomId = matching(/^[0-9a-f]{32}$/, '32 hexadecimal digits')
/** SHA-256 in hexadecimal. */
export const sha256 = matching(/^[0-9a-f]{64}$/, '64 hexadecimal digits')
