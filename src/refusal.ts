/**
 * Every "no" Vouchsafe can say, by a stable code.
 *
 * A refusal is expected: an edge turns it into its own protocol at one place (a
 * `Record<RefusalCode, …>`, so that a forgotten code does not compile), the log
 * carries the code and the detail, and the far end may act on the code.
 * `detail` is a sentence for people: what was wrong and what to do about it.
 */
export const refusalCodes = [
  // What somebody typed
  'address-malformed',
  'address-unknown', // a search ended and nobody knows it
  'mailbox-missing', // the domain is ours, the user is not
  'sender-not-yours', // the sender address belongs to another account
  'message-malformed', // bare CR or LF, NUL, no header
  'message-too-large',
  'message-loops',
  'too-many-recipients',
  'rate-limited',
  'sender-slowed', // others complained about the account: src/complaint/policy.ts
  'sender-stopped',
  'login-failed',
  'login-throttled',
  'mailbox-full',
  'disk-full',
  'stopping', // the gateway is shutting down; try again

  // What a neighbour sent
  'record-malformed',
  'record-type', // another kind of record than this place takes
  'record-version',
  'record-too-large',
  'net-mismatch', // signed for another web
  'signature-wrong',
  'agent-mismatch', // the signature holds, but by somebody else than it must be
  'link-unknown',
  'link-revoked',
  'link-suspended', // it costs too many complaints: nothing is relayed for a week
  'no-credit', // too much of what came over this link is unjudged or was unwanted
  'strangers-full', // too many new people of one gateway: somebody here has to know one of them
  'permit-ended', // the recipient does not know the sender, or no longer
  'link-unproven', // LINK1 comes first
  'link-diverged', // the neighbour is not the one it was, or we are not: src/link/link1.ts
  'link-frozen', // for a while: a clock was wrong too often
  'rekey-invalid',
  'agent-revoked', // its key was stolen: src/link/revoked.ts
  'too-many-streams',
  'envelope-expired',
  'payload-mismatch', // hash or size differ from the envelope's
  'payload-too-large',
  'chain-broken', // a stamp is missing, exchanged, forged or leads elsewhere
  'path-loops',
  'reach-outdated', // a later announcement of the same agent is known
  'report-foreign', // a report by an agent that never had this envelope
  'custody-full',
  'complaint-unknown', // nothing is remembered of the message
  'complaint-foreign', // not by its recipient, not about what they got, or not over the way it went
  'complaint-late', // it was judged before, or needs no judgement

  // What can't be done
  'no-route',
  'entity-unknown', // not represented here, and no way onward
  'seal-broken', // the payload does not open
  'sender-unverified', // it opens, but its signature does not hold
  'card-invalid',
  'card-conflict', // two keys claim one address
  'expired',
  'store-refused', // the server that keeps the recipient's mail does not take it
  'given-up', // an administrator took it out of the queue

  // Becoming neighbours
  'knock-refused',
  'knocks-full',
  'pair-refused',
  'invitation-unknown',
  'invitation-expired',
  'invitation-used',
] as const

export type RefusalCode = (typeof refusalCodes)[number]

export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode
  readonly detail: string

  constructor(code: RefusalCode, detail: string = code) {
    super(`${code}: ${detail}`)
    this.code = code
    this.detail = detail
  }
}

const known = new Set<string>(refusalCodes)
export const isRefusalCode = (value: unknown): value is RefusalCode => typeof value === 'string' && known.has(value)

/** Codes that no waiting and no other path will change: the sender must do something. */
const finalCodes: ReadonlySet<RefusalCode> = new Set<RefusalCode>([
  'address-malformed',
  'address-unknown',
  'mailbox-missing',
  'message-malformed',
  'message-too-large',
  'message-loops',
  'record-malformed',
  'record-type',
  'record-version',
  'record-too-large',
  'net-mismatch',
  'signature-wrong',
  'agent-mismatch',
  'envelope-expired',
  'payload-mismatch',
  'payload-too-large',
  'seal-broken',
  'sender-unverified',
  'card-invalid',
  'permit-ended',
  'expired',
  'store-refused',
  'given-up',
  'pair-refused',
  'strangers-full',
])
export const isFinal = (code: RefusalCode): boolean => finalCodes.has(code)
