/** A client's side of COMPRESS=DEFLATE, RFC 4978: what is written is compressed on the way, what is read is inflated. */
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib'

export const deflated = (socket: Socket): Socket => {
  const deflate = createDeflateRaw({ flush: constants.Z_SYNC_FLUSH })
  const inflate = createInflateRaw()
  socket.pipe(inflate)
  deflate.pipe(socket)
  const pair = Duplex.from({ writable: deflate, readable: inflate }) as Socket
  pair.once('end', () => pair.destroy())
  return pair
}
