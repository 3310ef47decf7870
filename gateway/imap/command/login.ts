/**
 * LOGIN. RFC 3501 §6.2.3.
 * login = "LOGIN" SP userid SP password
 */
import { logIn } from '../authenticate.ts'
import type { Command } from '../command.ts'

export const login: Command<{ user: string; password: string }> = {
  in: ['unauthenticated'],
  parse(words) {
    const [user, password] = words.all(words.astring, words.astring)
    return { user: utf8(user), password: utf8(password) }
  },
  run: logIn,
}

const utf8 = (octets: string): string => Buffer.from(octets, 'latin1').toString('utf8')
