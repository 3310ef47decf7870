/**
 * AUTHENTICATE PLAIN, with the response right behind it if the client likes. RFC 3501 §6.2.2, RFC 4616, RFC 4959.
 * authenticate = "AUTHENTICATE" SP "PLAIN" [SP (base64 / "=")]
 */
import { logIn, mayNot } from '../authenticate.ts'
import { bad, type Command, no } from '../command.ts'
import { Gone } from '../output.ts'

export const authenticate: Command<{ mechanism: string; initial: string | undefined }> = {
  in: ['unauthenticated'],
  parse(words) {
    words.space()
    const mechanism = words.keyword()
    const initial = words.trySpace() ? words.astring() : undefined
    words.end()
    return { mechanism, initial }
  },

  async run(session, { mechanism, initial }) {
    if (mechanism !== 'PLAIN') return no('CANNOT', 'Only PLAIN is known here')
    if (!session.mayLogIn) return mayNot
    let response: string | null | undefined = initial
    if (response === undefined) {
      session.output.line('+ ')
      session.output.flush()
      response = await session.input.bareLine()
      if (response === undefined) throw new Gone()
    }
    if (response === null) return bad('the response is too long')
    if (response === '*') return bad('taken back, as asked')
    const [asUser, user, password, ...more] = Buffer.from(response, 'base64').toString('utf8').split('\0')
    if (!user || password === undefined || more.length > 0) return bad('that is no PLAIN response')
    if (asUser !== '' && asUser !== user) return no('AUTHORIZATIONFAILED', 'Nobody acts for another here')
    return logIn(session, { user, password })
  },
}
