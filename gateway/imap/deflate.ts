/**
 * A connection whose bytes are compressed on the way. RFC 4978, RFC 1951.
 *
 *   client ──> socket ──> inflate ──> read by Input
 *   client <── socket <── deflate <── written by Output
 *
 * Memory: a window of 8 KiB and its tables make 64 KiB a session for what goes out, a quarter of zlib's default for
 * nearly the same size of mail; what comes in may use the largest window there is, 40 KiB. A few octets that inflate
 * to gigabytes come out a chunk at a time, as they are read.
 */
import { type Duplex, pipeline, type Readable, type Writable } from 'node:stream'
import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib'

const WINDOW_BITS = 13
/** 64 KiB = 2 ** (windowBits + 2) + 2 ** (memLevel + 9). */
const MEM_LEVEL = 6
const CHUNK_BYTES = 8192

export const compressed = (socket: Duplex): { from: Readable; to: Writable } => {
  // Every write is flushed: Output gathers before it writes, and what it wrote has to arrive.
  const to = createDeflateRaw({
    flush: constants.Z_SYNC_FLUSH,
    windowBits: WINDOW_BITS,
    memLevel: MEM_LEVEL,
    chunkSize: CHUNK_BYTES,
  })
  const from = createInflateRaw({ chunkSize: CHUNK_BYTES })
  // Whatever ends one of them ends all, as a close: nobody is to be told of the error.
  pipeline(socket, from, () => void socket.destroy())
  pipeline(to, socket, () => void to.destroy())
  return { from, to }
}
