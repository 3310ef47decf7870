/**
 * What a command is to the session that runs it, and what it may answer.
 */
import type { Account } from '../../store/account.ts'
import type { Entered } from '../../store/password.ts'
import type { Code } from './code.ts'
import type { Edge } from './edge.ts'
import type { Extension } from './extension.ts'
import type { Incoming } from './incoming/incoming.ts'
import type { Input } from './input.ts'
import type { Wanted } from './notify/args.ts'
import type { Output } from './output.ts'
import type { Reply } from './reply.ts'
import type { Selected } from './view/selected.ts'
import type { Words } from './wire/words.ts'

/** RFC 3501 §3. */
export type State = 'unauthenticated' | 'authenticated' | 'selected'

export const anyState: readonly State[] = ['unauthenticated', 'authenticated', 'selected']
export const loggedIn: readonly State[] = ['authenticated', 'selected']
export const mailboxOpen: readonly State[] = ['selected']

/** What a command sees of the session that runs it. */
export type Session = {
  readonly edge: Edge
  /** Of the command at hand. */
  readonly tag: string
  readonly remote: string
  readonly input: Input
  readonly output: Output
  readonly account: Account | undefined
  /** Whose session it is, for a command that is not allowed before login. */
  readonly user: Account
  selected: Selected | undefined
  /** The mailbox of a command that is allowed in the selected state only. */
  readonly mailbox: Selected
  failedLogins: number
  /** News may be put in although a command runs: it is IDLE. */
  isIdle: boolean
  /** What the client switched on. */
  readonly enabled: Set<Extension>
  /** IMAP4rev2 is spoken, which knows no \Recent. */
  readonly isRev2: boolean
  /** Mailbox names go both ways in UTF-8. */
  readonly isUtf8: boolean
  /** Passwords may be sent: nobody can listen. RFC 3501 §6.2.3. */
  readonly mayLogIn: boolean
  readonly canStartTls: boolean
  /** A login can be tied to this connection: it is TLS. */
  readonly canBind: boolean
  /** Data of that name for the connection, undefined where there is none. */
  channelBinding(name: string): Buffer | undefined
  readonly isCompressed: boolean
  welcome(entered: Entered): void
  /** Takes back the login: a stranger again, on the same connection. */
  forget(): void
  /** From here on tells unasked what is wanted, and nothing else. */
  notify(wanted: Wanted): Promise<void>
  /** Leaves the selected mailbox, without EXPUNGE. */
  leave(): void
  /** Says goodbye; the session is over once the command at hand is answered. */
  bye(text: string, code?: Code): void
  /** Ends it from outside, at the next moment when a word may be put in. */
  dismiss(text: string): void
}

export type Command<Args = unknown> = {
  in: readonly State[]
  /** Refused in a mailbox that is selected read-only. */
  writes?: true
  /**
   * EXPUNGE must not be told before its answer: FETCH, STORE and SEARCH (RFC 3501 §7.4.1). Their UID forms are other
   * commands and name no numbers, so there it may.
   */
  keepsNumbers?: true
  /** It removes messages from the mailbox at hand, which its answer tells whatever else the client listens to. */
  removes?: true
  /** It leaves the mailbox at hand, which may be gone. */
  leaves?: true
  /** It names messages by number, or tells them so: refused once UIDONLY is enabled. RFC 9586 §3.2. */
  byNumber?: true
  /** Messages stand in it, taken as they come: `parse` reads the first words, `run` the rest. */
  streams?: true
  /** @throws Malformed, which becomes BAD */
  parse(words: Words): Args
  /** `incoming` is there for a command that `streams`. */
  run(session: Session, args: Args, incoming?: Incoming): Promise<Reply>
}

/** For a command without arguments. */
export const nothing = (words: Words): void => words.end()
