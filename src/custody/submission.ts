/**
 * One submitted message with all its recipients: what its sender is told, and what the
 * Outgoing folder shows. Each remote recipient is one envelope with a custody of its own.
 */
import { isFinal, type RefusalCode } from '../refusal.ts'

/** Where the message stands on its way to one recipient; also the keyword in Outgoing, with a `$` before it. */
export const stages = ['Queued', 'Routing', 'InCustody', 'Delayed', 'Delivered', 'Failed'] as const
export type Stage = (typeof stages)[number]

export type Recipient = {
  address: string
  notify: readonly ('NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY')[]
  orcpt?: string
  /** The envelope drawn for this recipient before 250 was said (another in its place: again.ts); an address of this gateway has one, too, never used. */
  envelope: string
  stage: Stage
}

/** The durable account of one submission. Times are epoch ms. `body` is the message as submitted. */
export type Submission = {
  id: string
  account: number
  entity: string
  from: string
  messageId: string
  subject: string
  header: string // its start, for notices, in base64: header bytes may be in any charset
  ret: 'FULL' | 'HDRS'
  envid?: string
  body: number | null
  size: number
  at: number
  recipients: Recipient[]
  /** Not before then, as its sender asked: RFC 4865. */
  holdUntil?: number
  /** By then it is to have arrived, as its sender asked: or it is given up, or they are told. RFC 2852. */
  deliverBy?: { mode: 'return' | 'notify'; at: number }
  /** When the copy in Outgoing goes: set when every recipient is Delivered or Failed. */
  clearAt: number | null
}

/**
 * The stage of the message as a whole: what needs the sender's eye first, then the slowest recipient.
 * A failure shows as such even while other recipients are still under way.
 */
export const overall = (recipients: readonly Recipient[]): Stage => {
  const order: Stage[] = ['Failed', 'Delayed', 'Queued', 'Routing', 'InCustody', 'Delivered']
  return order.find((stage) => recipients.some((one) => one.stage === stage)) ?? 'Delivered'
}

export const isOver = (stage: Stage): boolean => stage === 'Delivered' || stage === 'Failed'

/** RFC 3461 §4.1: without NOTIFY, failures and delays are told, successes are not. */
export const wants = (recipient: Recipient, what: 'SUCCESS' | 'FAILURE' | 'DELAY'): boolean =>
  recipient.notify.length === 0 ? what !== 'SUCCESS' : recipient.notify.includes(what)

/** RFC 3463 status for a recipient that failed. */
export const statusOf = (code: RefusalCode): string => statuses[code] ?? (isFinal(code) ? '5.0.0' : '4.0.0')

const statuses: Partial<Record<RefusalCode, string>> = {
  'address-malformed': '5.1.3',
  'address-unknown': '5.1.2',
  'mailbox-missing': '5.1.1',
  'entity-unknown': '5.1.1',
  'mailbox-full': '5.2.2',
  'message-too-large': '5.3.4',
  'payload-too-large': '5.3.4',
  'message-loops': '5.4.6',
  'path-loops': '5.4.6',
  'no-route': '5.4.4',
  expired: '5.4.7',
  'store-refused': '5.2.0',
  'given-up': '5.7.0',
  'envelope-expired': '5.4.7',
  'seal-broken': '5.7.5',
  'sender-unverified': '5.7.5',
  'card-invalid': '5.7.5',
  'card-conflict': '5.7.5',
  'signature-wrong': '5.7.7',
  'chain-broken': '5.7.7',
  'link-unknown': '5.7.1',
  'link-revoked': '5.7.1',
  'reach-outdated': '5.4.4',
  'permit-ended': '5.7.1',
  'strangers-full': '5.7.1',
}
