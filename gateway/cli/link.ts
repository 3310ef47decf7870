/** `vouchsafe link`: neighbours. */
import type { Command } from 'commander'
import { MOST_LIMIT } from '../../src/credit/credit.ts'
import { act, perform, verb } from './context.ts'
import { invitationCommands } from './invite.ts'
import { knockCommands } from './knock.ts'
import { clock, table } from './layout.ts'
import { describe, stateOf } from './neighbour.ts'
import { whyCommand } from './why.ts'

export const linkCommands = (root: Command): void => {
  const link = root
    .command('link')
    .description('neighbours: invite, accept, knock, approve, refuse, add, pair, list, show, why, trust, revoke')
  invitationCommands(link)
  knockCommands(link)
  list(link)
  show(link)
  revoke(link)
  trust(link)
  whyCommand(link)
}

const list = (link: Command): void =>
  act(verb(link, 'list', 'all neighbours, and those who ask to be one'), async (context) => {
    const links = await perform(context, 'link.list', {})
    if (links.length === 0)
      return {
        result: links,
        text: 'No neighbours yet.',
        next: ['vouchsafe link invite, or vouchsafe link accept CODE'],
      }
    const rows = links.map((one) => [one.name, stateOf(one), clock(one.since), one.agent || one.words])
    const waits = links.some(({ state }) => state === 'pending')
    return {
      result: links,
      text: table(['name', 'state', 'since', 'agent'], rows),
      ...(waits && { next: ['who asks: vouchsafe link show NAME; then: vouchsafe link approve NAME, or refuse NAME'] }),
    }
  })

const show = (link: Command): void =>
  act(
    verb(link, 'show', 'one neighbour, or somebody who asks to be one').argument(
      '<neighbour>',
      'name, agent id, or its first letters',
    ),
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

const trust = (link: Command): void => {
  const command = verb(
    link,
    'trust',
    'how much unwanted mail a neighbour may cost before nothing more is taken from it',
  )
    .argument('<neighbour>', 'name, agent id, or its first letters')
    .requiredOption('--limit <number>', `messages to strangers that wait or were unwanted: 1 to ${MOST_LIMIT}`, Number)
  act<{ limit: number }>(command, async (context, [neighbour = ''], { limit }) => {
    const one = await perform(context, 'link.trust', { neighbour, limit })
    return {
      result: one,
      text: `${one.name} may cost ${one.limit} unwanted messages.`,
      next: ['the neighbour sets its own limit for you: vouchsafe link trust YOU --limit …'],
    }
  })
}
