/** `vouchsafe link`: neighbours without an invitation. */
import type { Command } from 'commander'
import { act, perform, type ResultOf, type Shown, verb } from './context.ts'
import { describe } from './neighbour.ts'

export const knock = (link: Command): void => {
  const command = verb(link, 'knock', 'ask the gateway at an address to become a neighbour; its owner decides')
    .argument('<host:port>')
    .option('--say <text>', 'what its owner should know of you')
  act<{ say?: string }>(command, async (context, [address = ''], { say }) => {
    const one = await perform(context, 'link.knock', { address, note: say })
    return told(one, [
      'tell its owner your own six words (vouchsafe status), by another way, and compare theirs with those above',
      'the gateway asks again by itself for a week; vouchsafe link list shows what came of it',
    ])
  })
}

export const approve = (link: Command): void =>
  act(
    verb(link, 'approve', 'let somebody who knocked become a neighbour').argument(
      '<neighbour>',
      'name, agent id, its first letters, or words',
    ),
    async (context, [neighbour = '']) => {
      const one = await perform(context, 'link.approve', { neighbour })
      return told(one, ['compare the six words with those its owner sees there: vouchsafe status'])
    },
  )

export const refuse = (link: Command): void =>
  act(
    verb(link, 'refuse', 'turn somebody who knocked away, or take a knock of your own back').argument('<neighbour>'),
    async (context, [neighbour = '']) => {
      const one = await perform(context, 'link.refuse', { neighbour })
      const isGuest = one.state === 'pending'
      return {
        result: one,
        text: isGuest ? `${one.name} is refused.` : `${one.name || one.words} is asked no more.`,
        ...(isGuest && { next: ['to think again within a week: vouchsafe link approve'] }),
      }
    },
  )

export const add = (link: Command): void => {
  const command = verb(link, 'add', 'become neighbours by fingerprint: both owners do this, in either order')
    .requiredOption('--fingerprint <words>', 'the other gateway’s six words or its agent id, as its owner told you')
    .argument('[host:port]', 'where it can be dialled; one of the two must be')
  act<{ fingerprint: string }>(command, async (context, [address], { fingerprint }) => {
    const one = await perform(context, 'link.add', { fingerprint, address })
    return told(one, ['its owner does the same with your words (vouchsafe status); the gateways find each other then'])
  })
}

export const pair = (link: Command): void => {
  const command = verb(link, 'pair', 'get a direct link with a gateway that you reach through others')
    .argument('<address>', 'of somebody there, or their entity id; they must have compared words with you')
    .option('--as <account>', 'who of you writes to them (may be left out with a single account)')
  act<{ as?: string }>(command, async (context, [address = ''], { as }) => {
    const one = await perform(context, 'link.pair', { with: address, as })
    return told(one, [
      'a sealed letter is on its way, and the answer comes by itself; vouchsafe link list shows what came of it',
      'if it is refused, the one you write to trusts you first, with your six words, there: vouchsafe contact trust',
    ])
  })
}

/** A neighbour already, or somebody who is asked. */
const told = (one: ResultOf<'link.knock'>, next: string[]): Shown =>
  'limit' in one
    ? { result: one, text: `You and ${one.name} are neighbours now.\n\n${describe(one)}` }
    : { result: one, text: describe(one), next }
