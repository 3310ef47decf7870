/** Message-IDs, RFC 5322 §3.6.4 and §4.5.4: `<left@right>`, the left side perhaps in quotes, blanks perhaps inside the brackets. */

/** All of a field, as written. */
export const idsIn = (value: string): string[] => (value.match(ID) ?? []).map(cut)

/** The first of a field, or what else it holds. */
export const idIn = (value: string | null): string | null => (value && (idsIn(value)[0] ?? cut(value))) || null

/** It stands in one line (RFC 5322 §2.1.1): of a longer one, which would fill the log and what is kept of a message, no more counts. */
const cut = (id: string): string => id.slice(0, LENGTH_MAX)
const LENGTH_MAX = 998

/**
 * For comparing: `<"abc"@x>` and `< abc@x >` are `<abc@x>`. RFC 5256 §3. A stray quote is as if it were closed at the
 * end: looked for from each quote anew, the other one would take minutes in a field that has thousands.
 */
export const normalId = (id: string): string =>
  UNUSUAL.test(id)
    ? id.replace(/"((?:[^"\\]|\\[\s\S]?)*)(?:"|$)|[ \t]/g, (_, quoted = '') => quoted.replace(/\\(.)/g, '$1'))
    : id

// No bracket in quotes either, or whoever opens many of them has each searched to the end.
// With a stray quote it is what stands between the brackets.
const ID = /<[ \t]*(?:[^<>" \t\r\n]|"(?:[^<>"\\\r\n]|\\[^<>\r\n])*")+[ \t]*>|<[^<> \t\r\n]+>/g
const UNUSUAL = /[" \t]/
