/**
 * Mailbox names on the wire: modified UTF-7. RFC 3501 §5.1.3.
 *
 * Printable ASCII is itself, `&` is `&-`, everything else is UTF-16 in base64 with `,` for `/`, between `&` and `-`.
 * Only the one right spelling of a name is read: a name with two spellings would be two mailboxes to a client.
 */
const printable = /^[\x20-\x7e]*$/
const loneSurrogate = /\p{Surrogate}/u

export const encodeName = (name: string): string =>
  name.replace(/&|[^\x20-\x7e]+/g, (run) => (run === '&' ? '&-' : `&${toBase64(run)}-`))

/** Undefined when the text is not modified UTF-7 as `encodeName` writes it. */
export const decodeName = (text: string): string | undefined => {
  if (!printable.test(text)) return undefined
  const name = text.replace(/&([A-Za-z0-9+,]*)-/g, (_, run: string) => (run === '' ? '&' : fromBase64(run)))
  return encodeName(name) === text && !loneSurrogate.test(name) ? name : undefined
}

const toBase64 = (run: string): string =>
  Buffer.from(run, 'utf16le').swap16().toString('base64').replace(/=+$/, '').replaceAll('/', ',')

const fromBase64 = (run: string): string => {
  const bytes = Buffer.from(run.replaceAll(',', '/'), 'base64')
  return bytes.length % 2 === 0 ? bytes.swap16().toString('utf16le') : '\ufffd'
}
