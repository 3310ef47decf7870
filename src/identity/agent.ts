/**
 * An agent's own key: Ed25519, the same in its TLS certificate and under its records.
 *
 * agentId = base32(H(SubjectPublicKeyInfo)), RFC 8410 §4. At rest the key is PKCS#8 in PEM.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { type AgentId, base32 } from '../address.ts'

export type Agent = {
  id: AgentId
  /** The 32 bytes of the public key. */
  publicRaw: Buffer
  privateKey: KeyObject
  publicKey: KeyObject
}

export const generateAgent = (): Agent => agentOf(generateKeyPairSync('ed25519').privateKey)

/** @throws Error if it is not an unencrypted PKCS#8 Ed25519 key */
export const agentFromPem = (pem: string): Agent => {
  const key = createPrivateKey(pem)
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`an agent's key is Ed25519, not ${key.asymmetricKeyType}`)
  return agentOf(key)
}

export const agentToPem = (agent: Agent): string => String(agent.privateKey.export({ type: 'pkcs8', format: 'pem' }))

/** @param publicRaw the 32 bytes of an Ed25519 public key */
export const agentIdOf = (publicRaw: Buffer): AgentId => agentIdOfSpki(Buffer.concat([spkiPrefix, publicRaw]))

/** @param der SubjectPublicKeyInfo, as a certificate carries it */
export const agentIdOfSpki = (der: Buffer): AgentId => base32(createHash('sha256').update(der).digest())

/** RFC 8410 §4: the DER before the 32 bytes of every Ed25519 key. */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

const agentOf = (privateKey: KeyObject): Agent => {
  const publicKey = createPublicKey(privateKey)
  const der = publicKey.export({ type: 'spki', format: 'der' })
  return { id: agentIdOfSpki(der), publicRaw: der.subarray(spkiPrefix.length), privateKey, publicKey }
}
