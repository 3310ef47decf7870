/**
 * One client, from greeting to goodbye. RFC 3501 §3.
 *
 *   unauthenticated --LOGIN, AUTHENTICATE--> authenticated --SELECT, EXAMINE--> selected
 *   selected --CLOSE, UNSELECT, a SELECT that fails--> authenticated
 *   authenticated, selected --UNAUTHENTICATE--> unauthenticated
 *   any --LOGOUT, silence, rubbish, five failed logins--> over
 *
 * One command at a time, in the order sent: what a client pipelines waits in its socket. Before each tagged answer
 * the selected mailbox tells its news. Errors become answers here and nowhere else: what does not parse is BAD, a
 * refusal is NO, a fault is NO and goes to the log, and the session ends with it.
 */
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { Refusal } from '../../src/refusal.ts'
import type { Account } from '../../store/account.ts'
import { bindingOf } from '../binding.ts'
import { capabilities } from './capability.ts'
import { bad, type Command, Declined, no, type Reply, type Session, type State } from './command.ts'
import { compressed } from './deflate.ts'
import type { Edge } from './edge.ts'
import type { Extension } from './extension.ts'
import { parseMessageHead, readHead } from './head.ts'
import { Incoming } from './incoming.ts'
import { Input } from './input.ts'
import { deletedElsewhere } from './mailbox-reply.ts'
import { pushNews } from './news.ts'
import { Notifier } from './notifier.ts'
import type { Wanted } from './notify-args.ts'
import { Gone, Output } from './output.ts'
import { refused } from './refused.ts'
import type { Selected } from './selected.ts'
import type { Piece, ReaderLimits, Taken } from './wire/reader.ts'
import { Malformed } from './wire/words.ts'
import { humanText } from './wire/writer.ts'

/** A stranger needs a line for a password and no more. */
const strangerLimits: ReaderLimits = { line: 8192, literal: 4096, command: 16_384, skip: 1 << 20 }
/** Clients name thousands of messages in one line; what is refused (a message too large) is read past. */
const userLimits: ReaderLimits = { line: 65_536, literal: 65_536, command: 262_144, skip: 0xffffffff }
const BAD_MAX = 10
/** For a client that has had its last word to close its side. */
const LINGER_MS = 5000
const UNKNOWN = 'unknown'

export class ClientSession implements Session {
  readonly edge: Edge
  readonly remote: string
  tag = ''
  account: Account | undefined
  selected: Selected | undefined
  failedLogins = 0
  readonly enabled = new Set<Extension>()
  input: Input
  output: Output
  private socket: Socket | TLSSocket
  private isTls: boolean
  isCompressed = false
  private isEnding = false
  private isOver = false
  private farewell: string | undefined
  notifier: Notifier | undefined
  isIdle = false
  /** A command runs: its answer tells the news. */
  private isAnswering = false
  private isNewsDue = false
  private pushing: Promise<void> | undefined
  private badInARow = 0
  private loginDeadline: NodeJS.Timeout | undefined

  constructor(edge: Edge, socket: Socket | TLSSocket, remote: string, isTls: boolean) {
    this.edge = edge
    this.remote = remote
    this.isTls = isTls
    this.socket = socket
    this.input = new Input(socket, strangerLimits)
    this.output = new Output(socket)
  }

  get state(): State {
    if (!this.account) return 'unauthenticated'
    return this.selected ? 'selected' : 'authenticated'
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
    return this.isTls || (this.edge.config.plainLoopback && isLoopback(this.remote))
  }

  get isRev2(): boolean {
    return this.enabled.has('IMAP4rev2')
  }

  get isUtf8(): boolean {
    return this.isRev2 || this.enabled.has('UTF8=ACCEPT')
  }

  get tellsModseq(): boolean {
    return this.enabled.has('CONDSTORE')
  }

  get canStartTls(): boolean {
    return !this.isTls && !this.account && !this.isCompressed
  }

  get canBind(): boolean {
    return this.isTls
  }

  channelBinding(name: string): Buffer | undefined {
    return this.socket instanceof TLSSocket ? bindingOf(this.socket, name) : undefined
  }

  /** Runs until either side ends it. Never throws. */
  async serve(): Promise<void> {
    const { timing } = this.edge.config
    this.socket.setTimeout(timing.strangerIdleMs, this.onIdle)
    this.startLoginDeadline()
    try {
      this.output.line(`* OK [CAPABILITY ${capabilities(this)}] Vouchsafe is ready`)
      await this.loop()
    } catch (error) {
      if (!(error instanceof Gone)) this.edge.log.error({ event: 'fault', remote: this.remote, err: error }, 'session')
    } finally {
      clearTimeout(this.loginDeadline)
      this.leave()
      this.dropNotifier()
      this.output.end()
      this.isOver = true
      this.socket.setTimeout(LINGER_MS)
      this.edge.loggedOut(this.account)
    }
  }

  /**
   * Ends the session from outside: the gateway stops, the client is silent. In the midst of an answer, a literal
   * perhaps, no word may be put in: the command is let finish first.
   */
  dismiss(text: string): void {
    if (!this.input.isWaiting && !this.isOver) {
      this.farewell = text
      return
    }
    this.bye(text)
    this.socket.once('finish', () => this.socket.destroy())
    this.output.end()
  }

  /** Says goodbye; the session is over once the command at hand is answered. */
  bye(text: string, code?: string): void {
    if (this.isEnding) return
    this.isEnding = true
    this.output.line(`* BYE ${code ? `[${code}] ` : ''}${humanText(text)}`)
  }

  welcome(account: Account): void {
    this.account = account
    clearTimeout(this.loginDeadline)
    this.socket.setTimeout(this.edge.config.timing.userIdleMs)
    this.input.allow(userLimits)
  }

  forget(): void {
    this.leave()
    this.dropNotifier()
    this.edge.loggedOut(this.account)
    this.account = undefined
    this.enabled.clear()
    this.input.allow(strangerLimits)
    this.startLoginDeadline()
    this.socket.setTimeout(this.edge.config.timing.strangerIdleMs)
  }

  /** Leaves the selected mailbox, without EXPUNGE. */
  leave(): void {
    this.selected?.close(this.edge)
    this.selected = undefined
  }

  async notify(wanted: Wanted): Promise<void> {
    this.dropNotifier()
    const selected = () => this.selected?.mailbox.id
    this.notifier = new Notifier(this.edge, this.user.id, wanted, selected, this.newsSoon)
    await this.notifier.open()
  }

  private dropNotifier(): void {
    this.notifier?.close()
    this.notifier = undefined
    if (this.selected) this.selected.onNews = () => {}
  }

  /** What comes together is told together; in a command, its answer tells it. */
  private readonly newsSoon = (): void => {
    if (this.isNewsDue) return
    this.isNewsDue = true
    setImmediate(() => {
      this.isNewsDue = false
      if ((this.isAnswering && !this.isIdle) || this.isEnding || !this.output.hasRoom) return
      this.pushing = (this.pushing ?? Promise.resolve()).then(() => pushNews(this)).catch(this.onFault)
    })
  }

  private readonly onFault = (error: unknown): void => {
    if (!(error instanceof Gone)) this.edge.log.error({ event: 'fault', remote: this.remote, err: error }, 'news')
    this.socket.destroy()
  }

  private readonly onIdle = (): void => {
    if (!this.input.isWaiting)
      this.socket.destroy() // it does not read what it asked for, or does not close
    else this.dismiss(this.account ? 'Autologout; silent for too long' : 'Log in sooner')
  }

  private startLoginDeadline(): void {
    this.loginDeadline = setTimeout(() => this.dismiss('Log in sooner'), this.edge.config.timing.loginDeadlineMs)
  }

  private async loop(): Promise<void> {
    while (!this.isEnding) {
      this.output.flush()
      const taken = await this.input.next()
      if (taken === undefined) return
      await this.serveOne(taken)
      await this.output.room()
      if (this.farewell !== undefined) this.bye(this.farewell)
    }
  }

  private async serveOne(taken: Taken): Promise<void> {
    switch (taken.on) {
      case 'bytes':
        throw new Error('a streamed literal outlived its command')
      case 'endless':
        return this.bye('That is more than any command needs', 'TOOBIG')
      case 'too-long':
        return this.answerBad(readHead(taken.pieces, this.isUtf8).tag, 'the command is too long')
      case 'literal':
        return this.serveLiteral(taken)
      case 'command':
        return this.serveCommand(taken.pieces)
    }
  }

  private async serveLiteral(taken: Taken & { on: 'literal' }): Promise<void> {
    const { tag, command, words } = readHead(taken.pieces, this.isUtf8)
    const isHere = command?.in.includes(this.state) ?? true
    const args = isHere && command?.streams ? parseMessageHead(command, words) : undefined
    if (command && args) {
      const incoming = new Incoming(this.input, this.output, this.isUtf8, words, taken)
      await this.runCommand(tag, command, args.parsed, incoming)
      return incoming.finish()
    }
    if (!taken.fits || !isHere) {
      this.input.skip()
      return this.answerBad(tag, isHere ? 'the literal is too large' : outOfPlace(this.state))
    }
    if (taken.sync) {
      this.output.line('+ Go on')
      this.output.flush()
    }
    this.input.keep()
  }

  private async serveCommand(pieces: Piece[]): Promise<void> {
    const { tag, name, command, words } = readHead(pieces, this.isUtf8)
    if (tag === '*') return this.answerBad(tag, 'a command is a tag, a space and a word')
    if (!command) return this.answerBad(tag, name === '' ? 'the command is missing' : 'there is no such command here')
    if (!command.in.includes(this.state)) return this.answerBad(tag, outOfPlace(this.state))
    let args: unknown
    try {
      args = command.parse(words)
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      return this.answerBad(tag, error.message, name)
    }
    const incoming = new Incoming(this.input, this.output, this.isUtf8, words)
    await this.runCommand(tag, command, args, command.streams && incoming)
  }

  private async runCommand(tag: string, command: Command, args: unknown, incoming?: Incoming): Promise<void> {
    this.isAnswering = true
    if (this.pushing) await this.pushing
    this.tag = tag
    const reply = await this.run(command, args, incoming)
    if (this.pushing) await this.pushing // in IDLE
    this.pushing = undefined
    this.badInARow = reply.status === 'BAD' ? this.badInARow : 0
    this.edge.count(command, reply.status)
    if (reply.status === 'BAD') {
      this.isAnswering = false
      return this.answerBad(tag, reply.text)
    }
    if (this.selected?.isDeleted) this.bye(deletedElsewhere)
    if (!this.isEnding) this.selected?.tellNews(this.output, !command.keepsNumbers)
    this.selected?.tellModseq(this.output)
    await this.tellOthers()
    this.answer(tag, reply)
    this.isAnswering = false
    if (reply.next === 'starttls') await this.startTls()
    if (reply.next === 'deflate') this.startDeflate()
  }

  /** News of other mailboxes, and of the one at hand from now on. */
  private async tellOthers(): Promise<void> {
    const { notifier, selected } = this
    if (!notifier) return
    if (selected && notifier.wanted.selected?.events.size) selected.onNews = this.newsSoon
    if (notifier.hasNews) for (const line of await notifier.take(this)) this.output.line(line)
  }

  private async run(command: Command, args: unknown, incoming?: Incoming): Promise<Reply> {
    if (command.writes && this.selected?.isReadOnly) return no('READ-ONLY', 'This mailbox is read-only')
    try {
      return await command.run(this, args, incoming)
    } catch (error) {
      if (error instanceof Malformed) return bad(error.message)
      if (error instanceof Declined) return error.reply
      if (error instanceof Refusal) return refused(error)
      if (error instanceof Gone) throw error
      this.edge.log.error({ event: 'fault', account: this.account?.address, err: error }, 'a command failed')
      this.bye('Something went wrong here; please come again')
      return no('SERVERBUG', 'Something went wrong here, and is in the log; nothing was lost')
    }
  }

  private answer(tag: string, { status, code, text }: Reply): void {
    this.output.line(`${tag} ${status} ${code ? `[${code}] ` : ''}${humanText(text)}`)
  }

  private answerBad(tag: string, why: string, name = UNKNOWN): void {
    this.answer(tag, bad(`Not understood: ${why}`))
    this.edge.metrics.imapCommands.inc({ command: name, outcome: 'BAD' })
    if (++this.badInARow < BAD_MAX) return
    this.edge.log.warn({ event: 'rubbish', remote: this.remote, account: this.account?.address }, 'ten BAD in a row')
    this.bye('Too many commands in a row that mean nothing')
  }

  private startDeflate(): void {
    this.output.flush()
    this.input.release()
    const { from, to } = compressed(this.socket)
    this.isCompressed = true
    this.input = new Input(from, userLimits)
    this.output = new Output(to)
  }

  /** The rest of the session is encrypted. What came before that is not to be trusted: RFC 3501 §6.2.1. */
  private async startTls(): Promise<void> {
    this.output.flush()
    this.input.release()
    this.socket = await this.edge.secure(this.socket)
    this.isTls = true
    this.input = new Input(this.socket, strangerLimits)
    this.output = new Output(this.socket)
    this.socket.setTimeout(this.edge.config.timing.strangerIdleMs, this.onIdle)
  }
}

const outOfPlace = (state: State): string => {
  if (state === 'unauthenticated') return 'log in first'
  return state === 'authenticated'
    ? 'not now: either select a mailbox first, or you are logged in'
    : 'not when logged in'
}

const isLoopback = (address: string): boolean => /^(127\.|::1$|::ffff:127\.)/.test(address)
