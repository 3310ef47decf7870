/**
 * A message's header as fields, in order. RFC 5322 §2.2.
 *
 * Header text is held as `latin1`: one character is one byte, whatever the
 * charset, so that nothing is lost by reading it. `decodeText` in words.ts turns
 * such a value into what a person reads.
 */

/** One field: its name as spelled, and its raw value, folds included, without the last line end. */
export type Field = readonly [name: string, value: string]

/** Where a field stands in the header's text: `[from, to)` with its last line end, the value from `colon + 1` to `end`. */
export type Span = { name: string; from: number; colon: number; end: number; to: number }

/**
 * Splits a header into its fields.
 *
 * @returns the fields, and how many lines were none
 */
export const parseHeader = (header: Buffer): { fields: Field[]; skipped: number } => {
  const text = header.toString('latin1')
  const spans = findFields(text)
  const fields: Field[] = []
  for (const { name, colon, end } of spans) if (name !== '') fields.push([name, text.slice(colon + 1, end)])
  return { fields, skipped: spans.length - fields.length }
}

/**
 * Finds the fields of a header, in order, up to the first empty line.
 *
 * A line that is neither a field nor a continuation has no name: a mailbox's
 * `From ` line, or rubbish. It does not end the header.
 */
export const findFields = (text: string): Span[] => {
  const spans: Span[] = []
  let colon = text.indexOf(':') // the next one, looked for once: lines without any may be many
  for (let from = 0; from < text.length; ) {
    const to = fieldEnd(text, from)
    const end = contentEnd(text, from, to)
    if (end === from) break
    if (colon >= 0 && colon < from) colon = text.indexOf(':', from)
    // RFC 5322 §4.5: white space before the colon is obsolete, and still a field.
    const name = colon < 0 || colon >= end || isBlank(text.charCodeAt(from)) ? '' : trim(text.slice(from, colon))
    spans.push({ name: ODD_NAME.test(name) ? '' : name, from, colon, end, to })
    from = to
  }
  return spans
}

/** Where a header ends, behind its empty line (the same as walk.ts finds); undefined where none has come. */
export const headerEnd = (start: Buffer): number | undefined => {
  const empty = /(?:^|\n)\r?\n/.exec(start.toString('latin1'))
  return empty ? empty.index + empty[0].length : undefined
}

/** The value as one line: folds undone (RFC 5322 §2.2.3), outer blanks gone. */
export const unfold = (value: string): string => trim(value.includes('\n') ? value.replace(/\r?\n/g, '') : value)

/** Without outer blanks. Not `String.trim`, to which the byte 0xa0 is a blank: it ends the `à` of UTF-8. */
export const trim = (text: string): string => {
  const ended = trimEnd(text)
  let from = 0
  while (from < ended.length && isBlank(ended.charCodeAt(from))) from++
  return from === 0 ? ended : ended.slice(from)
}

export const trimEnd = (text: string): string => {
  let to = text.length
  while (to > 0 && isBlank(text.charCodeAt(to - 1))) to--
  return to === text.length ? text : text.slice(0, to)
}

const isBlank = (code: number): boolean => code === SPACE || code === TAB || code === CR || code === LF

/** After the last line end of the field at `from`: where a line does not start with white space. */
const fieldEnd = (text: string, from: number): number => {
  for (let at = from; ; ) {
    const newline = text.indexOf('\n', at)
    if (newline < 0) return text.length
    const next = text.charCodeAt(newline + 1)
    // An empty first line is the end of the header, whatever follows it.
    const isEmpty = newline === from || (newline === from + 1 && text.charCodeAt(from) === CR)
    if (isEmpty || (next !== SPACE && next !== TAB)) return newline + 1
    at = newline + 1
  }
}

const contentEnd = (text: string, from: number, to: number): number => {
  let end = to
  if (end > from && text.charCodeAt(end - 1) === LF) end--
  if (end > from && text.charCodeAt(end - 1) === CR) end--
  return end
}

const ODD_NAME = /[ \t\r\n]/
const TAB = 9
const LF = 10
const CR = 13
const SPACE = 32
