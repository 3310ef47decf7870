/**
 * SCRAM-SHA-256: a password proved without being said. RFC 5802, RFC 7677.
 *
 *   client: gs2-header n=NAME,r=NONCE
 *   server: r=NONCE+OURS,s=SALT,i=ITERATIONS
 *   client: c=base64(gs2-header channel-binding),r=NONCE+OURS,p=PROOF
 *   server: v=SIGNATURE
 *
 * What is kept (StoredKey, ServerKey) lets the server check a proof and prove itself; whoever steals it can play the
 * server, not the client, and has to guess for the password. `-PLUS` binds the proof to this very TLS connection, so
 * that nobody in between can hand it on. Binary values are base64.
 */
import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

export type ScramKeys = { storedKey: string; serverKey: string }

/** How the client bound itself to TLS: not at all, not because it believes we can't, or by data of this name. */
type Binding = { by: 'none' | 'unoffered' } | { by: 'data'; name: string }

export type FirstMessage = { binding: Binding; gs2: string; authzid: string; user: string; nonce: string; bare: string }
/** `bound` is the gs2 header and the channel-binding data behind it, in octets. */
type FinalMessage = { bound: Buffer; nonce: string; proof: Buffer; withoutProof: string }

/**
 * What a guess costs who stole the keys, and a client at its login. The least of RFC 7677 is 4096, of 2015; this is
 * the most that Cyrus SASL computes, by which mbsync and others log in. Passwords made by us have 100 random bits and
 * need no such help.
 */
export const ITERATIONS = 65_536
const HASH = 'sha256'
const HASH_BYTES = 32
/** Longer messages than any name and nonce need. */
const MESSAGE_MAX = 2048

/** @param salt base64 */
export const deriveKeys = async (password: string, salt: string, iterations: number): Promise<ScramKeys> => {
  const salted = await promisify(pbkdf2)(prepared(password), Buffer.from(salt, 'base64'), iterations, HASH_BYTES, HASH)
  const storedKey = createHash(HASH).update(hmac(salted, 'Client Key')).digest('base64')
  return { storedKey, serverKey: hmac(salted, 'Server Key').toString('base64') }
}

/** Undefined if that is no first message, or wants an extension nobody knows. */
export const readFirst = (message: string): FirstMessage | undefined => {
  const [, gs2 = '', flag = '', cbName = '', authzid = '', bare = '', user = '', nonce = ''] =
    /^((n|y|p=([A-Za-z0-9.-]+)),(?:a=([^,]*))?,)(n=([^,]+),r=([!-+\--~]+)(?:,.*)?)$/s.exec(message) ?? []
  const [name, as] = [unescaped(user), unescaped(authzid)]
  if (gs2 === '' || name === undefined || as === undefined || message.length > MESSAGE_MAX) return undefined
  return { binding: bindingOf(flag, cbName), gs2, authzid: as, user: name, nonce, bare }
}

const bindingOf = (flag: string, name: string): Binding => {
  if (flag === 'n') return { by: 'none' }
  return flag === 'y' ? { by: 'unoffered' } : { by: 'data', name }
}

export const readFinal = (message: string): FinalMessage | undefined => {
  const [, withoutProof = '', bound = '', nonce = '', proof = ''] =
    /^(c=([A-Za-z0-9+/=]+),r=([!-+\--~]+)(?:,.*)?),p=([A-Za-z0-9+/=]+)$/s.exec(message) ?? []
  const decoded = Buffer.from(proof, 'base64')
  if (decoded.length !== HASH_BYTES || message.length > MESSAGE_MAX) return undefined
  return { bound: Buffer.from(bound, 'base64'), nonce, proof: decoded, withoutProof }
}

export const challengeOf = (nonce: string, salt: string, iterations: number): string =>
  `r=${nonce},s=${salt},i=${iterations}`

/** The server's signature, base64, if the proof is of the password these keys are of. */
export const checkProof = (keys: ScramKeys, authMessage: string, proof: Buffer): string | undefined => {
  const storedKey = Buffer.from(keys.storedKey, 'base64')
  const signature = hmac(storedKey, authMessage)
  const clientKey = Buffer.from(proof.map((byte, i) => byte ^ (signature[i] ?? 0)))
  if (!timingSafeEqual(createHash(HASH).update(clientKey).digest(), storedKey)) return undefined
  return hmac(Buffer.from(keys.serverKey, 'base64'), authMessage).toString('base64')
}

const hmac = (key: Buffer, text: string): Buffer => createHmac(HASH, key).update(text).digest()

/** `=2C` is a comma, `=3D` an equals sign; nothing else stands behind one. */
const unescaped = (name: string): string | undefined =>
  /=(?!2C|3D)/.test(name) ? undefined : name.replaceAll('=2C', ',').replaceAll('=3D', '=')

/** SASLprep (RFC 4013), as far as it matters for equal typing: spaces are one, the invisible goes, NFKC. */
export const prepared = (password: string): string =>
  password
    .replace(/\p{Zs}/gu, ' ')
    .replace(/\u034f|[\u180b-\u180d]|[\ufe00-\ufe0f]|[\u00ad\u1806\u200b-\u200d\u2060\ufeff]/g, '')
    .normalize('NFKC')
