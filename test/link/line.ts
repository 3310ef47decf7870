/** A line between two agents that can be cut, go dead without a word, or be slow; it counts what it carries. */
import { connect, createServer, type Socket } from 'node:net'

export type Line = {
  address: string
  /** Open ones. */
  connections(): number
  /** Bytes from dialler to listener. */
  carried(): number
  /** Cuts every connection. */
  cut(): void
  /** Cuts every connection once so many more bytes went towards the listener. */
  cutAfter(bytes: number): void
  /** Neither side hears anything any more, and no connection is closed. */
  mute(): void
  close(): void
}

/** @param hear is given what goes towards the listener */
export const openLine = async (to: string, hear: (chunk: Buffer) => void = () => {}): Promise<Line> => {
  const [host, port] = [to.slice(0, to.lastIndexOf(':')), Number(to.slice(to.lastIndexOf(':') + 1))]
  const sockets = new Set<Socket>()
  let carried = 0
  let cutAt = Number.POSITIVE_INFINITY

  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  const server = createServer((near) => {
    const far = connect({ host, port })
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.on('data', (chunk) => {
      carried += chunk.length
      hear(chunk)
      if (carried < cutAt) return
      cutAt = Number.POSITIVE_INFINITY
      cut()
    })
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const at = server.address()
  return {
    address: `127.0.0.1:${typeof at === 'object' && at ? at.port : 0}`,
    connections: () => sockets.size / 2,
    carried: () => carried,
    cut,
    cutAfter(bytes) {
      cutAt = carried + bytes
    },
    mute() {
      for (const socket of sockets) {
        socket.unpipe()
        socket.removeAllListeners('data')
        socket.pause()
      }
    },
    close() {
      server.close()
      cut()
    },
  }
}
