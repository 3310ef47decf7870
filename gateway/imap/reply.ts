/** The tagged answer to a command: RFC 3501 §7.1. */
import type { Code } from './code.ts'

/** `code` stands in brackets before the text; the text is for people. */
export type Reply = { status: 'OK' | 'NO' | 'BAD'; code?: Code; text: string; next?: 'starttls' | 'deflate' }

export const ok = (text: string, code?: Code): Reply => ({ status: 'OK', text, ...(code && { code }) })
export const no = (code: Code | undefined, text: string): Reply => ({ status: 'NO', text, ...(code && { code }) })
export const bad = (text: string): Reply => ({ status: 'BAD', text })

/** An answer that is known deep inside of what a command does. */
export class Declined extends Error {
  override readonly name = 'Declined'
  readonly reply: Reply

  constructor(reply: Reply) {
    super(reply.text)
    this.reply = reply
  }
}
