/**
 * How the edges let people in: by a password, or by the proof of one (SCRAM). Guesses count over all edges together.
 *
 * An edge asks again whether the password still holds before it does something for whoever logged in with it: one may
 * be removed while it is being judged, too.
 */
import type { Refusal } from '../src/refusal.ts'
import type { Db } from '../store/db.ts'
import { challenge, login as checkPassword, prove as checkProof, type Entered, type Use } from '../store/password.ts'
import { spelledHere } from './spelled.ts'
import { type LoginLimits, throttleLogins } from './throttle.ts'

export type Login = (address: string, password: string, remote: string) => Promise<Entered | Refusal>

/** SCRAM-SHA-256, as src/scram.ts has it. `message` is what is signed. */
export type Scram = {
  challenge(address: string): Promise<{ salt: string; iterations: number }>
  prove(
    address: string,
    attempt: { message: string; proof: Buffer },
    remote: string,
  ): Promise<(Entered & { signature: string }) | Refusal>
}

/** Whether a password that let somebody in is still there. */
export type Holds = (by: Pick<Entered['by'], 'id'>) => boolean

export type Logins = { login: Login; scram: Scram; holds: Holds }

/** @param domains of the addresses here @returns the logins of one edge, for the passwords whose scope it is */
export const openLogins = (db: Db, limits: LoginLimits, domains: ReadonlySet<string>): ((use: Use) => Logins) => {
  const judge = throttleLogins(limits)
  const spelled = spelledIn(domains)
  const gone = new Set<number>() // since the start: nobody who is here logged in before
  db.changes.on('change', (change) => {
    if (change.on === 'password') gone.add(change.id)
  })
  return (use) => ({
    holds: ({ id }) => !gone.has(id),
    login: (typed, password, remote) =>
      judge(spelled(typed), remote, (address) => checkPassword(db, address, password, use)),
    scram: {
      challenge: (typed) => challenge(db, spelled(typed)),
      prove: (typed, attempt, remote) =>
        judge(spelled(typed), remote, (address) => checkProof(db, address, attempt, use)),
    },
  })
}

/** As accounts are kept; what is no address at all is nobody's, and is judged as slowly as a wrong password. */
const spelledIn =
  (domains: ReadonlySet<string>) =>
  (address: string): string => {
    try {
      return spelledHere(domains, address)
    } catch {
      return ''
    }
  }
