/**
 * BODY and BODYSTRUCTURE as text on the wire: RFC 3501 §7.4.2, RFC 9051 §7.5.2. Latin1, see imap-text.ts.
 *
 *   leaf       ("text" "plain" ("charset" "utf-8") id description "7bit" octets lines  md5 disposition language location)
 *   rfc822     ("message" "rfc822" params id description "7bit" octets envelope body lines  md5 …)
 *   multipart  (child child "mixed"  params disposition language location)
 *
 * What stands after the two blanks is extension data, in BODYSTRUCTURE only.
 */
import { nstring, string } from './imap-text.ts'
import { type Param, param } from './param.ts'
import type { Part } from './parsed.ts'

/** What the Content-* fields of one part say, as written there (latin1). */
export type Mime = {
  type: string
  subtype: string
  params: Param[]
  id: string | null
  description: string | null
  encoding: string
  md5: string | null
  disposition: { value: string; params: Param[] } | null
  language: string[]
  location: string | null
}

/** A part with all that its structure shows; `envelope` for the root of a message. */
export type Node = { part: Part; mime: Mime; envelope: string; children: Node[]; message: Node | null }

export const structureText = (node: Node, extended: boolean): string => {
  const { part, mime } = node
  if (part.type === 'multipart') return multipartText(node, extended)
  const size = part.end - part.bodyStart
  const isText = part.type === 'text'
  let out = `(${string(mime.type)} ${string(mime.subtype)} ${paramsText(mime.params, isText)}`
  out += ` ${nstring(mime.id)} ${nstring(mime.description)} ${string(mime.encoding)} ${size}`
  if (node.message) out += ` ${node.message.envelope} ${structureText(node.message, extended)} ${part.lines}`
  else if (isText) out += ` ${part.lines}`
  if (extended) out += ` ${nstring(mime.md5)} ${commonText(mime)}`
  return `${out})`
}

const multipartText = ({ mime, children }: Node, extended: boolean): string => {
  // The grammar wants at least one part. RFC 3501 §9, body-type-mpart.
  const parts =
    children.length === 0 ? nothing(extended) : children.map((child) => structureText(child, extended)).join('')
  const tail = extended ? ` ${paramsText(mime.params, false)} ${commonText(mime)}` : ''
  return `(${parts} ${string(mime.subtype)}${tail})`
}

const nothing = (extended: boolean): string =>
  `("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0${extended ? ' NIL NIL NIL NIL' : ''})`

const commonText = ({ disposition, language, location }: Mime): string => {
  const shown = disposition ? `(${string(disposition.value)} ${paramsText(disposition.params, false)})` : 'NIL'
  const spoken = language.length === 0 ? 'NIL' : `(${language.map(string).join(' ')})`
  return `${shown} ${spoken} ${nstring(location)}`
}

/** Text without a charset is us-ascii: RFC 2045 §5.2. */
const paramsText = (params: readonly Param[], isText: boolean): string => {
  const all = isText && param(params, 'charset') === undefined ? [...params, US_ASCII] : params
  return all.length === 0 ? 'NIL' : `(${all.map(([name, value]) => `${string(name)} ${string(value)}`).join(' ')})`
}

const US_ASCII: Param = ['charset', 'us-ascii']
