/**
 * smtp-server's connection, where it does not do what submission needs:
 *
 * - replies of ours bring their own enhanced code: the library derives one from the basic code alone,
 *   so that 553 were always 5.1.3;
 * - AUTH is not announced before TLS: a client that sees it may send its password at once (RFC 4954 §4);
 * - the greeting comes at once;
 * - whoever has not logged in is given less time;
 * - it is told whether the answer to a message may have been heard (repeat.ts);
 * - EHLO says how many recipients a message may have (RFC 9422), how long it may be held (hold.ts), and how soon
 *   it may be wanted (deliver-by.ts);
 * - only what is to be written as xtext is read as such, and has to be (xtext.ts);
 * - AUTH takes base64 and nothing else; DATA, RSET and QUIT take nothing; too long a line is called so;
 * - EXPN is known, and not done (RFC 5321 §3.5.3): 502, not the 500 of a word nobody heard of;
 * - a stop says 421 to idle clients at once and lets the others finish.
 */
import type { Socket } from 'node:net'
import type { SMTPServer, SMTPServerSession } from 'smtp-server'
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js'
import type { EntityId } from '../../src/address.ts'
import { deliverByOffer } from './deliver-by.ts'
import { holdOffer } from './hold.ts'
import type { Answer } from './repeat.ts'
import { replies } from './replies.ts'
import { allAsXtext, notXtext } from './xtext.ts'

/** Who submits. `address` is canonical; `by`: the password that let it in, where one has to log in. */
export type Account = { id: number; address: string; entityId: EntityId; by?: Entered['by'] }
export type Entered = { account: Account; by: { id: number; label: string } }

export type Session = SMTPServerSession & {
  /** Forgotten by the library at STARTTLS (RFC 3207 §4.2). */
  user?: Account | false
  connection: Connection
  failedLogins?: number
  isCounted?: true
}

/** How long a client may say nothing. */
export type Patience = {
  /** Before it has logged in. */
  loginMs: number
  idleMs: number
}

/** How the library says it, with 421. */
const lineTooLong = 'Error: Command line too long'
/** With less than the padding it needs, too. */
const base64 = /^[A-Za-z0-9+/]*={0,2}$/
/** Log in first; STARTTLS first. */
const withoutLogin: ReadonlySet<number> = new Set([530, 538])
const isOwnReply = /^[245]\.\d{1,3}\.\d{1,3} /

export class Connection extends SMTPConnection {
  private readonly patience: Patience
  private isGreeted = false
  private isRetiring = false
  private answered: Answer | undefined
  /** The parameter of this MAIL or RCPT that should be xtext and is not. */
  private notXtext: string | undefined

  constructor(server: SMTPServer & { patience: Patience }, socket: Socket, options: object) {
    super(server, socket, options)
    this.patience = server.patience
    Object.assign(this.session, { connection: this })
  }

  /** The library lets people wait 100 ms, for robots that talk before they are greeted; those can't log in either. */
  override init(): void {
    super.init()
    this.connectionReady()
  }

  override connectionReady(next?: () => void): void {
    if (this.isGreeted) return // when those 100 ms are over
    this.isGreeted = true
    super.connectionReady(next)
  }

  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    if (code === 421 && !this.isRetiring) this._server.emit('dismissed', this.remoteAddress, data)
    if (data === lineTooLong) {
      super.send(500, '5.5.6 The line is too long', false)
      this.close()
      return
    }
    const isOwn = typeof data === 'string' && isOwnReply.test(data)
    if (code >= 400 && code !== 421 && !(isOwn && this.session.user)) this.told(code, data)
    super.send(code, Array.isArray(data) && code === 250 ? this.offered(data) : data, isOwn ? false : context)
  }

  /** What session.ts has not thrown, and so not logged; of whom nobody knows yet, that a login or TLS is missing. */
  private told(code: number, data: unknown): void {
    const { user } = this.session
    if (user || withoutLogin.has(code))
      this._server.emit('refused', user ? user.address : undefined, this.remoteAddress, `${code} ${data}`)
  }

  /** Refuses a command by itself. */
  private refuse(code: number, text: string, callback: () => void): void {
    this.told(code, text)
    this.send(code, text)
    callback()
  }

  /** The lines of EHLO. What more there is comes before SIZE, which many expect last. */
  private offered(lines: string[]): string[] {
    const isAuthHidden = !this.secure && !this._server.options.allowInsecureAuth
    const shown = isAuthHidden ? lines.filter((line) => !line.startsWith('AUTH ')) : lines
    return [...shown.slice(0, -1), ...this.extensions(), ...shown.slice(-1)]
  }

  override _armTimeout(socket: Socket = this._socket): void {
    socket.setTimeout(this.idleMs(), () => this._onTimeout())
  }

  /** Nothing can be said to the client any more. One that has only closed its own side hears us still. */
  isGone(): boolean {
    return this._closed || this._closing || !this._socket.writable
  }

  /** The answer to a message is written now. */
  answering(answer: Answer): void {
    if (this.isGone()) answer.lost()
    else this.answered = answer
  }

  /** Whoever speaks on has heard the last answer. */
  override _onCommand(command: Buffer, callback?: (error?: Error | null) => void): void {
    this.isHeard()
    const answer = this._nextHandler // of AUTH, which alone asks on
    if (answer)
      this._nextHandler = (line, done) => {
        if (this.isBase64(line.toString().trim(), done)) answer.call(this, line, done)
      }
    super._onCommand(command, callback)
  }

  override handler_AUTH(command: Buffer, callback: () => void): void {
    const [, , initial = ''] = command.toString().trim().split(/\s+/)
    if (this.isBase64(initial, callback)) super.handler_AUTH(command, callback)
  }

  override handler_DATA(command: Buffer, callback: () => void): void {
    if (this.isAlone(command, callback)) super.handler_DATA(command, callback)
  }

  override handler_RSET(command: Buffer, callback: () => void): void {
    if (this.isAlone(command, callback)) super.handler_RSET(command, callback)
  }

  override handler_QUIT(command: Buffer, callback: () => void): void {
    if (this.isAlone(command, callback)) super.handler_QUIT(command, callback)
  }

  /** If not, that is said. RFC 4954 §4; a star ends the exchange. */
  private isBase64(text: string, callback: () => void): boolean {
    if (text === '*' || base64.test(text)) return true
    this.refuse(501, '5.5.2 That is no base64', callback)
    return false
  }

  /** If something stands behind the command, that is said. RFC 5321 §4.1.1 */
  private isAlone(command: Buffer, callback: () => void): boolean {
    if (!/\s/.test(command.toString().trim())) return true
    this.refuse(501, '5.5.4 Nothing comes behind this command', callback)
    return false
  }

  override _onCloseEvent(hadError: boolean): void {
    if (hadError) this.answered?.lost()
    else this.isHeard()
    super._onCloseEvent(hadError)
  }

  override _parseAddressCommand(name: string, command: Buffer | string) {
    const line = command.toString()
    this.notXtext = notXtext(line)
    return super._parseAddressCommand(name, allAsXtext(line))
  }

  /** Asked by MAIL and RCPT about what was parsed last. */
  override _rejectInvalidParams(...about: Parameters<SMTPConnection['_rejectInvalidParams']>): boolean {
    if (this.notXtext === undefined) return super._rejectInvalidParams(...about)
    const [, , callback] = about
    this.refuse(501, `5.5.4 ${this.notXtext} is written as xtext, with + as +2B and = as +3D`, callback)
    return true
  }

  private isHeard(): void {
    this.answered?.heard()
    this.answered = undefined
  }

  /** Found by its name. Nobody here is a list, and who is on one would be nobody's business. */
  handler_EXPN(_command: Buffer, callback: () => void): void {
    this.refuse(502, '5.5.1 Lists are not expanded here; write to the address', callback)
  }

  /** From here on the client has the time of those we know. */
  loggedIn(): void {
    this._socket.setTimeout(this.idleMs())
  }

  /** Says goodbye: now if the client waits for nothing, else when it has its answer. */
  retire(): void {
    this.isRetiring = true
    this.settle()
  }

  /** After each message: whoever was to be told goodbye is told now. */
  settle(): void {
    if (!this.isRetiring || this._closing || this._dataStream || this._handlerPending) return
    const [code, enhanced, text] = replies.stopping
    this.send(code, `${enhanced} ${text}`) // which closes, as any 421
  }

  private extensions(): string[] {
    return [deliverByOffer, holdOffer(Date.now()), `LIMITS RCPTMAX=${this._server.options.maxRecipients}`]
  }

  private idleMs(): number {
    return this.session.user ? this.patience.idleMs : this.patience.loginMs
  }
}
