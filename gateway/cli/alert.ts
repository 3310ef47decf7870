/** `vouchsafe link alerts` and `link rekey`: when a neighbour is not the one it was. */
import type { Command } from 'commander'
import { act, type Context, perform, type Shown, UsageError, verb } from './context.ts'
import { clock } from './layout.ts'

export const alerts = (link: Command): void =>
  act(
    verb(link, 'alerts', 'frozen links, and what was found about neighbours').argument('[neighbour]'),
    async (context, [neighbour]) => {
      const found = await perform(context, 'link.alerts', { neighbour })
      const lines = found.alerts.map(({ at, what, text }) => `${clock(at)}  ${what}\n  ${text}`)
      return {
        result: found,
        text: lines.length === 0 ? 'Nothing was found.' : lines.join('\n\n'),
        ...(found.frozen.length > 0 && {
          next: [
            `frozen: ${found.frozen.join(', ')}. Ask its operator by telephone: was one of you put back from a copy?`,
            'that one runs: vouchsafe link rekey NEIGHBOUR',
            'if neither was, a home has been stolen: vouchsafe link revoke NEIGHBOUR, and pair again with a new home',
          ],
        }),
      }
    },
  )

export const rekey = (link: Command): void =>
  act<{ compromise?: true }>(
    verb(link, 'rekey', 'begin anew with a neighbour, or with all: this home was put back from a copy, or stolen')
      .argument('[neighbour]')
      .option('--compromise', 'somebody has the key of this gateway: it gets a new one, and the old one is revoked'),
    async (context, [neighbour], { compromise }) => {
      if (compromise && neighbour) throw new UsageError('A stolen key is stolen for all neighbours: name none.')
      return compromise ? renew(context) : beginAnew(context, neighbour)
    },
  )

const beginAnew = async (context: Context, neighbour: string | undefined): Promise<Shown> => {
  const links = await perform(context, 'link.rekey', { neighbour })
  return {
    result: links,
    text: `At the next connection ${links.map(({ name }) => name).join(', ') || 'nobody'} will be told, signed by the operator here.`,
    next: ['vouchsafe link list        # whether it is connected', 'their operator is told of it, and may ask you'],
  }
}

const renew = async (context: Context): Promise<Shown> => {
  const made = await perform(context, 'link.renew', {})
  return {
    result: made,
    text: `This gateway has a new key. Its words are: ${made.words}\n${made.neighbours.join(', ') || 'Nobody'} will be told, signed by the operator here; the old key is revoked everywhere.`,
    next: [
      'vouchsafe serve            # if it does not run: the neighbours are told when it does',
      'vouchsafe link list        # who has heard and is connected',
      'find out how the key got away, before the new one does; passwords and the keys of accounts may be gone, too',
    ],
  }
}
