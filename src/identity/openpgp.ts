/**
 * The OpenPGP profile of Vouchsafe: what GnuPG 2.2 and Sequoia of today's distributions can read.
 *
 * v4 keys of Ed25519/X25519 in their older encoding, SEIPDv1 with MDC, nothing compressed.
 * Newer forms (SEIPDv2, v6 keys) fail in both, and a key made with `aeadProtect` would ask for them.
 */
import * as openpgp from './library.ts'

export const profile = {
  ...openpgp.config,
  aeadProtect: false,
  v6Keys: false,
  preferredCompressionAlgorithm: openpgp.enums.compression.uncompressed,
  // 70 bytes of salt in every signature would ride along in every letter, six times.
  nonDeterministicSignaturesViaNotation: false,
  showVersion: false,
  showComment: false,
  // What others compressed is read, but may not swell beyond what a letter kept in memory may be.
  maxDecompressedMessageSize: 16 * 1024 * 1024,
} satisfies openpgp.Config

/** The value of a notation that the signature covers, or undefined if it bears it not exactly once. */
export const notationOf = (signature: openpgp.SignaturePacket, name: string): string | undefined => {
  const [first, ...more] = signature.rawNotations.filter((notation) => notation.name === name)
  return first && more.length === 0 ? Buffer.from(first.value).toString('utf8') : undefined
}

/** A notation as it is signed: text, and not critical, or `gpg` would refuse to read the message. */
export const notation = (name: string, value: string): openpgp.RawNotation => ({
  name,
  value: Buffer.from(value),
  humanReadable: true,
  critical: false,
})
