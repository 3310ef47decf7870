/**
 * The mechanisms of AUTHENTICATE, each a conversation of challenges and responses. RFC 4422.
 *
 *   PLAIN (RFC 4616), LOGIN (never written down; old Outlooks know nothing else), SCRAM-SHA-256 (RFC 7677) and
 *   SCRAM-SHA-256-PLUS, which is bound to the TLS connection (gateway/binding.ts).
 */
import { randomBytes } from 'node:crypto'
import { Refusal } from '../../src/refusal.ts'
import { challengeOf, type FirstMessage, readFinal, readFirst } from '../../src/scram.ts'
import { admit, asRefusal, logIn, turnAway } from './authenticate.ts'
import type { Session } from './command.ts'
import { bad, no, type Reply } from './reply.ts'

/** Sends a challenge and hears the response, or gives the one that came with the command. @throws Malformed, Gone */
export type Ask = (challenge: string) => Promise<Buffer>

type Mechanism = (session: Session, ask: Ask) => Promise<Reply>

const forAnother = no('AUTHORIZATIONFAILED', 'Nobody acts for another here')

const plain: Mechanism = async (session, ask) => {
  const [asUser, user, password, ...more] = (await ask('')).toString('utf8').split('\0')
  if (!user || password === undefined || more.length > 0) return bad('that is no PLAIN response')
  if (asUser !== '' && asUser !== user) return forAnother
  return logIn(session, { user, password })
}

const login: Mechanism = async (session, ask) => {
  const user = (await ask('Username:')).toString('utf8')
  const password = (await ask('Password:')).toString('utf8')
  return logIn(session, { user, password })
}

const scram =
  (isPlus: boolean): Mechanism =>
  async (session, ask) => {
    const { edge, remote } = session
    const first = readFirst((await ask('')).toString('utf8'))
    if (!first) return bad('that is no SCRAM message')
    if (first.authzid !== '' && first.authzid !== first.user) return forAnother
    const bound = boundTo(session, first, isPlus)
    if (!Buffer.isBuffer(bound)) return bound

    const { salt, iterations } = await edge.scram.challenge(first.user)
    const nonce = first.nonce + randomBytes(18).toString('base64')
    const challenge = challengeOf(nonce, salt, iterations)
    const final = readFinal((await ask(challenge)).toString('utf8'))
    if (!final || final.nonce !== nonce) return bad('that is no answer to the challenge')
    if (!final.bound.equals(bound))
      return turnAway(
        session,
        first.user,
        new Refusal('login-failed', 'this is not the TLS connection the proof was made for'),
      )

    const message = `${first.bare},${challenge},${final.withoutProof}`
    const found = await edge.scram.prove(first.user, { message, proof: final.proof }, remote).catch(asRefusal)
    if (found instanceof Refusal) return turnAway(session, first.user, found)
    await ask(`v=${found.signature}`) // the client checks that we know it, too, and answers nothing
    return admit(session, found)
  }

/** What the client must have bound its proof to: its own header, and for -PLUS the connection as we see it. */
const boundTo = (session: Session, { binding, gs2 }: FirstMessage, isPlus: boolean): Buffer | Reply => {
  const header = Buffer.from(gs2, 'utf8')
  if (isPlus !== (binding.by === 'data')) return bad('channel binding and mechanism do not fit')
  // It can bind, and believes that we cannot: somebody took -PLUS out of what we said. RFC 5802 §6.
  if (binding.by === 'unoffered' && session.canBind)
    return no('AUTHENTICATIONFAILED', 'Channel binding is offered here')
  if (binding.by !== 'data') return header
  const data = session.channelBinding(binding.name)
  return data ? Buffer.concat([header, data]) : no('CANNOT', 'That channel binding is not known here')
}

/** In the order in which a client should prefer them, the best first. */
export const mechanisms: ReadonlyMap<string, Mechanism> = new Map([
  ['SCRAM-SHA-256-PLUS', scram(true)],
  ['SCRAM-SHA-256', scram(false)],
  ['PLAIN', plain],
  ['LOGIN', login],
])
