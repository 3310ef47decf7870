/**
 * What a command is to the session that runs it, and what it may answer.
 */
import type { Incoming } from './incoming.ts'
import type { Session } from './session.ts'
import type { Words } from './wire/words.ts'

/** RFC 3501 §3. */
export type State = 'unauthenticated' | 'authenticated' | 'selected'

export const anyState: readonly State[] = ['unauthenticated', 'authenticated', 'selected']
export const loggedIn: readonly State[] = ['authenticated', 'selected']
export const mailboxOpen: readonly State[] = ['selected']

/** The tagged answer. `code` stands in brackets before the text; the text is for people. */
export type Reply = { status: 'OK' | 'NO' | 'BAD'; code?: string; text: string; next?: 'starttls' }

export type Command<Args = unknown> = {
  in: readonly State[]
  /** Refused in a mailbox that is selected read-only. */
  writes?: true
  /**
   * EXPUNGE must not be told before its answer: FETCH, STORE and SEARCH (RFC 3501 §7.4.1). Their UID forms are other
   * commands and name no numbers, so there it may.
   */
  keepsNumbers?: true
  /** The literal at its end is a message, taken as it comes: `parse` reads what stands before it. */
  streams?: true
  /** @throws Malformed, which becomes BAD */
  parse(words: Words): Args
  /** `incoming` is there for a command that `streams`. */
  run(session: Session, args: Args, incoming?: Incoming): Promise<Reply>
}

export const ok = (text: string, code?: string): Reply => ({ status: 'OK', text, ...(code && { code }) })
export const no = (code: string | undefined, text: string): Reply => ({ status: 'NO', text, ...(code && { code }) })
export const bad = (text: string): Reply => ({ status: 'BAD', text })

/** For a command without arguments. */
export const nothing = (words: Words): void => words.end()
