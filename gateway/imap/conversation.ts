/**
 * The commands of one client, served one at a time in the order sent: what is pipelined waits in the socket.
 *
 * Before each tagged answer the selected mailbox tells its news. Errors become answers here and nowhere else: what does
 * not parse is BAD, a refusal is NO, a fault is NO and goes to the log, and the session ends with it.
 */
import { Refusal } from '../../src/refusal.ts'
import { Closed } from '../../store/db.ts'
import { type Command, mailboxOpen, type Session, type State } from './command.ts'
import { type Head, readHead, type Understood, understand, understandEarly } from './head.ts'
import { Incoming } from './incoming/incoming.ts'
import { deletedElsewhere, isDeleted } from './mailbox/reply.ts'
import type { News } from './notify/news.ts'
import { Gone } from './output.ts'
import { refused } from './refused.ts'
import { bad, Declined, no, type Reply } from './reply.ts'
import { uidRequired } from './view/range.ts'
import type { Piece, Taken } from './wire/reader.ts'
import { Malformed } from './wire/words.ts'
import { humanText } from './wire/writer.ts'

/** What is served: more of the session than its commands see. */
export type Served = Session & {
  tag: string
  readonly state: State
  readonly isEnding: boolean
  /** A goodbye that waits for the command at hand. */
  readonly farewell: string | undefined
  readonly news: News | undefined
  /** The rest of the session is encrypted, or compressed. */
  change(next: 'starttls' | 'deflate'): Promise<void>
}

/** Whoever goes on with rubbish is no mail client. */
const BAD_MAX = 10
const UNKNOWN = 'unknown'

export class Conversation {
  private readonly session: Served
  private badInARow = 0

  constructor(session: Served) {
    this.session = session
  }

  async run(): Promise<void> {
    const { session } = this
    while (!session.isEnding) {
      session.output.flush()
      const taken = await session.input.next()
      if (taken === undefined || session.isEnding) return // what comes behind the goodbye is not done
      await this.serveOne(taken)
      await session.output.room()
      if (session.farewell !== undefined) session.bye(session.farewell)
    }
  }

  /** What NOTIFY is telling is let finish first: no answer, and no "+" either, stands in its midst. */
  private async serveOne(taken: Taken): Promise<void> {
    await this.session.news?.hold()
    await this.serve(taken)
    this.session.news?.release()
  }

  private async serve(taken: Taken): Promise<void> {
    switch (taken.on) {
      case 'bytes':
        throw new Error('a streamed literal outlived its command')
      case 'endless':
        return this.sayEndless()
      case 'too-long':
        return this.answerBad(this.headOf(taken.pieces).tag, 'the command is too long')
      case 'literal':
        return this.serveLiteral(taken)
      case 'command':
        return this.serveCommand(taken.pieces)
    }
  }

  private sayEndless(): void {
    const { edge, remote, account } = this.session
    edge.log.warn({ event: 'endless', remote, account: account?.address }, 'more than any command needs')
    this.session.bye('That is more than any command needs', 'TOOBIG')
  }

  private async serveLiteral(taken: Taken & { on: 'literal' }): Promise<void> {
    const { input, output, state, isUtf8 } = this.session
    const head = this.headOf(taken.pieces)
    const meant = understandEarly(head, state)
    if (meant !== 'later' && 'command' in meant) {
      const incoming = new Incoming(input, output, isUtf8, head.words, taken)
      await this.runCommand(head.tag, meant, incoming)
      return incoming.finish()
    }
    if (meant !== 'later' || !taken.fits) {
      input.skip()
      return this.answerBad(head.tag, meant === 'later' ? 'the literal is too large' : meant.why)
    }
    if (taken.sync) {
      output.line('+ Go on')
      output.flush()
    }
    input.keep()
  }

  private async serveCommand(pieces: Piece[]): Promise<void> {
    const { input, output, state, isUtf8 } = this.session
    const head = this.headOf(pieces)
    const meant = understand(head, state)
    if ('why' in meant) return this.answerBad(head.tag, meant.why, meant.name)
    const incoming = meant.command.streams && new Incoming(input, output, isUtf8, head.words)
    await this.runCommand(head.tag, meant, incoming)
  }

  private headOf(pieces: Piece[]): Head {
    return readHead(pieces, this.session.isUtf8)
  }

  private async runCommand(tag: string, { name, command, args }: Understood, incoming?: Incoming): Promise<void> {
    const { session } = this
    session.tag = tag
    const reply = await this.replyOf(command, args, incoming)
    await session.news?.hold() // IDLE let them through
    this.count(name, reply.status)
    if (reply.status === 'BAD') this.sayBad(tag, reply)
    else {
      this.badInARow = 0
      await this.tellNews(command)
      this.answer(tag, reply)
    }
    if (reply.next) await session.change(reply.next)
  }

  private async replyOf(command: Command, args: unknown, incoming?: Incoming): Promise<Reply> {
    const { session } = this
    if (command.byNumber && session.enabled.has('UIDONLY')) return uidRequired
    if (command.in === mailboxOpen && !command.leaves && session.selected?.isDeleted) return isDeleted
    if (command.writes && session.selected?.isReadOnly) return no('READ-ONLY', 'This mailbox is read-only')
    try {
      return await command.run(session, args, incoming)
    } catch (error) {
      if (error instanceof Malformed) return bad(error.message)
      if (error instanceof Declined) return error.reply
      if (error instanceof Refusal) return this.refuse(error)
      if (error instanceof Gone) throw error
      if (error instanceof Closed) throw new Gone() // the gateway stops, and the command had its time (imap.ts)
      session.edge.log.error({ event: 'fault', account: session.account?.address, err: error }, 'a command failed')
      session.bye('Something went wrong here; please come again')
      return no('SERVERBUG', 'Something went wrong here, and is in the log; nothing was lost')
    }
  }

  /** A full mailbox or disk, a message that can't be kept: its owner sees at most that a copy is not in Sent. */
  private refuse(refusal: Refusal): Reply {
    const { edge, account } = this.session
    const { code, detail } = refusal
    edge.log.info({ event: 'refused', code, account: account?.address, detail }, 'a client was told no')
    return refused(refusal)
  }

  private async tellNews({ keepsNumbers, removes }: Command): Promise<void> {
    const { session } = this
    const { selected, output } = session
    if (selected?.isDeleted) session.bye(deletedElsewhere)
    const last = selected?.view.largestUid ?? 0
    if (!session.isEnding) selected?.tellNews(output, removes ? 'must' : !keepsNumbers)
    if (!session.isEnding) await selected?.contexts.tell(output)
    await session.news?.tell(last)
    selected?.tellModseq(output)
  }

  private answer(tag: string, { status, code, text }: Reply): void {
    this.session.output.line(`${tag} ${status} ${code ? `[${code}] ` : ''}${humanText(text)}`)
  }

  /** Of what is no command, or none that could be run. */
  private answerBad(tag: string, why: string, name = UNKNOWN): void {
    this.count(name, 'BAD')
    this.sayBad(tag, bad(why))
  }

  private count(command: string, outcome: Reply['status']): void {
    this.session.edge.metrics.imapCommands.inc({ command, outcome })
  }

  private sayBad(tag: string, { code, text }: Reply): void {
    const { edge, remote, account } = this.session
    this.answer(tag, { status: 'BAD', text: `Not understood: ${text}`, ...(code && { code }) })
    if (++this.badInARow < BAD_MAX) return
    edge.log.warn({ event: 'rubbish', remote, account: account?.address }, 'ten BAD in a row')
    this.session.bye('Too many commands in a row that mean nothing')
  }
}
