/**
 * The first packets of a payload, looked at before a library spends memory and time on them.
 *
 * A payload is sealed for one entity: a few session keys (PKESK, tag 1), then the encrypted
 * data with integrity protection (SEIPD, tag 18). Whoever sends a gigabyte of session keys to
 * be tried is refused within the first bytes. Packet headers: RFC 4880 §4.2.
 */
import { Refusal } from '../refusal.ts'

const HEAD_BYTES = 16 * 1024 // 16 keys of RSA 4096 are 8.5 kB
const SESSION_KEYS = 16 // `gpg` users who also encrypt to themselves have two or three

const PKESK = 1
const SEIPD = 18

/** @throws Refusal seal-broken unless the encrypted data begins within the bytes given */
export const checkHead = (head: Uint8Array): void => {
  let at = 0
  for (let keys = 0; keys <= SESSION_KEYS; keys++) {
    const { tag, bodyAt, size } = packetAt(head, at)
    if (tag === SEIPD && keys > 0) return
    if (tag !== PKESK || size === undefined) break
    at = bodyAt + size
  }
  throw new Refusal('seal-broken', 'the payload is no OpenPGP message as letters are sealed')
}

/** Passes a payload on, once its first bytes are found to be such. */
export async function* headChecked(payload: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let head: Uint8Array | undefined = new Uint8Array()
  for await (const chunk of payload) {
    if (head === undefined) {
      yield chunk
      continue
    }
    head = Buffer.concat([head, chunk])
    if (head.length < HEAD_BYTES) continue
    checkHead(head)
    yield head
    head = undefined
  }
  if (head === undefined) return
  checkHead(head) // it was shorter than a head may be
  yield head
}

type Packet = { tag: number; bodyAt: number; size: number | undefined /* partial or unknown */ }

const packetAt = (bytes: Uint8Array, at: number): Packet => {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const byte = (offset: number): number => view[at + offset] ?? 0
  const first = byte(0)
  if ((first & 0x80) === 0) return { tag: 0, bodyAt: at, size: undefined }
  if ((first & 0x40) === 0) {
    const lengthOctets = [1, 2, 4, 0][first & 3] ?? 0
    const isWhole = lengthOctets > 0 && at + 1 + lengthOctets <= view.length
    const size = isWhole ? view.readUIntBE(at + 1, lengthOctets) : undefined
    return { tag: (first >> 2) & 15, bodyAt: at + 1 + lengthOctets, size }
  }
  const tag = first & 63
  const length = byte(1)
  if (length < 192) return { tag, bodyAt: at + 2, size: length }
  if (length < 224) return { tag, bodyAt: at + 3, size: ((length - 192) << 8) + byte(2) + 192 }
  if (length < 255 || at + 6 > view.length) return { tag, bodyAt: at + 2, size: undefined }
  return { tag, bodyAt: at + 6, size: view.readUInt32BE(at + 2) }
}
