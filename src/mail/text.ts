/**
 * A message as text to search in: transfer encodings and charsets undone.
 *
 * SEARCH BODY looks into texts and the headers of messages inside, SEARCH TEXT also into the message's own and those of
 * its parts, where files have their names (RFC 9051 §6.4.4).
 * Markup is left as it is; attachments that are not text are not looked into.
 */
import { isUtf8 } from 'node:buffer'
import { findFields, unfold } from './header.ts'
import { param, readableParams } from './param.ts'
import type { Part } from './parsed.ts'
import { decodeTransfer } from './transfer.ts'
import { decodeBytes, decodeText } from './words.ts'

/** Text, or the fields of a report (message/delivery-status, RFC 3464; message/disposition-notification, RFC 8098). */
const isText = ({ type }: Part): boolean => type === 'text' || type === 'message'

/** A stretch of a message that is text: a leaf (`part`), the header of a message inside, or that of a part (`isMime`). */
export type Piece = { start: number; end: number; part?: Part; isMime?: true }

/** All text below the header of `root`, in order. */
export const textPieces = (root: Part): Piece[] => {
  const { message } = root
  if (message) return [{ start: message.start, end: message.bodyStart }, ...textPieces(message)]
  if (isText(root)) return [{ start: root.bodyStart, end: root.end, part: root }]
  return root.children.flatMap((child) => [
    { start: child.start, end: child.bodyStart, isMime: true },
    ...textPieces(child),
  ])
}

/** The leaves among them. */
export const textParts = (root: Part): Part[] => textPieces(root).flatMap(({ part }) => part ?? [])

/** @param content its bytes */
export const pieceText = ({ part }: Piece, content: Buffer): string =>
  part ? partText(part, content) : headerText(content)

/** @param content the bytes from `bodyStart` to `end` */
export const partText = (part: Part, content: Buffer): string => {
  const bytes = decodeTransfer(content, part.encoding)
  const charset = param(part.params, 'charset') ?? 'us-ascii'
  // What claims to be ASCII and is not, is nearly always UTF-8.
  return decodeBytes(bytes, /^(us-)?ascii$/i.test(charset) && isUtf8(bytes) ? 'utf-8' : charset)
}

/** A header with its folds undone, its words and parameters decoded, a field a line. */
export const headerText = (header: Buffer): string => {
  const text = header.toString('latin1')
  return findFields(text)
    .map(({ name, from, end }) => {
      const line = unfold(text.slice(from, end))
      return decodeText(line) + readableParams(name, line.slice(line.indexOf(':') + 1))
    })
    .join('\n')
}
