/**
 * Which mailboxes a client means without naming each. RFC 5465 §6, §8; RFC 7377 §2.2.
 *
 *   selected   inboxes   personal   subscribed   subtree NAMES   subtree-one NAMES   mailboxes NAMES
 *
 * NAMES is one name, or several in brackets; names of nobody mean nobody.
 */
import { canonicalName, type Mailbox } from '../../../store/mailbox.ts'
import { fail, type Words } from '../wire/words.ts'

export type Filter =
  | { is: 'selected' | 'inboxes' | 'personal' | 'subscribed' }
  | { is: 'subtree' | 'subtree-one' | 'mailboxes'; names: ReadonlySet<string> }

export const parseFilter = (words: Words): Filter => {
  const is = words.keyword().toLowerCase()
  switch (is) {
    case 'selected':
    case 'inboxes':
    case 'personal':
    case 'subscribed':
      return { is }
    case 'subtree':
    case 'subtree-one':
    case 'mailboxes': {
      words.space()
      const names = words.peek() === '(' ? words.list(() => words.mailbox()) : [words.mailbox()]
      if (names.length === 0) fail('a mailbox was expected')
      return { is, names: new Set(names.flatMap((name) => canonicalName(name) ?? [])) }
    }
    default:
      return fail('there is no such choice of mailboxes')
  }
}

/** Where the gateway delivers what comes. */
const INBOXES = ['INBOX', 'Requests']

/** @param selected the mailbox of the session, if it has one */
export const isMeant = (
  filter: Filter,
  { id, name, subscribed }: Pick<Mailbox, 'id' | 'name' | 'subscribed'>,
  selected: number | undefined,
): boolean => {
  switch (filter.is) {
    case 'selected':
      return id === selected
    case 'inboxes':
      return INBOXES.includes(name)
    case 'personal':
      return true // there are no others
    case 'subscribed':
      return subscribed
    case 'mailboxes':
      return filter.names.has(name)
    case 'subtree':
      return upwards(name).some((top) => filter.names.has(top))
    case 'subtree-one':
      return upwards(name)
        .slice(0, 2)
        .some((top) => filter.names.has(top))
  }
}

/** The name, its parent, and so on to the top: few, where a client may have named thousands. */
const upwards = (name: string): string[] => {
  const names = [name]
  for (let slash = name.lastIndexOf('/'); slash > 0; slash = name.lastIndexOf('/', slash - 1))
    names.push(name.slice(0, slash))
  return names
}
