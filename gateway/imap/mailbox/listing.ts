/**
 * Which names a LIST answers with, and what it says of each. RFC 5258.
 *
 * A name is selected if it is what the selection options ask for; with RECURSIVEMATCH its ancestors are told for its
 * sake, with CHILDINFO. Names that are subscribed but gone are told as \NonExistent where subscriptions are asked
 * for. Pure: mailboxes and names in, lines' contents out, by name. Generators pause (src/mail/ranks.ts): patterns may
 * be many.
 */
import type { Folder } from './folders.ts'
import { matcher } from './pattern.ts'

/** No option: everything there is. REMOTE adds nothing: there are no mailboxes elsewhere. */
export type Selection = { subscribed: boolean; special: boolean; recursive: boolean }

export type Listed = {
  name: string
  attributes: string[]
  /** The selection options that something below it meets. RFC 5258 §3.5. */
  childInfo: string[]
  /** Absent for a name of which only the subscription is left, and for one told for the sake of those below it. */
  mailbox?: Folder
}

export function* listing(
  mailboxes: readonly Folder[],
  lost: readonly string[],
  patterns: readonly string[],
  selection: Selection,
  tellsSubscribed: boolean,
): Generator<void, Listed[]> {
  const parents = parentsOf(mailboxes.map(({ name }) => name))
  const known = new Map(mailboxes.map((mailbox) => [mailbox.name, mailbox]))
  const gone = new Set(selection.subscribed ? lost : [])
  const isSelected = (name: string): boolean => {
    const mailbox = known.get(name)
    if (selection.subscribed && !(mailbox?.subscribed ?? gone.has(name))) return false
    return !selection.special || (mailbox !== undefined && mailbox.specialUse !== null)
  }
  const selected = new Set([...known.keys(), ...gone].filter(isSelected))
  const above = selection.recursive ? parentsOf(selected) : new Set<string>()
  const criteria = [...(selection.subscribed ? ['SUBSCRIBED'] : []), ...(selection.special ? ['SPECIAL-USE'] : [])]
  const names = yield* matching(new Set([...selected, ...above]), patterns)
  return names.sort(byCodePoint).map((name) => {
    const mailbox = known.get(name)
    const isSubscribed = mailbox?.subscribed ?? gone.has(name)
    const attributes = [parents.has(name) ? '\\HasChildren' : '\\HasNoChildren']
    if (!mailbox) attributes.unshift('\\NonExistent')
    if ((tellsSubscribed || selection.subscribed) && isSubscribed) attributes.push('\\Subscribed')
    if (mailbox && mailbox.specialUse !== null) attributes.push(mailbox.specialUse)
    return {
      name,
      attributes,
      childInfo: above.has(name) ? criteria : [],
      ...(mailbox && selected.has(name) && { mailbox }),
    }
  })
}

/** The names that one of the patterns means. */
export function* matching(names: Iterable<string>, patterns: readonly string[]): Generator<void, string[]> {
  const matchers = patterns.map(matcher)
  const found: string[] = []
  for (const name of names) {
    for (const matches of matchers) {
      yield
      if (!matches(name)) continue
      found.push(name)
      break
    }
  }
  return found
}

/** Every name that has one below it. */
export const parentsOf = (names: Iterable<string>): Set<string> => {
  const parents = new Set<string>()
  for (const name of names)
    for (let slash = name.indexOf('/'); slash > 0; slash = name.indexOf('/', slash + 1))
      parents.add(name.slice(0, slash))
  return parents
}

/** As the store sorts. */
const byCodePoint = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
