/**
 * Every refusal as an SMTP reply: the one place where this edge turns codes into RFC 5321 §4.2 with the
 * enhanced codes of RFC 3463. The texts are ours alone: nothing a client sent is in them, and the detail of
 * a refusal, which may hold such, goes to the log.
 */
import { Refusal, type RefusalCode } from '../../src/refusal.ts'

/** 4yz: the client keeps the message and tries again; 5yz: its person has to do something. */
export type Reply = readonly [code: number, enhanced: string, text: string]

const notFromClients = (text: string): Reply => [554, '5.3.0', text]

export const replies: Record<RefusalCode, Reply> = {
  'address-malformed': [553, '5.1.3', 'That is no mail address; write it as name@domain'],
  'address-unknown': [550, '5.1.2', 'Nobody in the web knows this address; check the spelling, or ask them to join'],
  'mailbox-missing': [550, '5.1.1', 'No such user here; check the spelling'],
  'sender-not-yours': [553, '5.7.1', 'That sender address is not of the account you logged in to; choose your own'],
  'message-malformed': [554, '5.6.0', 'The message is malformed; have your program write it anew'],
  'message-too-large': [
    552,
    '5.3.4',
    'The message is larger than this gateway takes; send less, or a link to the file',
  ],
  'message-loops': [554, '5.4.6', 'The message has gone in circles: more than 50 Received lines; stop the forwarding'],
  'too-many-recipients': [452, '4.5.3', 'Too many recipients for one message; send the rest in another'],
  'sender-slowed': [
    450,
    '4.7.1',
    'Several people have complained about your mail, so only a few messages an hour are taken; the letter in your INBOX says more',
  ],
  'sender-stopped': [
    550,
    '5.7.1',
    'Many people have complained about your mail, so none is taken for now; ask the administrator of your gateway',
  ],
  'rate-limited': [450, '4.7.1', 'That was much mail in a short time; go on in a while'],
  'login-failed': [
    535,
    '5.7.8',
    'The address or the password is wrong; log in with the whole address and a password for mail clients',
  ],
  'login-throttled': [454, '4.7.0', 'Too many wrong passwords from here; check the password and try again later'],
  'mailbox-full': [452, '4.2.2', 'The mailbox is full; somebody has to delete mail first'],
  'disk-full': [452, '4.3.1', 'The disk of this gateway is full; its administrator has to make room'],
  stopping: [421, '4.3.2', 'The gateway is stopping; try again in a minute'],

  // What neighbours are told. A mail client gets one of these only if its own message can't be taken.
  'record-malformed': notFromClients('A record of the web is malformed; tell the administrator'),
  'record-type': notFromClients('A record of the web is of the wrong kind; tell the administrator'),
  'record-version': notFromClients('A record of the web is of another version; tell the administrator'),
  'record-too-large': notFromClients('A record of the web is too large; tell the administrator'),
  'net-mismatch': notFromClients('A record is of another web; tell the administrator'),
  'signature-wrong': [554, '5.7.7', 'A signature in the web does not hold; tell the administrator'],
  'agent-mismatch': [554, '5.7.7', 'A record is signed by the wrong gateway; tell the administrator'],
  'link-unknown': [550, '5.7.1', 'The gateway on the way is no neighbour of this one; tell the administrator'],
  'reach-outdated': [451, '4.4.4', 'A gateway on the way has moved; try again later'],
  'link-revoked': [550, '5.7.1', 'The gateway on the way is no neighbour any more; tell the administrator'],
  'link-suspended': [450, '4.7.1', 'The gateway on the way is suspended for unwanted mail; tell the administrator'],
  'no-credit': [450, '4.7.1', 'Too much mail to strangers is still unread; try again later'],
  'strangers-full': [550, '5.7.1', 'Too many new people of this gateway wrote there; let the recipient write first'],
  'permit-ended': [550, '5.7.1', 'The recipient does not know the sender any more; send it again'],
  'link-unproven': [451, '4.7.1', 'The gateway on the way did not prove itself; try again later'],
  'link-diverged': [451, '4.7.1', 'The link to the gateway on the way is frozen; tell the administrator'],
  'link-frozen': [451, '4.7.1', 'The link to the gateway on the way rests; try again later'],
  'rekey-invalid': [550, '5.7.1', 'The gateway on the way could not begin anew; tell the administrator'],
  'agent-revoked': [451, '4.7.1', 'The key of the gateway on the way was stolen; it is tried another way'],
  'too-many-streams': [451, '4.4.5', 'The way is crowded; try again in a while'],
  'envelope-expired': [554, '5.4.7', 'The time to deliver this message is over; send it again'],
  'payload-mismatch': [451, '4.3.0', 'The message was damaged on the way; try again'],
  'payload-too-large': [552, '5.3.4', 'The message is larger than the next gateway takes; send less'],
  'chain-broken': [554, '5.7.7', 'The record of the way does not hold; tell the administrator'],
  'path-loops': [554, '5.4.6', 'The way to the recipient leads in circles; tell the administrator'],
  'report-foreign': notFromClients('A report is not about a message of ours; tell the administrator'),
  'custody-full': [452, '4.3.1', 'Too much mail is under way here; try again in a while'],

  'complaint-unknown': notFromClients('Nothing is remembered of the message complained about'),
  'complaint-foreign': notFromClients('Only the recipient complains, the way the message came'),
  'complaint-late': notFromClients('It is too late to complain about this message'),

  'no-route': [450, '4.4.4', 'No way to the recipient is known just now; try again in a while'],
  'entity-unknown': [550, '5.1.1', 'The recipient is not here any more; ask for a new address'],
  'seal-broken': [554, '5.7.5', 'The message could not be opened; tell the administrator'],
  'sender-unverified': [554, '5.7.5', 'It is not proven who sent this; tell the administrator'],
  'card-invalid': [554, '5.7.5', 'The card of the recipient does not hold; ask them to have their gateway checked'],
  'card-conflict': [550, '5.7.5', 'Two keys claim this address; compare fingerprints and trust one of them'],
  expired: [554, '5.4.7', 'The time to deliver this message is over; send it again'],
  'store-refused': [554, '5.2.0', "The server that keeps the recipient's mail does not take it; ask them"],
  'given-up': [554, '5.7.0', 'The administrator took this message out of the queue'],

  'knock-refused': [550, '5.7.1', 'The owner of that gateway does not want the link'],
  'knocks-full': [450, '4.7.1', 'Too many wait to become neighbours; try again later'],
  'pair-refused': [550, '5.7.1', 'The other side wants no direct link'],
  'invitation-unknown': [550, '5.7.1', 'No such invitation; ask for a new one'],
  'invitation-expired': [550, '5.7.1', 'The invitation is too old; ask for a new one'],
  'invitation-used': [550, '5.7.1', 'The invitation was used before; ask for a new one'],
}

/** A reply as smtp-server takes it. The message begins with the enhanced code, which `Connection.send` knows. */
export class ReplyError extends Error {
  override readonly name = 'ReplyError'
  readonly responseCode: number
  /** Absent where only the command was wrong. */
  readonly code: RefusalCode | undefined

  constructor([responseCode, enhanced, text]: Reply, code?: RefusalCode) {
    super(`${enhanced} ${text}`)
    this.responseCode = responseCode
    this.code = code
  }
}

/** @param text where this edge can say more precisely what to do; never with anything in it that a client sent */
export const refused = (code: RefusalCode, text?: string): ReplyError => {
  const [responseCode, enhanced, usual] = replies[code]
  return new ReplyError([responseCode, enhanced, text ?? usual], code)
}

/** What to answer when something was thrown. A fault is not the client's: it may try again. */
export const asReply = (error: unknown): ReplyError => {
  if (error instanceof ReplyError) return error
  if (error instanceof Refusal) return refused(error.code)
  return new ReplyError([451, '4.3.0', 'Something failed in this gateway; nothing was kept, please try again'])
}
