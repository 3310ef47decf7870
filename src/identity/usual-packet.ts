/** OpenPGP packets as bytes: headers of the newer form, numbers (MPI), subpackets. RFC 4880 §3.2, §4.2.2, §5.2.3.1. */
import { packetAt } from './payload-head.ts'

/** A packet, or with its kind before it a subpacket: both tell their length alike. */
export const packet = (tag: number, ...parts: Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([0xc0 | tag]), lengthOf(body.length), body])
}

export const subpacket = (kind: number, ...parts: Uint8Array[]): Buffer => {
  const body = Buffer.concat([Buffer.from([kind]), ...parts])
  return Buffer.concat([lengthOf(body.length), body])
}

const lengthOf = (bytes: number): Buffer => {
  if (bytes < 192) return Buffer.from([bytes])
  if (bytes < 8384) return Buffer.from([((bytes - 192) >> 8) + 192, (bytes - 192) & 0xff])
  return Buffer.concat([Buffer.from([0xff]), uint32(bytes)])
}

export const uint16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

export const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A number of 32 bytes, without the zeros before it. */
export const mpi = (bytes: Buffer): Buffer => {
  const start = bytes.findIndex((byte) => byte !== 0)
  const value = start < 0 ? Buffer.alloc(0) : bytes.subarray(start)
  return Buffer.concat([uint16(Math.max(0, value.length * 8 - Math.clz32((value[0] ?? 0) << 24))), value])
}

export type Part = { tag: number; body: Buffer }

/** @returns undefined unless they are packets of known length to the last byte */
export const packetsOf = (bytes: Buffer): Part[] | undefined => {
  const parts: Part[] = []
  for (let at = 0; at < bytes.length; ) {
    const { tag, bodyAt, size } = packetAt(bytes, at)
    if (size === undefined || bodyAt + size > bytes.length) return undefined
    parts.push({ tag, body: bytes.subarray(bodyAt, bodyAt + size) })
    at = bodyAt + size
  }
  return parts
}
