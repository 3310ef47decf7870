import type { EntityId } from '../../src/address.ts'
import type { Parsed } from '../../src/mail/parsed.ts'
import type { BodyDraft } from '../../store/spool.ts'
import type { DeliverBy } from './deliver-by.ts'
import type { Recipient } from './envelope.ts'

/** A message as its client handed it in, complete and checked. `body` is the whole of it with `header` as edited. */
export type Submission = {
  /** 32 hex characters; what 250 names it by. */
  id: string
  account: number
  entityId: EntityId
  /** Canonical; the account's. */
  from: string
  recipients: Recipient[]
  ret: 'FULL' | 'HDRS'
  envid?: string
  /** Epoch ms: not to go before. */
  holdUntil?: number
  deliverBy?: DeliverBy
  messageId: string
  subject: string
  /** The addresses of From and Sender, as written. */
  authors: string[]
  header: Buffer
  body: BodyDraft
  /** What a walk over the body finds; a small one is walked when this is first asked. */
  parsed(): Parsed
  /** Epoch ms of the end of DATA. */
  at: number
  /** Its id there, if it waited: carry/intake.ts. */
  waited?: number
}
