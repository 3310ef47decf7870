/**
 * What a client can switch on with ENABLE, and what else it has thereby switched on. RFC 5161, RFC 9051 §6.3.1,
 * RFC 6855.
 *
 * An extension not listed here needs no switch: it is there for whoever uses it.
 */
export type Extension = 'IMAP4rev2' | 'UTF8=ACCEPT'

/** By the name in upper case. */
export const extensions: ReadonlyMap<string, readonly Extension[]> = new Map([
  ['IMAP4REV2', ['IMAP4rev2']],
  ['UTF8=ACCEPT', ['UTF8=ACCEPT']],
])
