/** `vouchsafe link`: neighbours. */
import { type Command, InvalidArgumentError } from 'commander'
import { MOST_LIMIT } from '../../src/credit/credit.ts'
import { sinceOf } from '../../src/link/standing.ts'
import { visible } from '../terminal.ts'
import { alerts, rekey } from './alert.ts'
import { act, type Context, noun, perform, UsageError, verb } from './context.ts'
import { accept, invitations, invite, uninvite } from './invite.ts'
import { add, approve, knock, pair, refuse } from './knock.ts'
import { clock, table } from './layout.ts'
import { describe, stateOf } from './neighbour.ts'
import { askYes, isInteractive } from './prompt.ts'
import { overruleCommand, whyCommand } from './why.ts'

export const linkCommands = (root: Command): void =>
  noun(root, 'link', 'neighbours', [
    ...[invite, accept, invitations, uninvite],
    ...[knock, approve, refuse, add, pair],
    ...[list, show, revoke, trust],
    ...[whyCommand, overruleCommand, alerts, rekey],
  ])

const list = (link: Command): void =>
  act(verb(link, 'list', 'all neighbours, and those who ask to be one'), async (context) => {
    const links = await perform(context, 'link.list', {})
    if (links.length === 0)
      return {
        result: links,
        text: 'No neighbours yet.',
        next: ['vouchsafe link invite, or vouchsafe link accept CODE'],
      }
    const rows = links.map((one) => [one.name, stateOf(one), clock(sinceOf(one)), one.agent || one.words])
    const waits = links.some(({ state }) => state === 'pending')
    const isDown = links.some((one) => 'limit' in one && one.state !== 'revoked' && !one.up)
    const next = [
      ...(waits ? ['who asks: vouchsafe link show NAME; then: vouchsafe link approve NAME, or refuse NAME'] : []),
      ...(isDown ? ['why one is not connected, and who can mend it: vouchsafe doctor'] : []),
    ]
    const failed = links.flatMap((one) =>
      'limit' in one && one.whyNot ? [`${one.name}, ${clock(one.whyNot.at)}: ${one.whyNot.why}`] : [],
    )
    return {
      result: links,
      text: [table(['name', 'state', 'since', 'agent'], rows), ...failed.map((line) => `\n${line}`)].join('\n'),
      ...(next.length > 0 && { next }),
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
  const command = verb(link, 'trust', 'say that you have compared the six words, or how much a neighbour may cost')
    .argument('<neighbour>', 'name, agent id, or its first letters')
    .option('--words <words>', 'the six words, as the neighbour’s owner read them out')
    .option(
      '--limit <number>',
      `how much unwanted mail it may cost before nothing more is taken from it: 1 to ${MOST_LIMIT}`,
      limitOf,
    )
  act<{ words?: string; limit?: number }>(command, async (context, [neighbour = ''], { words, limit }) => {
    const compared = words ?? (limit === undefined ? await compare(context, neighbour) : undefined)
    const one = await perform(context, 'link.trust', { neighbour, words: compared, limit })
    return {
      result: one,
      text: describe(one),
      next: ['the neighbour decides for itself how far it trusts you, there: vouchsafe link trust YOU'],
    }
  })
}

const limitOf = (value: string): number => {
  const limit = Number(value)
  if (Number.isInteger(limit) && limit >= 1 && limit <= MOST_LIMIT) return limit
  throw new InvalidArgumentError(`Give a whole number from 1 to ${MOST_LIMIT}.`)
}

const compare = async (context: Context, neighbour: string): Promise<string> => {
  if (!isInteractive()) throw new UsageError('Give the words its owner read out: --words "…"; or --limit.')
  const { name, words } = await perform(context, 'link.show', { neighbour })
  context.say(`The words of ${visible(name)} are:\n\n  ${words}\n`)
  if (await askYes('Does its owner see the same six words (there: vouchsafe status)?')) return words
  throw new UsageError('Not trusted. If the words differ, somebody may be in between: ask them by another way.')
}
