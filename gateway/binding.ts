/**
 * What ties a login to the very TLS connection it is made on: channel bindings for SCRAM-SHA-256-PLUS.
 *
 * `tls-exporter` (RFC 9266) with TLS 1.3; with 1.2 it is safe only where both sides extended the master secret, which
 * nobody tells us. `tls-server-end-point` (RFC 5929 §4) is the hash of our certificate, by the hash it is signed with.
 */
import { createHash } from 'node:crypto'
import type { PeerCertificate, TLSSocket } from 'node:tls'

/** Undefined for a name unknown here, or one that this connection has nothing for. */
export const bindingOf = (socket: TLSSocket, name: string): Buffer | undefined => {
  if (name === 'tls-exporter')
    return socket.getProtocol() === 'TLSv1.3'
      ? socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
      : undefined
  if (name !== 'tls-server-end-point') return undefined
  const { raw } = socket.getCertificate() as Partial<PeerCertificate>
  const hash = raw ? signedWith(raw) : undefined
  return raw && hash ? createHash(hash).update(raw).digest() : undefined
}

/** By the DER of the signature's algorithm; MD5 and SHA-1 would count as SHA-256, and no certificate of today has them. */
const hashes = new Map([
  ['2a8648ce3d040302', 'sha256'], // ecdsa-with-SHA256
  ['2a8648ce3d040303', 'sha384'],
  ['2a8648ce3d040304', 'sha512'],
  ['2a864886f70d01010b', 'sha256'], // sha256WithRSAEncryption
  ['2a864886f70d01010c', 'sha384'],
  ['2a864886f70d01010d', 'sha512'],
])

/** Certificate = SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OBJECT IDENTIFIER … }, … }. RFC 5280 §4.1. */
const signedWith = (der: Buffer): string | undefined => {
  const certificate = header(der, 0)
  const tbs = header(der, certificate.start)
  const algorithm = header(der, tbs.end)
  const oid = header(der, algorithm.start)
  return hashes.get(der.toString('hex', oid.start, oid.end))
}

/** Where the contents of the DER value at `at` lie. */
const header = (der: Buffer, at: number): { start: number; end: number } => {
  const first = der[at + 1] ?? 0
  if (first < 0x80) return { start: at + 2, end: at + 2 + first }
  const octets = first & 0x7f
  const start = at + 2 + octets
  return { start, end: start + der.readUIntBE(at + 2, octets) }
}
