/**
 * One certificate from an authority, by ACME (RFC 8555 §7): account, order, proof for each name, request, certificate.
 * An account is found again by its key (§7.3), so nothing but the key is kept between two orders.
 */
import type { KeyObject } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { type Conversation, converse, refusalIn, request } from './conversation.ts'
import { AuthorityError, type Problem, shown, wordsFor } from './problem.ts'
import { keyAuthorization } from './signing.ts'

export type Order = {
  directory: string
  termsAgreed: boolean
  contact?: string | undefined
  names: string[]
  /** The account's. */
  account: KeyObject
  /** The request, DER. */
  csr: Buffer
  /** Puts a text where the authority looks for it. */
  answer(token: string, text: string): void
  signal: AbortSignal
}

/** @returns the chain, PEM, leaf first @throws AuthorityError */
export const obtain = (order: Order): Promise<string> =>
  ordered(order).catch((error: unknown) => {
    if (order.signal.aborted) throw new AuthorityError('the authority did not come to an end in time')
    if (error instanceof AuthorityError) throw error
    throw new AuthorityError(`what the authority answers can not be used (${shown(String(error))})`)
  })

const ordered = async (order: Order): Promise<string> => {
  const { directory, names, account, csr, signal } = order
  const places = await lookUp(directory, signal)
  const talk = converse(places.newNonce, account, signal)
  talk.as(await accountAt(talk, places, order))

  const identifiers = names.map((value) => ({ type: 'dns', value }))
  const made = await talk.ask(places.newOrder, { identifiers })
  const { authorizations, finalize } = made.json<OrderState>()
  for (const url of authorizations) await present(talk, url, order) // the authority looks at all at the same time
  for (const url of authorizations) await settled<Authorization>(talk, url, ['valid'], signal)
  await settled<OrderState>(talk, made.location, ['ready', 'valid'], signal)
  await talk.ask(finalize, { csr: csr.toString('base64url') })
  const { certificate } = await settled<OrderState>(talk, made.location, ['valid'], signal)
  if (certificate === undefined) throw new AuthorityError('the authority is done, and gives no certificate')
  return (await talk.ask(certificate)).text
}

type Directory = {
  newNonce: string
  newAccount: string
  newOrder: string
  meta?: { termsOfService?: string; externalAccountRequired?: boolean }
}
type Stated = { status: 'pending' | 'ready' | 'processing' | 'valid' | 'invalid' | 'deactivated'; error?: Problem }
type OrderState = Stated & { authorizations: string[]; finalize: string; certificate?: string }
type Authorization = Stated & { identifier: { value: string }; challenges: Challenge[] }
type Challenge = { type: string; url: string; token?: string; error?: Problem }

const lookUp = async (url: string, signal: AbortSignal): Promise<Directory> => {
  const response = await request(url, { signal })
  if (response.status === 429 || response.status >= 500) throw refusalIn(response, await response.text()) // it is there, and busy
  const found = await response.json().catch(() => ({}))
  const { newNonce, newAccount, newOrder } = found as Partial<Directory>
  if ([newNonce, newAccount, newOrder].every((place) => typeof place === 'string')) return found as Directory
  throw new AuthorityError(`what is at ${url} is no directory of an authority: correct tls.acme.directory`)
}

const accountAt = async (talk: Conversation, places: Directory, order: Order): Promise<string> => {
  const { newAccount, meta: { termsOfService, externalAccountRequired } = {} } = places
  if (externalAccountRequired)
    throw new AuthorityError('this authority wants an account made by hand beforehand: name another tls.acme.directory')
  if (termsOfService !== undefined && !order.termsAgreed)
    throw new AuthorityError(`read the terms at ${termsOfService}; if you agree, set tls.acme.terms_agreed = true`)
  const contact = order.contact === undefined ? {} : { contact: [`mailto:${order.contact}`] }
  return (await talk.ask(newAccount, { termsOfServiceAgreed: order.termsAgreed, ...contact })).location
}

/** base64url, RFC 8555 §8.3. */
const TOKEN = /^[\w-]{20,500}$/

/** One name: the text is put in its place, and the authority asked to look. */
const present = async (talk: Conversation, url: string, { account, answer }: Order): Promise<void> => {
  const { status, identifier, challenges } = (await talk.ask(url)).json<Authorization>()
  if (status === 'valid') return // proved a while ago
  const challenge = challenges.find(({ type }) => type === 'http-01')
  if (challenge?.token === undefined || !TOKEN.test(challenge.token))
    throw new AuthorityError(`the authority takes no proof by HTTP for ${identifier.value}`)
  answer(challenge.token, keyAuthorization(account, challenge.token))
  await talk.ask(challenge.url, {})
}

/** Looks again and again, as the authority asks it to, until it says one of these. @throws AuthorityError once it can't any more */
const settled = async <Thing extends Stated>(
  talk: Conversation,
  url: string,
  wanted: Stated['status'][],
  signal: AbortSignal,
): Promise<Thing> => {
  for (;;) {
    const answer = await talk.ask(url)
    const thing = answer.json<Thing & Partial<Authorization>>()
    if (wanted.includes(thing.status)) return thing
    if (!['pending', 'processing', 'ready'].includes(thing.status)) throw new AuthorityError(whyNot(thing))
    await wait(answer.pauseMs, undefined, { signal })
  }
}

const whyNot = ({ error, identifier, challenges = [] }: Stated & Partial<Authorization>): string =>
  wordsFor(error ?? challenges.find((one) => one.error)?.error ?? {}, identifier?.value)
