/**
 * A statement: JSON that an entity has signed with its OpenPGP key.
 *
 * It travels and is kept as text of two lines: the JSON, exactly as signed, and the detached
 * signature in base64. So `head -c -1` of the first line and the second, decoded, are what
 * `gpg --verify` takes. The signature bears a notation naming the kind of statement: nothing
 * else the entity ever signs, a letter least of all, can be taken for one.
 */
import type { Entity } from './entity.ts'
import * as openpgp from './library.ts'
import { notation, notationOf, profile } from './openpgp.ts'

export type StatementKind = 'card' | 'delegation' | 'complaint' | 'rekey'

/** A clock may be this far ahead of ours, in ms: what it dates is not refused as from the future. */
export const CLOCK_SKEW_MS = 15 * 60 * 1000

const NOTATION = 'statement@vouchsafe.alt'

/** @param now epoch ms, the time of signing */
export const signStatement = async (by: Entity, kind: StatementKind, body: object, now: number): Promise<string> => {
  const json = JSON.stringify(body)
  const signature = await openpgp.sign({
    message: await openpgp.createMessage({ binary: Buffer.from(json) }),
    signingKeys: by.key,
    detached: true,
    format: 'binary',
    date: new Date(now),
    signatureNotations: [notation(NOTATION, kind)],
    config: profile,
  })
  return `${json}\n${Buffer.from(signature).toString('base64')}`
}

/** What a statement says, before anybody knows whether it holds: the key to check it by may stand in it. */
export const readStatement = (text: string): Record<string, unknown> => {
  const body: unknown = JSON.parse(split(text).json)
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new Error('a statement is a JSON object')
  return body as Record<string, unknown>
}

/** @throws Error unless `key` made the statement, as one of this kind, no later than `now` */
export const verifyStatement = async (text: string, kind: StatementKind, key: openpgp.PublicKey, now: number) => {
  const { json, signature } = split(text)
  const read = await openpgp.readSignature({ binarySignature: signature, config: profile })
  const [packet, ...more] = read.packets
  if (!packet || more.length > 0) throw new Error('a statement bears one signature')
  const { signatures } = await openpgp.verify({
    message: await openpgp.createMessage({ binary: Buffer.from(json) }),
    signature: read,
    verificationKeys: key,
    expectSigned: true,
    format: 'binary',
    date: new Date(now + CLOCK_SKEW_MS),
    config: profile,
  })
  for (const { verified } of signatures) await verified
  if (packet.signatureType !== openpgp.enums.signature.binary)
    throw new Error('the signature must cover the very bytes')
  if (notationOf(packet, NOTATION) !== kind) throw new Error(`it was not signed as a ${kind}`)
}

const split = (text: string): { json: string; signature: Uint8Array } => {
  const [json = '', base64 = '', ...more] = text.split('\n')
  const signature = Buffer.from(base64, 'base64')
  // one spelling for one statement: what differs as text is not the same
  if (more.length > 0 || signature.toString('base64') !== base64) throw new Error('a statement is two lines')
  return { json, signature }
}
