/** smtp-server, with connections of ours. Emits `dismissed` (address, text) when it sends somebody away, and `refused` (account, address, text). */
import type { Socket } from 'node:net'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import type { Places } from '../places.ts'
import { Connection, type Patience } from './connection.ts'

const crowded = 'Too many connections from your address; close another first'

export class Server extends SMTPServer {
  readonly patience: Patience
  private readonly places: Places

  constructor(options: SMTPServerOptions, { places, ...patience }: Patience & { places: Places }) {
    super({ ...options, socketTimeout: patience.loginMs }) // of a TLS handshake
    this.patience = patience
    this.places = places
  }

  /** Asked for every connection, before a handshake. One too many of an address is told so, where it can read it. */
  override _acceptSocket(socket: Socket, handshake: boolean): false | (() => void) {
    const remote = socket.remoteAddress ?? 'unknown'
    if (this.places.take(remote)) {
      socket.once('close', () => this.places.give(remote))
      return super._acceptSocket(socket, handshake)
    }
    this.emit('dismissed', remote, crowded)
    socket.on('error', () => {})
    if (!handshake) socket.write(`421 4.7.0 ${crowded}\r\n`)
    socket.destroySoon()
    return false
  }

  override connect(socket: Socket, options: object): void {
    const connection = new Connection(this, socket, options)
    this.connections.add(connection)
    connection.on('error', (error) => this.emit('error', error))
    connection.init()
  }

  retire(): void {
    for (const connection of this.connections) if (connection instanceof Connection) connection.retire()
  }
}
