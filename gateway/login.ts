/**
 * How the edges let people in: by a password, or by the proof of one (SCRAM). Guesses count over all edges together.
 */
import type { Refusal } from '../src/refusal.ts'
import type { Account } from '../store/account.ts'
import type { Sink } from '../store/db.ts'
import { challenge, login as checkPassword, prove as checkProof, type Use } from '../store/password.ts'
import { spelledHere } from './spelled.ts'
import { type LoginLimits, throttleLogins } from './throttle.ts'

export type Login = (address: string, password: string, remote: string) => Promise<Account | Refusal>

/** SCRAM-SHA-256, as src/scram.ts has it. `message` is what is signed. */
export type Scram = {
  challenge(address: string): Promise<{ salt: string; iterations: number }>
  prove(
    address: string,
    attempt: { message: string; proof: Buffer },
    remote: string,
  ): Promise<{ account: Account; signature: string } | Refusal>
}

export type Logins = { login: Login; scram: Scram }

/** @param domains of the addresses here @returns the logins of one edge, for the passwords whose scope it is */
export const openLogins = (db: Sink, limits: LoginLimits, domains: ReadonlySet<string>): ((use: Use) => Logins) => {
  const judge = throttleLogins(limits)
  const spelled = spelledIn(domains)
  return (use) => ({
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
