/**
 * The subject that a conversation shares: "Re: [list] Fwd: lunch (fwd)" and "lunch" are of one. RFC 5256 §2.1.
 *
 *   blob    = "[" … "]" blanks             a list's tag
 *   refwd   = "re" / "fw" / "fwd", blanks, an optional blob, ":"
 *   leader  = any blobs and a refwd, or a blank
 *   trailer = "(fwd)", or a blank
 */

/** `isReply`: something was taken off that only replies and forwarded messages carry. */
type Base = { text: string; isReply: boolean }

/** No sender nests so deep on purpose; each round costs a walk over the subject. */
const ROUNDS_MAX = 100
/** RFC 5322 §2.1.1 bounds a line at 998; what is beyond this tells no conversation from another. */
const LENGTH_MAX = 2000

/** @param subject decoded */
export const baseSubject = (subject: string): Base => {
  let text = subject.slice(0, LENGTH_MAX).replace(/[ \t\r\n]+/g, ' ')
  let isReply = false
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const bare = withoutTrailers(text)
    const rest = withoutLeaders(bare.text)
    isReply ||= bare.isReply || rest.isReply
    const [, inside] = FORWARDED.exec(rest.text) ?? []
    text = inside ?? rest.text
    if (inside === undefined) break
    isReply = true
  }
  return { text, isReply }
}

const BLOB = String.raw`\[[^[\]]*\]\s*`
const LEADER = new RegExp(`^(?:${BLOB})*(?:re|fwd?) *(?:${BLOB})?:`, 'i')
/** Not all there is: a tag alone is the subject. */
const TAGS = new RegExp(`^(?:${BLOB})+(?=.)`, 's')
const TRAILER = /\(fwd\)$/i
const FORWARDED = /^\[fwd:(.*)\]$/is

const withoutTrailers = (text: string): Base => {
  let isReply = false
  for (let rest = text.trimEnd(); ; ) {
    const shorter = rest.replace(TRAILER, '').trimEnd()
    if (shorter === rest) return { text: rest, isReply }
    isReply = true
    rest = shorter
  }
}

const withoutLeaders = (text: string): Base => {
  let isReply = false
  for (let rest = text.trimStart(); ; ) {
    const shorter = rest.replace(LEADER, '').trimStart()
    // Tags may stand before a leader: where none is, none is behind them.
    if (shorter === rest) return { text: rest.replace(TAGS, ''), isReply }
    isReply = true
    rest = shorter
  }
}
