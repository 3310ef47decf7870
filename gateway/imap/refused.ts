/**
 * Every refusal as a tagged NO: the one place where this edge turns codes into IMAP. Response codes: RFC 3501 §7.1,
 * RFC 5530. Most codes belong to the web of trust and never come here; they are counted so that none is forgotten.
 */
import type { Refusal, RefusalCode } from '../../src/refusal.ts'
import { no, type Reply } from './command.ts'

const CANNOT = 'CANNOT'
const codes: Record<RefusalCode, string> = {
  'login-failed': 'AUTHENTICATIONFAILED',
  'login-throttled': 'UNAVAILABLE',
  'rate-limited': 'LIMIT',
  'mailbox-missing': 'NONEXISTENT',
  'mailbox-full': 'OVERQUOTA',
  'disk-full': 'UNAVAILABLE',
  stopping: 'UNAVAILABLE',
  'message-too-large': 'TOOBIG',
  'message-malformed': CANNOT,
  'message-loops': CANNOT,
  'too-many-recipients': CANNOT,
  'sender-not-yours': CANNOT,
  'address-malformed': CANNOT,
  'address-unknown': CANNOT,
  'record-malformed': CANNOT,
  'record-type': CANNOT,
  'record-version': CANNOT,
  'record-too-large': CANNOT,
  'net-mismatch': CANNOT,
  'signature-wrong': CANNOT,
  'agent-mismatch': CANNOT,
  'link-unknown': CANNOT,
  'link-revoked': CANNOT,
  'reach-outdated': CANNOT,
  'link-suspended': CANNOT,
  'no-credit': 'LIMIT',
  'permit-ended': CANNOT,
  'too-many-streams': 'LIMIT',
  'envelope-expired': CANNOT,
  'payload-mismatch': CANNOT,
  'payload-too-large': 'TOOBIG',
  'chain-broken': CANNOT,
  'path-loops': CANNOT,
  'report-foreign': CANNOT,
  'custody-full': 'OVERQUOTA',
  'no-route': CANNOT,
  'entity-unknown': CANNOT,
  'seal-broken': CANNOT,
  'sender-unverified': CANNOT,
  'card-invalid': CANNOT,
  'card-conflict': CANNOT,
  expired: CANNOT,
  'given-up': CANNOT,
  'invitation-unknown': CANNOT,
  'invitation-expired': CANNOT,
  'invitation-used': CANNOT,
}

export const refused = (refusal: Refusal): Reply => no(codes[refusal.code], refusal.detail)
