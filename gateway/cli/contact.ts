/** `vouchsafe contact`: what a person here thinks of others. */
import type { Command } from 'commander'
import { act, noun, perform, UsageError, verb } from './context.ts'
import { clock, facts, table } from './layout.ts'
import { askYes, isInteractive } from './prompt.ts'

type As = { as?: string }

export const contactCommands = (root: Command): void =>
  noun(root, 'contact', 'correspondents', [add, list, trust, untrust, category, forget])

/** Whose contact it is, said again in what to do next. */
const still = (as: string | undefined): string => (as === undefined ? '' : ` --as ${as}`)

const withAccount = (command: Command): Command =>
  command.option('--as <account>', 'whose contact it is (may be left out with a single account)')

const add = (contact: Command): void =>
  act<As>(
    withAccount(verb(contact, 'add', 'let somebody’s mail into INBOX from the first one')).argument('<address>'),
    async (context, [address = ''], { as }) => {
      const one = await perform(context, 'contact.add', { address, as })
      return {
        result: one,
        text: facts({ contact: one.address, entity: one.entity, words: one.words, trust: one.trust }),
        next: [`compare the six words with ${one.address}, then: vouchsafe contact trust ${one.address}${still(as)}`],
      }
    },
  )

const list = (contact: Command): void => {
  const command = withAccount(verb(contact, 'list', 'all contacts of an account')).option(
    '--category <name>',
    'only those of this category',
  )
  act<As & { category?: string }>(command, async (context, _args, { as, category }) => {
    const contacts = await perform(context, 'contact.list', { as, category })
    const none = category === undefined ? 'No contacts yet: whoever you write to becomes one.' : 'None.'
    if (contacts.length === 0) return { result: contacts, text: none }
    const rows = contacts.map((one) => [one.address, one.trust, clock(one.since), one.categories.join(', '), one.words])
    const claims = contacts.flatMap(({ address, rival }) =>
      rival ? [`Another key claims ${address}: "${rival.words}", since ${clock(rival.since)}.`] : [],
    )
    return {
      result: contacts,
      text: [table(['address', 'trust', 'since', 'categories', 'words'], rows), ...claims].join('\n'),
      ...(claims.length > 0 && {
        next: [`ask them which words are theirs, then: vouchsafe contact trust ADDRESS${still(as)}`],
      }),
    }
  })
}

const trust = (contact: Command): void => {
  const command = withAccount(verb(contact, 'trust', 'say that you have compared the six words'))
    .argument('<address>')
    .option('--words <words>', 'the six words, as the other person read them out')
  act<As & { words?: string }>(command, async (context, [address = ''], { as, words }) => {
    const compared = words ?? (await compare(context, address))
    const one = await perform(context, 'contact.trust', { address, words: compared, as })
    return { result: one, text: `${one.address} is trusted: you have compared the key.` }
  })
}

const untrust = (contact: Command): void =>
  act<As>(
    withAccount(verb(contact, 'untrust', 'let somebody’s mail go to Requests again')).argument('<address>'),
    async (context, [address = ''], { as }) => {
      const one = await perform(context, 'contact.untrust', { address, as })
      return {
        result: one,
        text: `${one.address} is not trusted any more: mail from there goes to Requests.`,
        next: [`to take it back: vouchsafe contact add ${one.address}${still(as)}`],
      }
    },
  )

const category = (contact: Command): void => {
  const command = withAccount(verb(contact, 'category', 'put a contact into categories: friend, family, co-worker …'))
    .argument('<address>')
    .argument('[category...]')
    .option('--remove <category...>', 'take it out of these')
  act<As & { remove?: string[] }>(command, async (context, [address = '', ...add], { as, remove = [] }) => {
    const one = await perform(context, 'contact.category', { address, add, remove, as })
    return { result: one, text: `${one.address}: ${one.categories.join(', ') || 'in no category'}` }
  })
}

const forget = (contact: Command): void =>
  act(
    verb(contact, 'forget', 'forget the key known for an address: the next mail to it searches afresh').argument(
      '<address>',
    ),
    async (context, [address = '']) => {
      const gone = await perform(context, 'contact.forget', { address })
      return {
        result: gone,
        text: `The key known for ${gone.address} is forgotten.`,
        next: [`send the message again, then compare: vouchsafe contact trust ${gone.address}`],
      }
    },
  )

const compare = async (context: Parameters<typeof perform>[0], address: string): Promise<string> => {
  if (!isInteractive()) throw new UsageError('Give the words the other person read out: --words "…".')
  const { words, address: spelled } = await perform(context, 'contact.look', { address })
  process.stderr.write(`The key known here for ${spelled} reads:\n\n  ${words}\n\n`)
  if (await askYes('Does the other person see the same six words?')) return words
  throw new UsageError('Not trusted. If the words differ, somebody may be in between: ask them by another way.')
}
