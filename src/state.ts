/**
 * What one agent holds, as values, and the changes a decision may make to it.
 *
 * The gateway keeps a State as its working memory: whole for what is small (links, entities,
 * routes), loaded by need for the rest (`needs` in web.ts). The village keeps all of it. Both
 * change it by `apply` (apply.ts) alone.
 */
import { targetOfAddress, targetOfEntity } from './address.ts'
import type { Repute } from './complaint/policy.ts'
import type { Entry } from './complaint/verdict.ts'
import type { Books } from './credit/books.ts'
import type { Conduct } from './credit/conduct.ts'
import type { Credit, Weights } from './credit/credit.ts'
import type { Critic } from './credit/critic.ts'
import { type Custody, defaultTerms, type Terms } from './custody/custody.ts'
import type { Stage, Submission } from './custody/submission.ts'
import type { Alert } from './link/alert.ts'
import type { Knock } from './link/knock.ts'
import type { Revocation } from './link/revocation.ts'
import type { Accusation, Ruling } from './link/ruling.ts'
import type { Reach } from './reach/reach.ts'
import type { Owed } from './report/owed.ts'
import { emptyMemory, type Memory, type Note, type Route } from './route/memory.ts'
import type { Known, Search } from './route/search.ts'

/** A letter of the gateway itself on its way there. `letter` is base64: it may hold any bytes. */
export type Posted = { id: string; account: number; to: string; letter: string; at: number }

/** When the owner of a key was last told. */
export type Warned = { entity: string; at: number }

/** What is remembered here of the entities at one other agent. `at`: when a stranger first wrote, epoch ms. */
export type Household = {
  agent: string
  strangers: { entity: string; at: number }[]
  /** Those whom somebody here trusted when they wrote; as many as make a difference. */
  known: string[]
}

/** A neighbour. `addresses` are host:port; none for one that only dials. `up` is a live fact, not kept. States: link/standing.ts. */
export type Link = {
  agent: string
  name: string
  addresses: string[]
  state: 'probation' | 'active' | 'suspended' | 'revoked'
  since: number
  up: boolean
  /** L as the owner set it; the link's state says it otherwise. */
  limit?: number
  /** Whose trust made it through the web, where no owner was asked: an entity here. */
  voucher?: string
  /** Since when it is not connected, while we are there to see it; and when its last long absences ended. */
  downAt?: number
  absences?: number[]
  /** Since when it is in its state, where that is not since it was made. */
  stateSince?: number
  /** Why it is or was suspended, when it last showed that it cut somebody for it; and why the neighbour suspended us. */
  ruling?: Ruling
  punishedAt?: number
  accused?: Accusation
  /** Nothing is taken from it or handed to it (link/alarm.ts). */
  frozen?: { since: number; why: 'diverged' | 'clock' | 'stolen' }
  /** Who operates the neighbour, as first seen: the only one whose REKEY counts. `key` is OpenPGP, binary in base64. */
  owner?: { entity: string; address: string; key: string; card: string }
  /** Epoch of the last REKEY that counted. */
  rekeyed?: number
  /** Agents it was before: their keys were stolen (link/moved.ts). The last is the newest. */
  formerly?: string[]
  /** The last of them, oldest first. */
  alerts?: Alert[]
  /** When our owner last had a letter about one, by kind. */
  told?: Partial<Record<Alert['what'], number>>
}

/** What a neighbour and we owe each other, how it behaved, and what both said of it. */
export type Account = Credit & { conduct?: Conduct; books?: Books }

/** An entity that lives here. */
export type Local = { entity: string; account: number; address: string }

/** What `entity`, who lives here, thinks of `other`: trust/contact.ts. */
export type Contact = {
  entity: string
  other: string
  trust: 'explicit' | 'implicit' | 'none'
  address: string
  at: number
  /** In the spelling of `categoryName`, sorted. */
  categories?: string[]
  /** Another key that claimed their address in a letter, and when `entity` was told of it. */
  rival?: { entity: string; at: number }
  /** What lets mail of `entity` to `other` go without credit: given by the agent of `other`, who trusts them. */
  permit?: string
}

/**
 * One message for one folder of an account here. A letter is one we wrote ourselves: a notice; `around` a body that
 * belongs into it at this offset.
 */
export type Delivery = {
  account: number
  folder: 'INBOX' | 'Requests'
  body: number | { letter: Buffer; around?: { body: number; at: number } }
  provenance?: Provenance
}

/** Kept beside a delivered message: by which envelope and path it came. Complaints go back along it. */
export type Provenance = { key: string; from: string; address: string; path: string[]; at: number }

export type State = Memory & {
  me: string
  /** The gateway's own name in letters it writes, and all domains whose addresses live here. */
  domain: string
  domains: ReadonlySet<string>
  terms: Terms
  weights: Weights
  /** Whether agents of explicit contacts may become neighbours through the web. */
  pairs: 'trusted' | 'never'
  /** Where the mail of people here goes in the end: into folders here, or to a server of its own (custody/lodge.ts). */
  lodging: 'store' | 'lmtp'
  links: Map<string, Link>
  credits: Map<string, Account> // by the neighbour's agent
  critics: Map<string, Critic> // by entity
  knocks: Map<string, Knock> // by id or words
  revoked: Map<string, Revocation> // by agent: keys that are dead
  households: Map<string, Household> // by agent
  locals: Map<string, Local> // by entity
  addresses: Map<string, string> // local address → entity
  targets: Map<string, string> // search targets that name a local → entity
  removed: Set<string> // entities that lived here: their senders are told so at once
  known: Map<string, Known> // by entity
  knownAt: Map<string, string> // address → entity
  knownTargets: Map<string, string> // search targets that name somebody known → entity
  custody: Map<string, Custody> // by key
  held: Map<string, number> // bytes that wait here for a neighbour, by agent
  brought: Map<string, number> // bytes of others' mail, rows and all, that a neighbour brought and that has not ended, by agent
  submissions: Map<string, Submission> // by id
  contacts: Map<string, Contact> // by contactKey
  owed: Map<string, Owed> // by owedKey
  repute: Map<string, Repute> // by entity
  reaches: Map<string, Reach> // by agent: neighbours, and ourselves
  warned: Map<string, Warned> // by entity
}

export type Change =
  | { put: 'custody'; row: Custody }
  | { drop: 'custody'; key: string }
  | { put: 'submission'; row: Submission }
  | { drop: 'submission'; id: string }
  | { put: 'owed'; row: Owed }
  | { drop: 'owed'; key: string }
  | { put: 'posted'; row: Posted }
  | { drop: 'posted'; id: string }
  | { put: 'contact'; row: Contact }
  | { put: 'repute'; row: Repute }
  | { put: 'warned'; row: Warned }
  | { put: 'known'; row: Known; card: string }
  | { drop: 'known'; entity: string }
  | { put: 'route'; row: Route; proof?: string; isFurther?: true }
  | { drop: 'route'; key: string; entity: string }
  | { put: 'link'; row: Link }
  | { drop: 'link'; agent: string }
  | { put: 'revocation'; row: Revocation }
  | { drop: 'revocation'; agent: string }
  | { put: 'reach'; row: Reach }
  | { drop: 'reach'; agent: string }
  | { put: 'credit'; agent: string; row: Account }
  | { drop: 'credit'; agent: string }
  | { put: 'critic'; row: Critic }
  | { put: 'ruling'; row: Ruling }
  | { put: 'knock'; row: Knock }
  | { drop: 'knock'; who: string }
  | { put: 'complaint'; row: Entry }
  | { put: 'household'; row: Household }
  | { drop: 'household'; agent: string }
  | { put: 'search'; row: Search }
  | { drop: 'search'; qid: string }
  /** A submission that waited in the intake is carried out. */
  | { taken: number }
  | { note: Note }
  | { deliver: Delivery }
  | { outgoing: string; account: number; stage: Stage | 'cleared' }

export const contactKey = (entity: string, other: string): string => `${entity}>${other}`

/** `domain` is the gateway's first domain; `more` are others that live here. */
export const emptyState = (me: string, domain: string, more: Iterable<string> = [], terms = defaultTerms): State => ({
  me,
  domain,
  domains: new Set([domain, ...more]),
  terms,
  weights: 'earned',
  pairs: 'trusted',
  lodging: 'store',
  links: new Map(),
  credits: new Map(),
  critics: new Map(),
  knocks: new Map(),
  revoked: new Map(),
  households: new Map(),
  locals: new Map(),
  addresses: new Map(),
  targets: new Map(),
  removed: new Set(),
  known: new Map(),
  knownAt: new Map(),
  knownTargets: new Map(),
  custody: new Map(),
  held: new Map(),
  brought: new Map(),
  submissions: new Map(),
  contacts: new Map(),
  owed: new Map(),
  repute: new Map(),
  reaches: new Map(),
  warned: new Map(),
  ...emptyMemory(),
})

export const admitLocal = (state: State, local: Local): void => {
  state.removed.delete(local.entity)
  state.locals.set(local.entity, local)
  state.addresses.set(local.address, local.entity)
  state.targets.set(targetOfAddress(local.address), local.entity)
  state.targets.set(targetOfEntity(local.entity), local.entity)
}

/** Who answers for the gateway: postmaster, if somebody has that address, else whoever was here first. */
export const ownerOf = ({ addresses, locals, domain }: State): Local | undefined =>
  locals.get(addresses.get(`postmaster@${domain}`) ?? '') ??
  [...locals.values()].reduce<Local | undefined>(
    (first, one) => (first && first.account < one.account ? first : one),
    undefined,
  )

export const removeLocal = (state: State, entity: string): void => {
  const local = state.locals.get(entity)
  state.removed.add(entity)
  for (const map of [state.locals, state.repute, state.warned]) map.delete(entity)
  for (const [key, contact] of state.contacts) if (contact.entity === entity) state.contacts.delete(key)
  if (!local) return
  state.addresses.delete(local.address)
  state.targets.delete(targetOfAddress(local.address))
  state.targets.delete(targetOfEntity(entity))
}
