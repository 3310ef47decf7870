/** An authority's "no" (a problem document, RFC 7807; types of RFC 8555 §6.7) in words for the administrator. */
import { visible } from '../terminal.ts'

export type Problem = { type?: string; detail?: string; subproblems?: Problem[] }

/** The authority, or the way to it, says no; the text says what to do. */
export class AuthorityError extends Error {
  override readonly name = 'AuthorityError'
  /** When it wants to be asked again at the earliest, epoch ms. */
  readonly retryAt: number | undefined
  constructor(text: string, retryAt?: number) {
    super(text)
    this.retryAt = retryAt
  }
}

/** An authority's own words as they are shown to people and stand in the log. */
export const shown = (text: string): string => visible(text).slice(0, DETAIL_MAX)
const DETAIL_MAX = 300

export const kindOf = ({ type = '' }: Problem): string => /^urn:ietf:params:acme:error:(\w+)$/.exec(type)?.[1] ?? ''

/** @param name whose proof it was about */
export const wordsFor = (problem: Problem, name?: string): string => {
  const inner = problem.subproblems?.[0]
  const detail = shown([problem.detail, inner?.detail].filter(Boolean).join('; '))
  const kind = kindOf(problem)
  const fix = kind === 'unauthorized' && name === undefined ? accountFix : fixes[kind]
  const about = name === undefined ? '' : ` about ${name}`
  return `the authority says no${about}${detail === '' ? '' : ` ("${detail}")`}${fix === undefined ? '' : `: ${fix}`}`
}

const reachable =
  'each of tls.acme.names must point here in the DNS, and its port 80 lead to tls.acme.http through router and firewall'

/** What is no proof that failed: the account may be closed at the authority, by its key or by hand. */
const accountFix = 'if it is about the account, take tls/acme-account.pem away, and another one is made'

const fixes: Record<string, string> = {
  connection: reachable,
  dns: reachable,
  incorrectResponse: reachable,
  tls: reachable,
  unauthorized: reachable,
  caa: 'a CAA record of the domain allows other authorities only: add this one to it',
  externalAccountRequired: 'it wants an account made by hand beforehand: name another tls.acme.directory',
  invalidContact: 'correct tls.acme.contact, or leave it out',
  rejectedIdentifier: 'it gives no certificate for such a name: correct tls.acme.names',
  unsupportedIdentifier: 'it gives no certificate for such a name: correct tls.acme.names',
  rateLimited: 'it was asked too often; it is asked again by itself',
  userActionRequired: 'it wants something from you first, for example consent to new terms: do as it says',
}
