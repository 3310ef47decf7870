/**
 * The connection under a session, and what is asked of who sits at its other end.
 *
 *   plain --secure--> TLS        plain, TLS --compress--> compressed
 *
 * Each of them gets a new reader and writer; nothing that was read before is carried over, so what stood in the clear
 * behind STARTTLS is never taken for a word of the encrypted session (RFC 3501 §6.2.1).
 */
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { bindingOf } from '../binding.ts'
import { compressed } from './deflate.ts'
import type { Timing } from './edge.ts'
import { Input } from './input.ts'
import { Output } from './output.ts'
import type { ReaderLimits } from './wire/reader.ts'

/** How much may come at once, and how long nothing. */
export type Terms = { limits: ReaderLimits; silenceMs: number }

/** For a client that has had its last word to close its side. */
const LINGER_MS = 5000

export class Transport {
  input: Input
  output: Output
  isTls: boolean
  isCompressed = false
  private socket: Socket | TLSSocket
  private terms: Terms
  /** So long a client has to read its last words. */
  private readonly goodbyeMs: number
  private readonly onSilence: () => void

  constructor(
    socket: Socket | TLSSocket,
    isTls: boolean,
    terms: Terms,
    { goodbyeMs }: Pick<Timing, 'goodbyeMs'>,
    onSilence: () => void,
  ) {
    this.socket = socket
    this.isTls = isTls
    this.terms = terms
    this.goodbyeMs = goodbyeMs
    this.onSilence = onSilence
    this.input = new Input(socket, terms.limits)
    this.output = new Output(socket)
    socket.setTimeout(terms.silenceMs, onSilence)
  }

  allow(terms: Terms): void {
    this.terms = terms
    this.input.allow(terms.limits)
    this.socket.setTimeout(terms.silenceMs)
  }

  /** Data of that name which both ends know of this very connection. */
  binding(name: string): Buffer | undefined {
    return this.socket instanceof TLSSocket ? bindingOf(this.socket, name) : undefined
  }

  async secure(wrap: (socket: Socket) => Promise<TLSSocket>): Promise<void> {
    this.output.flush()
    this.input.release()
    this.socket = await wrap(this.socket)
    this.isTls = true
    this.input = new Input(this.socket, this.terms.limits)
    this.output = new Output(this.socket)
    this.socket.setTimeout(this.terms.silenceMs, this.onSilence)
  }

  compress(): void {
    this.output.flush()
    this.input.release()
    const { from, to } = compressed(this.socket)
    this.isCompressed = true
    this.input = new Input(from, this.terms.limits)
    this.output = new Output(to)
  }

  /** All is said; the client closes its side when it has read that. */
  end(): void {
    this.output.end()
    this.socket.setTimeout(LINGER_MS)
    if (this.socket.destroyed) return
    // Of a write that is stuck Node may tell no timeout any more, now that the socket is ended.
    const deadline = setTimeout(() => this.socket.destroy(), this.goodbyeMs).unref()
    this.socket.once('close', () => clearTimeout(deadline))
  }

  /** All is said, and whatever the client still has to say is not awaited. */
  hangUp(): void {
    this.socket.once('finish', () => this.socket.destroy())
    this.end()
  }

  destroy(): void {
    this.socket.destroy()
  }
}
