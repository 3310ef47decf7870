/**
 * A record: what one agent says to others under its signature.
 *
 * JWS compact (RFC 7515), alg EdDSA, signed and checked as the bytes that travel.
 *   protected header  {alg, typ: "vouchsafe/<RECORD>", net, jwk: {kty: "OKP", crv: "Ed25519", x}}
 *   payload           a JSON object; `v` is its version, 1
 * `typ` keeps one kind of record from being taken for another, `net` the records of
 * a trial web out of the real one. The key travels along: who signed is a fact, whether
 * they may is for the caller to decide by the agentId.
 */
import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import type { AgentId } from '../address.ts'
import { Refusal, type RefusalCode } from '../refusal.ts'
import { type Agent, agentIdOf } from './agent.ts'
import { recent } from './recent.ts'

/** Bytes. Small enough that a thousand of them in flight are no danger. */
export const RECORD_LIMIT = 64 * 1024

const VERSION = 1

/** @returns the record as it travels; `v` is added to the body */
export const signRecord = async (agent: Agent, net: string, type: string, body: object): Promise<string> => {
  const jwk = jwkOf(agent.publicRaw.toString('base64url'))
  const header = { alg: 'EdDSA', typ: `vouchsafe/${type}`, net, jwk }
  const text = `${encoded(header)}.${encoded({ ...body, v: VERSION })}`
  // At once, not in a thread: to fetch the answer from there costs twice what Ed25519 does.
  const jws = `${text}.${sign(null, Buffer.from(text), agent.privateKey).toString('base64url')}`
  if (jws.length > RECORD_LIMIT) throw new Refusal('record-too-large', `a record holds ${RECORD_LIMIT} bytes`)
  return jws
}

/**
 * Checks a record whole: form, kind, net, signature, version.
 *
 * @returns who signed, and the body (with its `v`), of which nothing more is known than that it is an object
 * @throws Refusal record-too-large | record-malformed | record-type | net-mismatch | signature-wrong | record-version
 */
export const verifyRecord = async (jws: string, net: string, type: string): Promise<{ by: AgentId; body: unknown }> => {
  if (jws.length > RECORD_LIMIT) throw new Refusal('record-too-large', `a record holds ${RECORD_LIMIT} bytes`)
  const [, header, payload, signature] = form.exec(jws) ?? []
  if (!header || !payload || !signature) throw malformed('not a JWS in compact form')

  const { typ, net: signedFor, signer } = headers(header, () => readHeader(header))
  if (typ !== `vouchsafe/${type}`) throw refused('record-type', `expected vouchsafe/${type}`)
  if (signedFor !== net) throw refused('net-mismatch', `the record was not signed for the net "${net}"`)
  const { key, by } = signer()
  const signed = Buffer.from(jws.slice(0, header.length + 1 + payload.length))
  if (!verify(null, signed, key, Buffer.from(signature, 'base64url')))
    throw refused('signature-wrong', `the record's signature does not hold`)
  const body = parsed(payload, 'payload')
  if (body.v !== VERSION) throw refused('record-version', `this gateway understands version ${VERSION}`)
  return { by, body }
}

const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')

// 64 bytes of signature are 86 characters, the last of which carries two bits: any other
// last character would be a second spelling of the same signature.
const form = /^([\w-]{1,1024})\.([\w-]+)\.([\w-]{85}[AQgw])$/

const parsed = (part: string, what: string): Record<string, unknown> => {
  let value: unknown
  try {
    value = JSON.parse(utf8.decode(Buffer.from(part, 'base64url')))
  } catch {
    throw malformed(`its ${what} is not JSON`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(`its ${what} is not an object`)
  return value as Record<string, unknown>
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

const publicPart = (jwk: unknown): string => {
  if (typeof jwk !== 'object' || jwk === null) throw malformed('it carries no key')
  const { kty, crv, x, ...others } = jwk as Record<string, unknown>
  const isOurs = kty === 'OKP' && crv === 'Ed25519' && Object.keys(others).length === 0
  // 32 bytes are 43 characters; one spelling only, as above
  if (!isOurs || typeof x !== 'string' || !/^[\w-]{42}[AEIMQUYcgkosw048]$/.test(x))
    throw malformed('its key is not an Ed25519 public key')
  return x
}

/** An agent's records of one kind all have the same header: what it says is remembered by its text. */
const headers = recent<Header>(1000)
/** `signer` throws unless the rest of the header is as version 1 has it: of another kind or net, that is told first. */
type Header = { typ: unknown; net: unknown; signer(): Signer }
type Signer = { key: KeyObject; by: AgentId }

const readHeader = (text: string): Header => {
  const { alg, typ, net, jwk, ...others } = parsed(text, 'header')
  let known: Signer | undefined
  const signer = () => {
    if (alg !== 'EdDSA' || Object.keys(others).length > 0)
      throw malformed('its header holds what this version does not know')
    known ??= signerOf(publicPart(jwk))
    return known
  }
  return { typ, net, signer }
}

const signerOf = (x: string): Signer => {
  try {
    const key = createPublicKey({ key: jwkOf(x), format: 'jwk' })
    return { key, by: agentIdOf(Buffer.from(x, 'base64url')) }
  } catch {
    throw malformed('its key is not an Ed25519 public key')
  }
}

const jwkOf = (x: string) => ({ kty: 'OKP', crv: 'Ed25519', x })
const refused = (code: RefusalCode, detail: string): Refusal => new Refusal(code, detail)
const malformed = (why: string): Refusal => new Refusal('record-malformed', `the record can't be read: ${why}`)
