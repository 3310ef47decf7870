/**
 * LIST's patterns: `*` is anything, `%` anything within one level. RFC 3501 §6.3.8. INBOX is meant in any case (§5.1).
 *
 * Matched by keeping the set of places in the pattern that a prefix of the name may have reached, so no pattern takes
 * longer than its length times the name's: a backtracking match of `%*%*%*…` would never end.
 */
export const matcher = (pattern: string): ((name: string) => boolean) => {
  const parts = [
    ...pattern
      .normalize('NFC')
      .replace(/[*%]*\*[*%]*/g, '*')
      .replace(/%+/g, '%'),
  ]
  return (name) => {
    let places = skipWild(new Set([0]), parts)
    let isInbox = /^INBOX(?:$|\/)/.test(name)
    for (const char of name) {
      isInbox &&= char !== '/'
      const next = new Set<number>()
      for (const place of places) {
        const part = parts[place]
        if (part === '*' || (part === '%' && char !== '/')) next.add(place)
        else if (part === char || (isInbox && part?.toLowerCase() === char.toLowerCase())) next.add(place + 1)
      }
      places = skipWild(next, parts)
      if (places.size === 0) return false
    }
    return places.has(parts.length)
  }
}

/** A wildcard may stand for nothing. */
const skipWild = (places: Set<number>, parts: readonly string[]): Set<number> => {
  for (const place of places) if (parts[place] === '*' || parts[place] === '%') places.add(place + 1)
  return places
}
