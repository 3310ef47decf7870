/**
 * A house: everything under one home folder, opened. `rooms.ts` assembles it, with its
 * edges for `serve` and without them for a single command.
 *
 * An *operation* is what the command line can ask of a house: a plain function of the
 * house and its arguments to a JSON value. Where a gateway runs on the home it is called
 * there over the control socket, else the command opens the home itself and calls the same
 * function: so a command means the same whether the gateway runs or not.
 */
import type { EntityId } from '../src/address.ts'
import type { Repute } from '../src/complaint/policy.ts'
import type { Credit, Weights } from '../src/credit/credit.ts'
import type { Custody } from '../src/custody/custody.ts'
import type { Entity } from '../src/identity/entity.ts'
import type { Reach } from '../src/reach/reach.ts'
import type { Known } from '../src/route/search.ts'
import type { Contact, Link, Local } from '../src/state.ts'
import type { Sorting } from '../src/trust/contact.ts'
import type { Store } from '../store/store.ts'
import type { Certifying } from './acme/keep.ts'
import type { Gestures } from './complaint/gestures.ts'
import type { Config } from './config/config.ts'
import type { Progress } from './control.ts'
import type { Keyring } from './keys.ts'
import type { Log } from './log.ts'
import type { Knocking } from './neighbour/knocking.ts'
import type { Pairing } from './neighbour/pairing.ts'
import type { Reaching } from './reach/reach.ts'

export type House = {
  home: string
  config: Config
  /** The domain of addresses here: the configured one, or the agent's `.vouchsafe.alt` name. */
  domain: string
  /** `host:port` where neighbours can dial this gateway. */
  addresses(): string[]
  log: Log
  store: Store
  keyring: Keyring
  web: Web
  pairing: Pairing
  knocking: Knocking
  gestures: Gestures
  /** Absent when a command opened the home itself: then no link is up and nothing is dialled. */
  serving?: Serving
}

export type Serving = {
  since: number
  /** `host:port` of each listener, by edge. */
  listening: Record<'smtp' | 'imap' | 'setup' | 'link' | 'health', string[]>
  /** The agent has another key: closes all and opens it anew. */
  renewed(): void
  reach: Pick<Reaching, 'problems' | 'dialBack' | 'probe' | 'own' | 'testDirectories'>
  certifying: Pick<Certifying, 'problems'>
  /** PEM, as mail clients see it: its files may have changed since it was read. */
  certificate(): string
}

/**
 * What operations ask of the web of trust. Everything written here is durable when the
 * promise resolves, and the engine's working memory knows of it.
 */
export type Web = {
  links(): Link[]
  /** Why our last dial made no link with a neighbour that is not connected; undefined where we have not dialled it. */
  whyNot(agent: string): { at: number; why: string } | undefined
  /** A person has compared words with its owner: probation is over. */
  vouch(agent: string): Promise<void>
  /** How much unwanted mail a neighbour may cost before nothing more is taken from it. */
  limit(agent: string, limit: number): Promise<void>
  /** What a neighbour and we owe each other; undefined before the first message. */
  credit(agent: string): Credit | undefined
  weights(): Weights
  /** Takes back a rule's decision to suspend a neighbour. @throws Refusal `link-unknown` if it is not suspended */
  overrule(agent: string): Promise<Link | undefined>
  /** What an agent said last of where it can be dialled; ourselves, too. */
  reach(agent: string): Reach | undefined
  /** What we share with a neighbour is lost, or a link is frozen for it: begins anew. @throws OperationError if nobody here can sign it */
  rekey(agent: string): Promise<void>
  /** @throws OperationError if nobody here can sign a REKEY */
  operator(): Entity

  /** Told once a new account is durable: its entity is findable from now on. */
  admit(local: Local): void
  /** Told once an account is gone for good. */
  dismiss(entity: EntityId): void

  contacts(entity: EntityId): Promise<Contact[]>
  /** @returns the contact as it stands then: implicit never replaces explicit */
  saveContact(contact: Contact): Promise<Contact>
  /** Puts a contact into categories and takes it out of others. @throws Refusal `entity-unknown` if it is none */
  sortContact(sorting: Sorting): Promise<Contact>
  /**
   * Who an address or an entity id is: known already, or searched for through the neighbours, for a bounded time.
   * @returns undefined if nobody answered for it
   */
  find(who: string): Promise<Known | undefined>
  /** Another key that a search found for the address of an entity known here. */
  rival(entity: string): Known['rival']
  /** Whoever an address was known as is forgotten: the next mail to it searches afresh. @throws Refusal `address-unknown` */
  forget(address: string): Promise<void>

  /** What others complained about an account here; undefined if nobody ever did. */
  repute(entity: EntityId): Repute | undefined
  /** Nothing of it counts any more. */
  allow(entity: EntityId): Promise<void>

  /** Envelopes in custody here that are not done, QUEUE_SHOWN at most, oldest first. */
  queue(): Promise<Custody[]>
  /** Every envelope here, done or not, by envelope id, custody key, the id in the answer to DATA, or Message-ID (with or without `<>`). */
  lookUp(text: string): Promise<Custody[]>
  /**
   * Tries again now; hops that were avoided count again.
   *
   * @returns the envelope as it stands then
   */
  retry(key: string): Promise<Custody | undefined>
  /**
   * Holds back what lies here, until it is let go or its time is over.
   *
   * @returns the envelope as it stands then: what is being handed, or has been, can't be held
   */
  hold(key: string): Promise<Custody | undefined>
  letGo(key: string): Promise<void>
  /** Gives it up: its sender gets a notice, or the neighbour upstream a report. */
  giveUp(key: string): Promise<void>
}

/** So many rows are a screenful of screens, and some megabytes in memory. */
export const QUEUE_SHOWN = 500

export type Operation<Args extends object, Result> = (house: House, args: Args, progress: Progress) => Promise<Result>
