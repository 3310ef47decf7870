/**
 * What a client wants, from what it sent: a tag, a word that says which command, its arguments. RFC 3501 §2.2.1.
 *
 *   pieces --readHead--> head --understand--> a command and its arguments, or why it is none
 */

import { commands } from './command/table.ts'
import type { Command, State } from './command.ts'
import type { Piece } from './wire/reader.ts'
import { Malformed, Words } from './wire/words.ts'

export type Head = {
  /** `*` where there is none to answer to. */
  tag: string
  /** Upper-case; empty where there is none. */
  name: string
  command: Command | undefined
  /** What follows; arguments start with the space before them. */
  words: Words
}

/** Why a command is not run. `name`: of the command, where there is one that may be said here. */
type Misunderstood = { why: string; name?: string }
export type Understood = { name: string; command: Command; args: unknown }

/** @param isUtf8 mailbox names come in UTF-8 */
export const readHead = (pieces: readonly Piece[], isUtf8: boolean): Head => {
  const words = new Words(pieces, isUtf8)
  let tag = '*'
  try {
    const word = words.tag()
    if (!words.isAtEnd()) words.space()
    tag = word // `a+b` is no tag, and nobody waits for an answer to `a`
    const name = commandName(words)
    return { tag, name, command: commands.get(name), words }
  } catch (error) {
    if (error instanceof Malformed) return { tag, name: '', command: undefined, words }
    throw error
  }
}

/** `UID FETCH` is one name. */
const commandName = (words: Words): string => {
  const name = words.keyword()
  if (name !== 'UID') return name
  words.space()
  return `UID ${words.keyword()}`
}

export const understand = ({ tag, name, command, words }: Head, state: State): Understood | Misunderstood => {
  if (tag === '*') return { why: 'a command is a tag, a space and a word' }
  if (!command) return { why: name === '' ? 'the command is missing' : 'there is no such command here' }
  if (!command.in.includes(state)) return { why: outOfPlace(state) }
  try {
    return { name, command, args: command.parse(words) }
  } catch (error) {
    if (error instanceof Malformed) return { why: error.message, name }
    throw error
  }
}

/**
 * For what stands before a literal: the command to run, if it takes messages as they come; `later` if the literal is
 * a word of it, a mailbox name perhaps; or why it is not worth waiting for.
 */
export const understandEarly = ({ name, command, words }: Head, state: State): Understood | Misunderstood | 'later' => {
  if (command && !command.in.includes(state)) return { why: outOfPlace(state) }
  if (!command?.streams) return 'later'
  try {
    return { name, command, args: command.parse(words) }
  } catch (error) {
    if (error instanceof Malformed) return 'later'
    throw error
  }
}

const outOfPlace = (state: State): string => {
  if (state === 'unauthenticated') return 'log in first'
  return state === 'authenticated'
    ? 'not now: either select a mailbox first, or you are logged in'
    : 'not when logged in'
}
