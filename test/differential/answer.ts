/**
 * What a server answered, as values: two servers that write the same thing in other words give the same values.
 *
 *   "text" and {4}\r\ntext  → '"text'      a string, however it is written
 *   NIL                     → null
 *   FLAGS, 17, \Seen        → 'FLAGS', …   an atom, as it stands; BODY[HEADER.FIELDS (A B)]<0> is one
 *   (a b)                   → ['a', 'b']
 */
export type Value = string | null | Value[]

/** One untagged answer: `* 3 FETCH (…)` is { name: 'FETCH', number: 3, values: [[…]] }. */
export type Untagged = { name: string; number?: number; values: Value[]; line: string }

/** @param bytes everything up to the tagged line, which is left out */
export const untaggedOf = (bytes: Buffer): Untagged[] =>
  linesOf(bytes.toString('latin1'))
    .filter((line) => line.startsWith('* '))
    .map((line) => {
      const [, number, name = '', rest = ''] = /^\* (?:(\d+) )?(\S+) ?(.*)$/s.exec(line) ?? []
      const upper = name.toUpperCase()
      const isText = ['OK', 'NO', 'BAD', 'BYE', 'PREAUTH'].includes(upper)
      const values = isText ? [`[${codeOf(rest)}]`] : valuesOf(rest)
      return { name: upper, ...(number !== undefined && { number: Number(number) }), values, line }
    })

/** The response code in brackets, without what is random in it: `COPYUID V 1:2 3:4`; '' if there is none. */
export const codeOf = (text: string): string => {
  const code = /^(?:(?:OK|NO|BAD) )?\[([^\]]*)\]/.exec(text)?.[1] ?? ''
  return code.replace(/^(APPENDUID|COPYUID|UIDVALIDITY|HIGHESTMODSEQ) \d+/, '$1 V')
}

/** Lines without their CRLF, each with the literals that belong to it. */
const linesOf = (text: string): string[] => {
  const lines: string[] = []
  for (let at = 0; at < text.length; ) {
    const from = at
    for (;;) {
      const end = text.indexOf('\r\n', at)
      if (end < 0) throw new Error(`a line without end: ${text.slice(from, from + 200)}`)
      const literal = /\{(\d+)\}$/.exec(text.slice(Math.max(from, end - 24), end))
      at = end + 2
      if (!literal) break
      at += Number(literal[1])
    }
    lines.push(text.slice(from, at - 2))
  }
  return lines
}

/** All values of a line, in order. @throws where it is no line of IMAP */
const valuesOf = (text: string): Value[] => {
  let at = 0
  const fail = (why: string): never => {
    throw new Error(`${why} at ${at} in ${JSON.stringify(text.slice(0, 600))}`)
  }
  const quoted = (): Value => {
    const match = /"((?:[^"\\\r\n]|\\["\\])*)"/y
    match.lastIndex = at
    const found = match.exec(text) ?? fail('no quoted string')
    at = match.lastIndex
    return `"${(found[1] ?? '').replace(/\\(.)/g, '$1')}`
  }
  const literal = (): Value => {
    const match = /~?\{(\d+)\}\r\n/y
    match.lastIndex = at
    const found = match.exec(text) ?? fail('no literal')
    const from = match.lastIndex
    at = from + Number(found[1])
    return at > text.length ? fail('a literal too short') : `"${text.slice(from, at)}`
  }
  const atom = (): Value => {
    const match = /(?:BODY|BINARY)(?:\.SIZE)?\[[^\]]*\](?:<\d+>)?|[^\s()]+/iy
    match.lastIndex = at
    const found = match.exec(text) ?? fail('no atom')
    at = match.lastIndex
    return found[0].toUpperCase() === 'NIL' ? null : found[0]
  }
  const sequence = (isList: boolean): Value[] => {
    const values: Value[] = []
    for (;;) {
      while (text[at] === ' ') at++
      if (at >= text.length) return isList ? fail('an open list') : values
      const first = text[at]
      if (first === ')') {
        if (!isList) fail('a list that nobody opened')
        at++
        return values
      }
      if (first === '(') {
        at++
        values.push(sequence(true))
      } else if (first === '"') values.push(quoted())
      else if (first === '{' || text.startsWith('~{', at)) values.push(literal())
      else values.push(atom())
    }
  }
  return sequence(false)
}

/** FETCH's list as label → value; labels upper-case, names of header fields unquoted and in order. */
export const itemsOf = (list: Value): Map<string, Value> => {
  const items = new Map<string, Value>()
  if (!Array.isArray(list)) return items
  for (let i = 0; i + 1 < list.length; i += 2)
    items.set(String(list[i]).toUpperCase().replaceAll('"', ''), list[i + 1] ?? null)
  return items
}
