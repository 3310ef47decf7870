/**
 * What a client can switch on with ENABLE, and what else it has thereby switched on. RFC 5161, RFC 9051 §6.3.1,
 * RFC 6855, RFC 9586.
 *
 * An extension not listed here needs no switch: it is there for whoever uses it.
 */
export type Extension = 'IMAP4rev2' | 'UTF8=ACCEPT' | 'CONDSTORE' | 'QRESYNC' | 'UIDONLY'

/** By the name in upper case. */
export const extensions: ReadonlyMap<string, readonly Extension[]> = new Map<string, readonly Extension[]>([
  ['IMAP4REV2', ['IMAP4rev2']],
  ['UTF8=ACCEPT', ['UTF8=ACCEPT']],
  ['CONDSTORE', ['CONDSTORE']],
  // Who gets VANISHED gets MODSEQ, too: RFC 7162 §3.2.3.
  ['QRESYNC', ['QRESYNC', 'CONDSTORE']],
  ['UIDONLY', ['UIDONLY']],
])
