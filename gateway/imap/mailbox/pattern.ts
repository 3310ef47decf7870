/**
 * LIST's patterns: `*` is anything, `%` anything within one level. RFC 3501 §6.3.8. INBOX is meant in any case (§5.1).
 *
 * Matched by keeping the set of places in the pattern that a prefix of the name may have reached, so no pattern takes
 * longer than its length times the name's: a backtracking match of `%*%*%*…` would never end.
 */
import { SPELLED_MAX } from '../../../store/mailbox.ts'

export const matcher = (pattern: string): ((name: string) => boolean) => {
  if (pattern.replace(/[*%]+/g, '').length > SPELLED_MAX) return () => false
  const parts = [
    ...pattern
      .normalize('NFC')
      .replace(/[*%]*\*[*%]*/g, '*')
      .replace(/%+/g, '%'),
  ]
  return (name) => {
    let places = added([], 0, parts)
    let isInbox = /^INBOX(?:$|\/)/.test(name)
    for (const char of name) {
      isInbox &&= char !== '/'
      const next: number[] = []
      for (const place of places) {
        const part = parts[place]
        if (part === '*' || (part === '%' && char !== '/')) added(next, place, parts)
        else if (part === char || (isInbox && part?.toLowerCase() === char.toLowerCase())) added(next, place + 1, parts)
      }
      places = next
      if (places.length === 0) return false
    }
    return places.at(-1) === parts.length
  }
}

/** Ascending, each once, for they come in their order. A wildcard may stand for nothing, and has none beside it. */
const added = (places: number[], place: number, parts: readonly string[]): number[] => {
  if (place <= (places.at(-1) ?? -1)) return places
  places.push(place)
  if (parts[place] === '*' || parts[place] === '%') places.push(place + 1)
  return places
}
