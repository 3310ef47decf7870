/** Reads ENVELOPE and BODYSTRUCTURE texts back, strictly by the grammar of RFC 3501 §9: what a client would make of them. */

export type Value = string | number | null | Value[]

/** @throws where the text is not exactly one value */
export const readBack = (text: string): Value => {
  let at = 0
  const fail = (what: string): never => {
    throw new Error(`${what} at ${at} in ${JSON.stringify(text.slice(Math.max(0, at - 40), at + 40))}`)
  }
  const value = (): Value => {
    const rest = text.slice(at, at + 24)
    if (rest[0] === '(') return list()
    if (rest[0] === '"') return quoted()
    if (rest[0] === '{') return literal()
    if (rest.startsWith('NIL')) {
      at += 3
      return null
    }
    const digits = /^\d+/.exec(rest)?.[0] ?? fail('no value')
    at += digits.length
    return Number(digits)
  }
  const list = (): Value[] => {
    const items: Value[] = []
    for (at++; text[at] !== ')'; ) {
      // Addresses and parts stand side by side, everything else has one blank between.
      if (text[at] === ' ' && items.length > 0) at++
      else if (items.length > 0 && text[at] !== '(') fail('no blank')
      items.push(value())
    }
    at++
    return items
  }
  const quoted = (): string => {
    const match = /^"((?:[^"\\\r\n\0\x80-\xff]|\\["\\])*)"/.exec(text.slice(at)) ?? fail('no quoted string')
    at += match[0].length
    return (match[1] ?? '').replace(/\\(.)/g, '$1')
  }
  const literal = (): string => {
    const match = /^\{(\d+)\}\r\n/.exec(text.slice(at, at + 24)) ?? fail('no literal')
    const from = at + match[0].length
    at = from + Number(match[1])
    const bytes = text.slice(from, at)
    return bytes.length === Number(match[1]) && !bytes.includes('\0') ? bytes : fail('a literal too short or with NUL')
  }
  const whole = value()
  return at === text.length ? whole : fail('something follows')
}
