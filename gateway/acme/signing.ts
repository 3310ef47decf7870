/**
 * Requests to an authority, signed by the account's key: JWS in its flattened form (RFC 7515 §7.2.2), ES256, with the
 * header that RFC 8555 §6.2 wants.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

export type Signed = { protected: string; payload: string; signature: string }
/** Who signs: the account by its URL, or before there is one by the key itself. */
type Signer = { key: KeyObject; account?: string | undefined }

/**
 * Read back from its text. In Node 20 the collector frees the job that generated a key, and waits for that key's lock, for ever
 * if it was called while the key is exported as JWK (below), which holds the lock.
 */
export const makeKey = (): KeyObject =>
  createPrivateKey(
    generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    }).privateKey,
  )

/** @param payload undefined asks for what is at `url` (POST-as-GET, §6.3) */
export const signed = ({ key, account }: Signer, url: string, nonce: string, payload: unknown): Signed => {
  const by = account === undefined ? { jwk: publicJwk(key) } : { kid: account }
  const head = base64url(JSON.stringify({ alg: 'ES256', nonce, url, ...by }))
  const body = payload === undefined ? '' : base64url(JSON.stringify(payload))
  const signature = sign('sha256', Buffer.from(`${head}.${body}`), { key, dsaEncoding: 'ieee-p1363' }) // RFC 7518 §3.4
  return { protected: head, payload: body, signature: signature.toString('base64url') }
}

/** What stands at the challenge's place for a token: RFC 8555 §8.1, with the thumbprint of RFC 7638. */
export const keyAuthorization = (key: KeyObject, token: string): string => {
  const thumbprint = createHash('sha256')
    .update(JSON.stringify(publicJwk(key)))
    .digest('base64url')
  return `${token}.${thumbprint}`
}

/** Members in the order that a thumbprint wants, and no others. */
const publicJwk = (key: KeyObject): object => {
  const { crv, kty, x, y } = createPublicKey(key).export({ format: 'jwk' })
  return { crv, kty, x, y }
}

const base64url = (text: string): string => Buffer.from(text).toString('base64url')
