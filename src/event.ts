/**
 * What may happen to an agent. Every event may come twice and out of turn; the second time is harmless.
 * Whatever was signed was verified before its event was made.
 */
import type { Judgement } from './complaint/judging.ts'
import type { Reproach } from './complaint/policy.ts'
import type { Complaint } from './complaint/verdict.ts'
import type { Stated } from './credit/books.ts'
import type { Arrival } from './custody/arrival.ts'
import type { Lodged } from './custody/lodge.ts'
import type { Submission } from './custody/submission.ts'
import type { Envelope } from './envelope/envelope.ts'
import type { Alarm } from './link/alert.ts'
import type { Guest, Reply, Wish } from './link/knocked.ts'
import type { Move } from './link/moved.ts'
import type { Word } from './link/revoked.ts'
import type { Accusation } from './link/ruling.ts'
import type { Bad, Said } from './reach/reach.ts'
import type { RefusalCode } from './refusal.ts'
import type { LetterAbout } from './report/letter.ts'
import type { Item } from './report/owed.ts'
import type { Report } from './report/report.ts'
import type { Failure } from './route/failed.ts'
import type { Path } from './route/search.ts'
import type { Contact, Link } from './state.ts'
import type { Sorting } from './trust/contact.ts'
import type { Who } from './wire/record.ts'

export type Event =
  // From the mail client
  /** `waited`: its id in the intake, where it had one. */
  | { on: 'submitted'; submission: Submission; here: number; waited?: number }
  | { on: 'trusted'; contact: Contact }
  | { on: 'judged'; judgement: Judgement }
  | { on: 'sorted'; sorting: Sorting }
  | { on: 'reproached'; entity: string; reproach: Reproach }
  | { on: 'pardoned'; entity: string; key: string; by: string }
  // From neighbours
  | { on: 'arrived'; arrival: Arrival }
  | { on: 'reported'; from: string; key: string; reports: Report[] }
  | { on: 'complained'; from: string; complaint: Complaint }
  | { on: 'accused'; from: string; accusation: Accusation }
  | { on: 'punished'; from: string; cut: string }
  | { on: 'stated'; from: string; said: Stated }
  | { on: 'wanted'; from: string; key: string; permit: string | undefined }
  | { on: 'who'; from: string; who: Who }
  | { on: 'none'; from: string; qid: string; cut: boolean }
  | { on: 'path'; from: string; path: Path }
  | { on: 'failed'; from: string; failure: Failure }
  | { on: 'revoked'; from: string | undefined; word: Word }
  | { on: 'moved'; move: Move }
  | { on: 'announced'; from: string; said: Said }
  | { on: 'where'; from: string; pass: Said }
  // From effects
  | { on: 'sealed'; key: string; envelope: Envelope; body: number }
  | { on: 'unsealable'; key: string; code: RefusalCode }
  | { on: 'accepted'; key: string; by: string; receipt: string }
  | { on: 'rejected'; key: string; by: string; code: RefusalCode }
  | { on: 'unreachable'; key: string; by: string; why: string }
  | { on: 'lodged'; key: string; answer: Lodged }
  | { on: 'posted'; id: string }
  | { on: 'released'; key: string; body: number }
  | { on: 'silent'; agent: string }
  | { on: 'acknowledged'; owed: string; items: Item[] }
  | { on: 'search'; target: string; seed: string; without?: string[]; isAgain?: true }
  // From links and the clock
  | { on: 'linked'; link: Link }
  | { on: 'knocked'; guest: Guest }
  | { on: 'wished'; wish: Wish }
  | { on: 'replied'; reply: Reply }
  | { on: 'declined'; who: string }
  | { on: 'unlinked'; agent: string }
  | { on: 'vouched'; agent: string }
  | { on: 'overruled'; agent: string }
  | { on: 'assess' }
  | { on: 'limited'; agent: string; limit: number }
  | { on: 'up'; agent: string }
  | { on: 'down'; agent: string }
  | { on: 'owing'; agent: string }
  | { on: 'announce'; addresses: string[] }
  | { on: 'alarm'; agent: string; alarm: Alarm }
  | { on: 'thawed'; agent: string }
  | { on: 'owner'; agent: string; owner: NonNullable<Link['owner']> }
  | { on: 'missed'; agent: string; address: string; why: Bad['why'] }
  | { on: 'due'; key: string }
  | { on: 'seek'; key: string }
  | { on: 'ring'; qid: string }
  | { on: 'clear'; submission: string }
  | { on: 'lapsed'; owed: string }
  | { on: 'sweep' }
  | { on: 'expiring'; entity: string; ends: number }
  // From the administrator
  | { on: 'retry'; key: string }
  | { on: 'held-back'; key: string }
  | { on: 'let-go'; key: string }
  | { on: 'given-up'; key: string }
  | { on: 'forgotten'; address: string }
  | { on: 'allowed'; entity: string }
  /** A letter of the gateway to somebody here, in answer to what they asked of it. */
  | { on: 'answer'; letter: Omit<LetterAbout, 'gateway' | 'now'> }
