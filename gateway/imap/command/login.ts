/**
 * LOGIN. RFC 3501 §6.2.3.
 * login = "LOGIN" SP userid SP password
 */
import { logIn } from '../authenticate.ts'
import type { Command } from '../command.ts'

export const login: Command<{ user: string; password: string }> = {
  in: ['unauthenticated'],
  parse(words) {
    words.space()
    const user = words.astring()
    words.space()
    const password = words.astring()
    words.end()
    return { user: utf8(user), password: utf8(password) }
  },
  run: logIn,
}

const utf8 = (octets: string): string => Buffer.from(octets, 'latin1').toString('utf8')
