/**
 * A message as text to search in: transfer encodings and charsets undone.
 *
 * SEARCH BODY looks into `bodyText`, SEARCH TEXT also into `headerText` (RFC 3501 §6.4.4).
 * Markup is left as it is; attachments that are not text are not looked into.
 */
import { isUtf8 } from 'node:buffer'
import { findFields, unfold } from './header.ts'
import { param } from './param.ts'
import type { Part } from './parsed.ts'
import { decodeTransfer } from './transfer.ts'
import { decodeBytes, decodeText } from './words.ts'

/** Text, or the fields of a report (message/delivery-status, RFC 3464; message/disposition-notification, RFC 8098). */
const isText = ({ type }: Part): boolean => type === 'text' || type === 'message'

/** The leaves that hold text, in order, those of messages inside included. */
export const textParts = (part: Part): Part[] => {
  if (part.message) return textParts(part.message)
  return isText(part) ? [part] : part.children.flatMap(textParts)
}

/** @param content the bytes from `bodyStart` to `end` */
export const partText = (part: Part, content: Buffer): string => {
  const bytes = decodeTransfer(content, part.encoding)
  const charset = param(part.params, 'charset') ?? 'us-ascii'
  // What claims to be ASCII and is not, is nearly always UTF-8.
  return decodeBytes(bytes, /^(us-)?ascii$/i.test(charset) && isUtf8(bytes) ? 'utf-8' : charset)
}

/** All text below the header of `root`, headers of messages inside included. */
export const bodyText = (root: Part, message: Buffer): string =>
  textOf(root, message)
    .filter((text) => text !== '')
    .join('\n')

/** A header with its folds undone and its words decoded, a field a line. */
export const headerText = (header: Buffer): string => {
  const text = header.toString('latin1')
  return findFields(text)
    .map(({ from, end }) => decodeText(unfold(text.slice(from, end))))
    .join('\n')
}

const textOf = (part: Part, message: Buffer): string[] => {
  if (part.message) {
    const { start, bodyStart } = part.message
    return [headerText(message.subarray(start, bodyStart)), ...textOf(part.message, message)]
  }
  if (isText(part)) return [partText(part, message.subarray(part.bodyStart, part.end))]
  return part.children.flatMap((child) => textOf(child, message))
}
