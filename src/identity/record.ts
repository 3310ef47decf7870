/**
 * A record: what one agent says to others under its signature.
 *
 * JWS compact (RFC 7515), signed and checked as the bytes that travel.
 *   protected header  {alg, typ: "vouchsafe/<RECORD>", net, jwk: {kty: "OKP", crv: "Ed25519", x}}
 *   payload           a JSON object; `v` is its version, 1
 *   signature         alg EdDSA: RFC 8037; alg EdDSA-tree: that of the root of a tree (tree.ts) the record is
 *                     a leaf of, and behind it the 1 to 6 hashes of its way there
 * `typ` keeps one kind of record from being taken for another, `net` the records of
 * a trial web out of the real one. The key travels along: who signed is a fact, whether
 * they may is for the caller to decide by the agentId.
 */
import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import type { AgentId } from '../address.ts'
import { Refusal, type RefusalCode } from '../refusal.ts'
import { type Agent, agentIdOf } from './agent.ts'
import { recent } from './recent.ts'
import { DEPTH, HASH, leafOf, rootBy, treeOf } from './tree.ts'

/** Bytes. Small enough that a thousand of them in flight are no danger. */
export const RECORD_LIMIT = 64 * 1024

const VERSION = 1

/** @returns the record as it travels; `v` is added to the body */
export const signRecord = async (agent: Agent, net: string, type: string, body: object): Promise<string> => {
  const text = unsigned(agent, ALONE, { net, type, body })
  // At once, not in a thread: to fetch the answer from there costs twice what Ed25519 does.
  const jws = `${text}.${sign(null, Buffer.from(text), agent.privateKey).toString('base64url')}`
  if (jws.length > RECORD_LIMIT) throw tooLarge()
  return jws
}

/**
 * The same for what a gateway says of many letters at once: records of one turn of the event loop share a
 * signature, and whoever verifies them has one to check. Each must hold something nobody can guess, as an
 * envelope's id is, for whoever has one of them sees hashes of others.
 */
export const signShared = (agent: Agent, net: string, type: string, body: object): Promise<string> =>
  new Promise((done, failed) => {
    const waiting = shared.get(agent) ?? []
    if (waiting.length === 0) setImmediate(signWaiting, agent)
    waiting.push({ net, type, body, done, failed })
    shared.set(agent, waiting)
  })

type Said = { net: string; type: string; body: object }
type Waiting = Said & { done(jws: string): void; failed(error: unknown): void }
const shared = new Map<Agent, Waiting[]>()

const signWaiting = (agent: Agent): void => {
  const waiting = shared.get(agent) ?? []
  shared.delete(agent)
  for (let i = 0; i < waiting.length; i += 2 ** DEPTH) {
    const group = waiting.slice(i, i + 2 ** DEPTH)
    try {
      signTogether(agent, group)
    } catch (error) {
      for (const { failed } of group) failed(error) // thrown on, from here it would end the process
    }
  }
}

const signTogether = (agent: Agent, group: readonly Waiting[]): void => {
  const [first, second] = group
  if (first && !second) return void signRecord(agent, first.net, first.type, first.body).then(first.done, first.failed)
  const texts = group.map((said) => unsigned(agent, TREE, said))
  const { root, ways } = treeOf(texts.map(leafOf))
  const signature = sign(null, asSigned(root), agent.privateKey)
  for (const [i, { done, failed }] of group.entries()) {
    const jws = `${texts[i]}.${Buffer.concat([signature, ...(ways[i] ?? [])]).toString('base64url')}`
    if (jws.length > RECORD_LIMIT) failed(tooLarge())
    else done(jws)
  }
}

const ALONE = 'EdDSA'
const TREE = 'EdDSA-tree'
/** Ed25519, RFC 8032. */
const SIGNATURE = 64
/** No JWS begins so, and nothing in TLS: what is signed as a root is nothing else. */
const asSigned = (root: Buffer): Buffer => Buffer.concat([ROOT, root])
const ROOT = Buffer.from('vouchsafe tree\n')

const unsigned = (agent: Agent, alg: string, { net, type, body }: Said): string => {
  const jwk = jwkOf(agent.publicRaw.toString('base64url'))
  return `${encoded({ alg, typ: `vouchsafe/${type}`, net, jwk })}.${encoded({ ...body, v: VERSION })}`
}

const tooLarge = (): Refusal => new Refusal('record-too-large', `a record holds ${RECORD_LIMIT} bytes`)

/**
 * Checks a record whole: form, kind, net, signature, version.
 *
 * @returns who signed, and the body (with its `v`), of which nothing more is known than that it is an object
 * @throws Refusal record-too-large | record-malformed | record-type | net-mismatch | signature-wrong | record-version
 */
export const verifyRecord = async (jws: string, net: string, type: string): Promise<{ by: AgentId; body: unknown }> => {
  if (jws.length > RECORD_LIMIT) throw tooLarge()
  const [, header, payload, signature] = form.exec(jws) ?? []
  if (!header || !payload || !signature) throw malformed('not a JWS in compact form')

  const { typ, net: signedFor, signer } = headers(header, () => readHeader(header))
  if (typ !== `vouchsafe/${type}`) throw refused('record-type', `expected vouchsafe/${type}`)
  if (signedFor !== net) throw refused('net-mismatch', `the record was not signed for the net "${net}"`)
  const known = signer()
  if (!holds(jws.slice(0, header.length + 1 + payload.length), signatureFrom(signature, known), known))
    throw refused('signature-wrong', `the record's signature does not hold`)
  const body = parsed(payload, 'payload')
  if (body.v !== VERSION) throw refused('record-version', `this gateway understands version ${VERSION}`)
  return { by: known.by, body }
}

const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')

const form = /^([\w-]{1,1024})\.([\w-]+)\.([\w-]{86,342})$/

const signatureFrom = (text: string, { isShared }: Signer): Buffer => {
  const bytes = Buffer.from(text, 'base64url')
  const hashes = (bytes.length - SIGNATURE) / HASH
  const fits = isShared ? Number.isInteger(hashes) && hashes >= 1 && hashes <= DEPTH : hashes === 0
  // The last character may carry bits that are not used: set, they would be a second spelling of the same signature.
  if (!fits || bytes.toString('base64url') !== text) throw malformed('not a JWS in compact form')
  return bytes
}

const holds = (signed: string, signature: Buffer, { key, by, isShared }: Signer): boolean => {
  if (!isShared) return verify(null, Buffer.from(signed), key, signature)
  const way: Buffer[] = []
  for (let at = SIGNATURE; at < signature.length; at += HASH) way.push(signature.subarray(at, at + HASH))
  const root = rootBy(leafOf(signed), way)
  const own = signature.subarray(0, SIGNATURE)
  return roots(`${by} ${own.toString('latin1')}${root.toString('latin1')}`, () =>
    verify(null, asSigned(root), key, own),
  )
}

/** Whether these very bytes are this agent's signature of this root. */
const roots = recent<boolean>(1000)

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
type Signer = { key: KeyObject; by: AgentId; isShared: boolean }

const readHeader = (text: string): Header => {
  const { alg, typ, net, jwk, ...others } = parsed(text, 'header')
  let known: Signer | undefined
  const signer = () => {
    if ((alg !== ALONE && alg !== TREE) || Object.keys(others).length > 0)
      throw malformed('its header holds what this version does not know')
    known ??= { ...signerOf(publicPart(jwk)), isShared: alg === TREE }
    return known
  }
  return { typ, net, signer }
}

const signerOf = (x: string): Omit<Signer, 'isShared'> => {
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
