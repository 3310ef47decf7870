/**
 * LIST and LSUB. RFC 3501 §6.3.8, §6.3.9; CHILDREN RFC 3348; SPECIAL-USE RFC 6154.
 *
 * list = "LIST" [SP "(" ["SPECIAL-USE"] ")"] SP mailbox SP pattern [SP "RETURN" SP "(" *option ")"]
 * option = "SPECIAL-USE" / "CHILDREN" / "SUBSCRIBED"
 *
 * Special uses and children are told always: they cost nothing, and few clients know to ask.
 */
import { list as all, type Mailbox } from '../../../store/mailbox.ts'
import { type Command, loggedIn, ok } from '../command.ts'
import { matcher } from '../pattern.ts'
import { fail, type Words } from '../wire/words.ts'
import { mailboxName } from '../wire/writer.ts'

type Args = { reference: string; pattern: string; onlySpecial: boolean; tellsSubscribed: boolean }

export const list: Command<Args> = {
  in: loggedIn,
  parse(words) {
    words.space()
    const selection = words.peek() === '(' ? options(words, ['SPECIAL-USE']) : undefined
    if (selection) words.space()
    const names = referenceAndPattern(words)
    const returns = words.trySpace() ? returnOptions(words) : []
    words.end()
    return {
      ...names,
      onlySpecial: selection !== undefined && selection.length > 0,
      tellsSubscribed: returns.includes('SUBSCRIBED'),
    }
  },

  async run({ edge, user, output, isUtf8 }, { reference, pattern, onlySpecial, tellsSubscribed }) {
    if (pattern === '') {
      output.line('* LIST (\\Noselect) "/" ""') // asks for the separator
      return ok('Listed')
    }
    const mailboxes = await all(edge.store.db, user.id)
    const matches = matcher(reference + pattern)
    const parents = parentsOf(mailboxes)
    for (const { name, specialUse, subscribed } of mailboxes) {
      if (!matches(name) || (onlySpecial && specialUse === null)) continue
      const attributes = [parents.has(name) ? '\\HasChildren' : '\\HasNoChildren']
      if (tellsSubscribed && subscribed) attributes.push('\\Subscribed')
      if (specialUse !== null) attributes.push(specialUse)
      output.line(`* LIST (${attributes.join(' ')}) "/" ${mailboxName(name, isUtf8)}`)
    }
    return ok('Listed')
  },
}

export const lsub: Command<Pick<Args, 'reference' | 'pattern'>> = {
  in: loggedIn,
  parse(words) {
    words.space()
    const names = referenceAndPattern(words)
    words.end()
    return names
  },

  async run({ edge, user, output, isUtf8 }, { reference, pattern }) {
    const subscribed = (await all(edge.store.db, user.id)).filter((mailbox) => mailbox.subscribed)
    const matches = matcher(reference + pattern)
    const told = new Set(subscribed.map(({ name }) => name))
    for (const name of told) if (matches(name)) output.line(`* LSUB () "/" ${mailboxName(name, isUtf8)}`)
    if (!pattern.endsWith('%')) return ok('Listed')
    // A parent that is not subscribed itself stands there for its children. RFC 3501 §6.3.9.
    for (const name of parentsOf(subscribed))
      if (matches(name) && !told.has(name)) output.line(`* LSUB (\\Noselect) "/" ${mailboxName(name, isUtf8)}`)
    return ok('Listed')
  },
}

const referenceAndPattern = (words: Words): { reference: string; pattern: string } => {
  const reference = words.mailbox()
  words.space()
  return { reference, pattern: words.listMailbox() }
}

const returnOptions = (words: Words): string[] => {
  if (words.keyword() !== 'RETURN') fail('RETURN was expected')
  words.space()
  return options(words, ['SPECIAL-USE', 'CHILDREN', 'SUBSCRIBED'])
}

const options = (words: Words, known: readonly string[]): string[] => {
  const given = words.list(() => words.keyword())
  return given.every((option) => known.includes(option)) ? given : fail('there is no such option')
}

/** Every name that has one below it. */
const parentsOf = (mailboxes: readonly Pick<Mailbox, 'name'>[]): Set<string> => {
  const parents = new Set<string>()
  for (const { name } of mailboxes)
    for (let slash = name.indexOf('/'); slash > 0; slash = name.indexOf('/', slash + 1))
      parents.add(name.slice(0, slash))
  return parents
}
