/**
 * How a command begins: a tag, and a word that says which command. RFC 3501 §2.2.1.
 */

import { commands } from './command/table.ts'
import type { Command } from './command.ts'
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

/** @param isUtf8 mailbox names come in UTF-8 */
export const readHead = (pieces: readonly Piece[], isUtf8: boolean): Head => {
  const words = new Words(pieces, isUtf8)
  let tag = '*'
  try {
    tag = words.tag()
    words.space()
    const name = commandName(words)
    return { tag, name, command: commands.get(name), words }
  } catch (error) {
    if (error instanceof Malformed) return { tag, name: '', command: undefined, words }
    throw error
  }
}

/** The first words of a command with messages; undefined if a literal is among them, a mailbox name perhaps. */
export const parseMessageHead = (command: Command, words: Words): { parsed: unknown } | undefined => {
  try {
    return { parsed: command.parse(words) }
  } catch (error) {
    if (error instanceof Malformed) return undefined
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
