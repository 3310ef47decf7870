/** `vouchsafe link`: neighbours. */
import { type Command, InvalidArgumentError } from 'commander'
import { act, perform, type ResultOf, verb } from './context.ts'
import { clock, facts, table } from './layout.ts'

export const linkCommands = (root: Command): void => {
  const link = root.command('link').description('neighbours: invite, accept, list, show, revoke')
  invite(link)
  accept(link)
  list(link)
  show(link)
  revoke(link)
}

const invite = (link: Command): void => {
  const command = verb(link, 'invite', 'make an invitation: a code that one neighbour can use once')
    .option('--hours <number>', 'how long it can be used', hoursOf, 72)
    .option('--address <host:port...>', 'where the neighbour shall dial (default: link.announce of the configuration)')
  act<{ hours: number; address?: string[] }>(command, async (context, _args, { hours, address }) => {
    const made = await perform(context, 'link.invite', { hours, ...(address && { addresses: address }) })
    return {
      result: made,
      text: [
        made.code,
        '',
        facts({ expires: clock(made.expires), dials: made.addresses.join(', '), words: made.words }),
      ].join('\n'),
      next: [
        'give the code to your neighbour, by mail or on paper; whoever has it can use it once',
        'the neighbour runs: vouchsafe link accept CODE',
        'compare the six words: the neighbour must see the same ones',
      ],
    }
  })
}

const accept = (link: Command): void => {
  const command = verb(link, 'accept', "accept a neighbour's invitation").argument(
    '<code...>',
    'as it was given, line breaks and all',
  )
  act(command, async (context, words) => {
    const made = await perform(context, 'link.accept', { code: words.join('') })
    return {
      result: made,
      text: `You and ${made.name} are neighbours now.\n\n${describe(made)}`,
      next: ['compare the six words with what the neighbour was shown at `link invite`'],
    }
  })
}

const list = (link: Command): void =>
  act(verb(link, 'list', 'all neighbours'), async (context) => {
    const links = await perform(context, 'link.list', {})
    if (links.length === 0)
      return {
        result: links,
        text: 'No neighbours yet.',
        next: ['vouchsafe link invite, or vouchsafe link accept CODE'],
      }
    const rows = links.map((one) => [one.name, stateOf(one), clock(one.since), one.agent])
    return { result: links, text: table(['name', 'state', 'since', 'agent'], rows) }
  })

const show = (link: Command): void =>
  act(
    verb(link, 'show', 'one neighbour').argument('<neighbour>', 'name, agent id, or its first letters'),
    async (context, [neighbour = '']) => {
      const one = await perform(context, 'link.show', { neighbour })
      return { result: one, text: describe(one) }
    },
  )

const revoke = (link: Command): void =>
  act(
    verb(link, 'revoke', 'part with a neighbour: nothing is taken from it or handed to it').argument('<neighbour>'),
    async (context, [neighbour = '']) => {
      const one = await perform(context, 'link.revoke', { neighbour })
      return { result: one, text: `${one.name} is no neighbour any more.`, next: ['to take it back, invite it again'] }
    },
  )

const describe = (one: ResultOf<'link.show'>): string =>
  facts({
    name: one.name,
    state: stateOf(one),
    since: clock(one.since),
    agent: one.agent,
    words: one.words,
    addresses: one.addresses.join(', ') || 'none: it dials us',
    limit: `${one.limit} unwanted`,
  })

const stateOf = (one: { state: string; up: boolean }): string =>
  one.state === 'revoked'
    ? one.state
    : `${one.state === 'active' ? '' : `${one.state}, `}${one.up ? '' : 'not '}connected`

const hoursOf = (value: string): number => {
  const hours = Number(value)
  if (hours > 0 && hours <= 24 * 365) return hours
  throw new InvalidArgumentError('Give a number of hours, at most 8760 (a year).')
}
