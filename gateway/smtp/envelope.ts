/**
 * What stands beside the addresses of MAIL and RCPT: size and coding (RFC 1870, 6152, 6531), TLS all the way (RFC 8689),
 * and what the sender wants to hear of the delivery (DSN, RFC 3461 §4).
 *
 * smtp-server has parsed the parameters, undone xtext, refused what is none (xtext.ts) and double ones, those without the value they
 * need, control characters, and wrong values of SIZE, BODY, RET and NOTIFY. It lets anything it doesn't know
 * pass; RFC 5321 §4.1.1.11 wants 555 there, so that nobody relies on what does not happen.
 */
import { domainToASCII } from 'node:url'
import type { SMTPServerAddress, SMTPServerSession } from 'smtp-server'
import { canonical, domainOf, localOf } from '../../src/address.ts'
import { deliverBy } from './deliver-by.ts'
import { holdUntil } from './hold.ts'
import { ReplyError } from './replies.ts'

type Notify = 'NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY'
/** `notify` is empty where the client did not say. `orcpt` is `addr-type;address`, decoded. */
export type Recipient = { address: string; notify: Notify[]; orcpt?: string }

const ENVID_MAX = 100 // RFC 3461 §4.4
const ORCPT_MAX = 500 // §4.2
/** AUTH says for whom a trusted peer submits (RFC 4954 §5); we trust none of that, and must take it. */
const mailParameters = new Set([
  'SIZE',
  'BODY',
  'SMTPUTF8',
  'RET',
  'ENVID',
  'AUTH',
  'REQUIRETLS',
  'HOLDFOR',
  'HOLDUNTIL',
  'BY',
])
const rcptParameters = new Set(['NOTIFY', 'ORCPT'])

/** @throws ReplyError */
export const checkMail = ({ address, args }: SMTPServerAddress, session: SMTPServerSession): string => {
  refuseUnknown(args, mailParameters)
  const envid = args ? args.ENVID : undefined
  if (typeof envid === 'string' && !isPrintable(envid, ENVID_MAX))
    throw new ReplyError([501, '5.5.4', `ENVID takes at most ${ENVID_MAX} printable characters`])
  holdUntil(args, Date.now())
  deliverBy(args, Date.now())
  refuseWithoutUtf8(address, session)
  return canonical(address)
}

/** @throws ReplyError */
export const checkRcpt = ({ address, args }: SMTPServerAddress, session: SMTPServerSession, domain: string): string => {
  refuseUnknown(args, rcptParameters)
  const orcpt = args ? args.ORCPT : undefined
  if (typeof orcpt === 'string' && !isPrintable(orcpt, ORCPT_MAX) && !isUtf8Orcpt(orcpt, session))
    throw new ReplyError([501, '5.5.4', `ORCPT takes at most ${ORCPT_MAX} printable characters`])
  refuseWithoutUtf8(address, session)
  // RFC 5321 §4.1.1.3: the one name that needs no domain
  return canonical(address.includes('@') ? address : `${address}@${domain}`)
}

/**
 * An address as it may be known: smtp-server turns A-labels into U-labels, and nobody can tell any more which was
 * meant (`xn--kln-sna.test` and `köln.test` are one domain). The form at hand comes first.
 */
export const spellings = (address: string): string[] => {
  const domain = domainOf(address)
  const ascii = /^[\x20-\x7e]*$/.test(domain) ? '' : domainToASCII(domain)
  return ascii === '' ? [address] : [address, `${localOf(address)}@${ascii}`]
}

/** The recipients as accepted, each address once: of two spellings of one address the later counts. */
export const recipientsOf = (session: SMTPServerSession): Recipient[] => {
  const found = new Map<string, Recipient>()
  for (const { address, dsn } of session.envelope.rcptTo) {
    const notify = [...new Set((dsn?.notify ?? []).map((word) => word.toUpperCase() as Notify))]
    found.set(address, { address, notify, ...(dsn?.orcpt !== undefined && { orcpt: dsn.orcpt }) })
  }
  return [...found.values()]
}

const refuseUnknown = (args: SMTPServerAddress['args'], known: ReadonlySet<string>): void => {
  for (const name in args || {})
    if (!known.has(name)) throw new ReplyError([555, '5.5.4', 'A parameter of this command is not known here'])
}

/** RFC 6531 §3.4. Only the local part tells, see `spellings`. */
const refuseWithoutUtf8 = (address: string, { envelope }: SMTPServerSession): void => {
  const isAscii = /^[\x20-\x7e]*$/.test(localOf(address))
  if (!isAscii && !envelope.smtpUtf8)
    throw new ReplyError([553, '5.6.7', 'An address beyond ASCII needs SMTPUTF8 in the MAIL command'])
}

const isPrintable = (text: string, max: number): boolean => text.length <= max && /^[ -~]*$/.test(text)

/** RFC 6533 §3 */
const isUtf8Orcpt = (orcpt: string, { envelope }: SMTPServerSession): boolean =>
  envelope.smtpUtf8 === true && /^utf-8;/i.test(orcpt) && orcpt.length <= ORCPT_MAX
