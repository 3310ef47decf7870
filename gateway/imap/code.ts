/**
 * Every response code that is sent, and where it is defined. `test/dialogue/imap` shows each at least once.
 *
 * A code stands in brackets before the text of OK, NO and BYE; what belongs to it follows in the brackets.
 */
export const codes = [
  ...(['CAPABILITY', 'BADCHARSET', 'PERMANENTFLAGS', 'READ-ONLY', 'READ-WRITE'] as const), // RFC 3501 §7.1
  ...(['TRYCREATE', 'UIDNEXT', 'UIDVALIDITY', 'UNSEEN'] as const),
  ...(['APPENDUID', 'COPYUID'] as const), // RFC 4315 §3
  ...(['UNAVAILABLE', 'AUTHENTICATIONFAILED', 'AUTHORIZATIONFAILED', 'PRIVACYREQUIRED', 'NOPERM'] as const), // RFC 5530 §3
  ...([
    'EXPUNGEISSUED',
    'SERVERBUG',
    'CANNOT',
    'LIMIT',
    'OVERQUOTA',
    'ALREADYEXISTS',
    'NONEXISTENT',
    'CORRUPTION',
  ] as const),
  ...(['CLOSED', 'HIGHESTMODSEQ', 'MODIFIED'] as const), // RFC 7162 §7
  'BADURL', // RFC 4469 §4
  'TOOBIG', // RFC 4469 §4
  'UNKNOWN-CTE', // RFC 3516 §4.3
  'COMPRESSIONACTIVE', // RFC 4978 §3
  'NOUPDATE', // RFC 5267 §4.3.1
  'METADATA', // RFC 5464 §4.2.1, §4.3
  'BADEVENT', // RFC 5465 §5
  'NOTIFICATIONOVERFLOW', // RFC 5465 §5.8
  'UNDEFINED-FILTER', // RFC 5466 §3.1
  'USEATTR', // RFC 6154 §3
  'MAILBOXID', // RFC 8474 §4
  'HASCHILDREN', // RFC 9051 §7.1
  'INPROGRESS', // RFC 9585 §4
  'UIDREQUIRED', // RFC 9586 §3
] as const

type Name = (typeof codes)[number]
/** As it stands in the brackets. */
export type Code = Name | `${Name} ${string}`
