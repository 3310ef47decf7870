/**
 * The agent's TLS certificate: self-signed with the agent key itself, so whoever sees the
 * certificate sees the key, and the key is the agent (protocol §2.1). Name and dates mean
 * nothing to a neighbour; the certificate is made anew at each start and never stored.
 */
import 'reflect-metadata' // @peculiar/x509 registers its parts by decorators
import { randomBytes, webcrypto } from 'node:crypto'
import { X509CertificateGenerator } from '@peculiar/x509'
import type { Agent } from '../../src/identity/agent.ts'

const DAY_MS = 86_400_000
const ED25519 = { name: 'Ed25519' }

/** @returns PEM texts for node:tls */
export const makeCertificate = async (agent: Agent, now: number): Promise<{ key: string; cert: string }> => {
  const { subtle } = webcrypto
  const pkcs8 = agent.privateKey.export({ type: 'pkcs8', format: 'der' })
  const spki = agent.publicKey.export({ type: 'spki', format: 'der' })
  const cert = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: `40${randomBytes(15).toString('hex')}`, // positive and without a leading zero, RFC 5280 §4.1.2.2
      name: `CN=${agent.id}`,
      // A neighbour's clock may be wrong, and the dates are not checked; others' tools may look.
      notBefore: new Date(now - DAY_MS),
      notAfter: new Date(now + 3650 * DAY_MS),
      signingAlgorithm: ED25519,
      keys: {
        privateKey: await subtle.importKey('pkcs8', pkcs8, ED25519, false, ['sign']),
        publicKey: await subtle.importKey('spki', spki, ED25519, true, ['verify']),
      },
    },
    webcrypto,
  )
  return { key: agent.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), cert: cert.toString('pem') }
}
