/**
 * What travels: an envelope around a sealed payload, and the stamps it gathers.
 * Relays see whom it is for, how large it is and until when it counts; nothing else.
 */
import { createHash } from 'node:crypto'
import type { EnvelopeRecord } from '../wire/record.ts'

export type Priority = EnvelopeRecord['priority']

/** An envelope whose signature holds. `jws` are the very bytes that were signed. */
export type Envelope = EnvelopeRecord & { origin: string; jws: string }

/** Names one envelope everywhere: ids are drawn by origins, so only the pair is unique. */
export const keyOf = (origin: string, id: string): string => `${origin}/${id}`

/** Reads a key back: `[origin, id]`. */
export const partsOfKey = (key: string): [origin: string, id: string] => {
  const cut = key.indexOf('/')
  return [key.slice(0, cut), key.slice(cut + 1)]
}

/**
 * The hash that a stamp signs and a receipt repeats: SHA-256 over the envelope and the stamps
 * in order, one a line. A JWS holds no line feed, so the concatenation can be read only one way.
 */
export const chainHash = (envelopeJws: string, stamps: readonly string[]): string =>
  createHash('sha256')
    .update([envelopeJws, ...stamps].join('\n'))
    .digest('hex')

/** Mail up to this size is `interactive`, the rest `normal`: about what a person types, pictures excluded. */
const INTERACTIVE_BYTES = 64 * 1024
export const priorityOf = (sizeBytes: number): Priority => (sizeBytes <= INTERACTIVE_BYTES ? 'interactive' : 'normal')
