/**
 * One client, from greeting to goodbye. RFC 3501 §3.
 *
 *   unauthenticated --LOGIN, AUTHENTICATE--> authenticated --SELECT, EXAMINE--> selected
 *   selected --CLOSE, UNSELECT, a SELECT that fails--> authenticated
 *   authenticated, selected --UNAUTHENTICATE--> unauthenticated
 *   authenticated, selected --its password is removed or changed--> over
 *   any --LOGOUT, silence, rubbish, five failed logins--> over
 *
 * What is known of the client, and how it ends; commands are served by conversation.ts.
 */
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Account } from '../../store/account.ts'
import type { Entered } from '../../store/password.ts'
import { isLocal } from '../throttle.ts'
import { capabilities } from './capability.ts'
import type { Code } from './code.ts'
import type { State } from './command.ts'
import { Conversation, type Served } from './conversation.ts'
import type { Edge } from './edge.ts'
import type { Extension } from './extension.ts'
import type { Input } from './input.ts'
import type { Wanted } from './notify/args.ts'
import { News } from './notify/news.ts'
import { Gone, type Output } from './output.ts'
import { type Terms, Transport } from './transport.ts'
import type { Selected } from './view/selected.ts'
import type { ReaderLimits } from './wire/reader.ts'
import { humanText } from './wire/writer.ts'

/** A stranger needs a line for a password and no more. */
const strangerLimits: ReaderLimits = { line: 8192, literal: 4096, command: 16_384, skip: 1 << 20 }
/** Clients name thousands of messages in one line; what is refused (a message too large) is read past. */
const userLimits: ReaderLimits = { line: 65_536, literal: 65_536, command: 262_144, skip: 0xffffffff }

export class ClientSession implements Served {
  readonly edge: Edge
  readonly remote: string
  tag = ''
  /** Who logged in, and by which password. */
  entered: Entered | undefined
  selected: Selected | undefined
  failedLogins = 0
  isIdle = false
  isEnding = false
  readonly enabled = new Set<Extension>()
  private readonly transport: Transport
  private isOver = false
  /** To be said when the command at hand is answered. */
  farewell: string | undefined
  news: News | undefined
  private loginDeadline: NodeJS.Timeout | undefined

  constructor(edge: Edge, socket: Socket | TLSSocket, remote: string, isTls: boolean) {
    this.edge = edge
    this.remote = remote
    this.transport = new Transport(socket, isTls, this.strangerTerms, edge.config.timing, this.onSilence)
  }

  get input(): Input {
    return this.transport.input
  }

  get output(): Output {
    return this.transport.output
  }

  get state(): State {
    if (!this.account) return 'unauthenticated'
    return this.selected ? 'selected' : 'authenticated'
  }

  get account(): Account | undefined {
    return this.entered?.account
  }

  /** The mailbox of a command that is allowed in the selected state only. */
  get mailbox(): Selected {
    if (!this.selected) throw new Error('no mailbox is selected')
    return this.selected
  }

  /** Whose session it is, for a command that is not allowed before login. */
  get user(): Account {
    if (!this.account) throw new Error('nobody has logged in')
    return this.account
  }

  /** Passwords may be sent: nobody can listen. RFC 3501 §6.2.3. */
  get mayLogIn(): boolean {
    return this.transport.isTls || (this.edge.config.plainLoopback && isLocal(this.remote))
  }

  get isRev2(): boolean {
    return this.enabled.has('IMAP4rev2')
  }

  get isUtf8(): boolean {
    return this.isRev2 || this.enabled.has('UTF8=ACCEPT')
  }

  get isCompressed(): boolean {
    return this.transport.isCompressed
  }

  get canStartTls(): boolean {
    return !this.transport.isTls && !this.account && !this.isCompressed
  }

  get canBind(): boolean {
    return this.transport.isTls
  }

  channelBinding(name: string): Buffer | undefined {
    return this.transport.binding(name)
  }

  /** Runs until either side ends it. Never throws. */
  async serve(): Promise<void> {
    this.startLoginDeadline()
    try {
      this.output.line(`* OK [CAPABILITY ${capabilities(this)}] Vouchsafe is ready`)
      await new Conversation(this).run()
    } catch (error) {
      this.logFault(error, 'session')
    } finally {
      clearTimeout(this.loginDeadline)
      this.leave()
      this.dropNews()
      this.isOver = true
      this.transport.end()
      this.edge.loggedOut(this.account)
    }
  }

  /**
   * Ends the session from outside: the gateway stops, the client is silent, its password is gone. In the midst of an
   * answer, a literal perhaps, no word may be put in: the command is let finish first.
   */
  dismiss(text: string): void {
    if (!this.input.isWaiting && !this.isOver) {
      this.farewell = text
      return
    }
    // What IDLE or NOTIFY tells may be long, too.
    if (this.output.isWithin) {
      this.output.atLineEnd(() => this.dismiss(text))
      return
    }
    this.bye(text)
    this.transport.hangUp()
  }

  /** Ends it whatever is under way. */
  destroy(): void {
    this.transport.destroy()
  }

  /** Says goodbye; the session is over once the command at hand is answered. */
  bye(text: string, code?: Code): void {
    if (this.isEnding) return
    this.isEnding = true
    this.output.line(`* BYE ${code ? `[${code}] ` : ''}${humanText(text)}`)
  }

  welcome(entered: Entered): void {
    this.entered = entered
    clearTimeout(this.loginDeadline)
    this.transport.allow({ limits: userLimits, silenceMs: this.edge.config.timing.userIdleMs })
  }

  forget(): void {
    this.leave()
    this.dropNews()
    this.edge.loggedOut(this.account)
    this.entered = undefined
    this.enabled.clear()
    this.transport.allow(this.strangerTerms)
    this.startLoginDeadline()
  }

  /** Leaves the selected mailbox, without EXPUNGE. */
  leave(): void {
    this.selected?.close(this.edge)
    this.selected = undefined
  }

  async notify(wanted: Wanted): Promise<void> {
    this.dropNews()
    this.news = new News(this, wanted, (error) => {
      this.logFault(error, 'news')
      this.transport.destroy()
    })
    await this.news.open()
  }

  async change(next: 'starttls' | 'deflate'): Promise<void> {
    if (next === 'deflate') this.transport.compress()
    else await this.transport.secure((socket) => this.edge.secure(socket))
  }

  private dropNews(): void {
    this.news?.close()
    this.news = undefined
  }

  private get strangerTerms(): Terms {
    return { limits: strangerLimits, silenceMs: this.edge.config.timing.strangerIdleMs }
  }

  private readonly onSilence = (): void => {
    if (!this.input.isWaiting)
      this.transport.destroy() // it does not read what it asked for, or does not close
    else this.dismiss(this.account ? 'Autologout; silent for too long' : 'Log in sooner')
  }

  private startLoginDeadline(): void {
    this.loginDeadline = setTimeout(() => this.dismiss('Log in sooner'), this.edge.config.timing.loginDeadlineMs)
  }

  private logFault(error: unknown, where: string): void {
    if (!(error instanceof Gone)) this.edge.log.error({ event: 'fault', remote: this.remote, err: error }, where)
  }
}
