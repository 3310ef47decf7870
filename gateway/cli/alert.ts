/** `vouchsafe link alerts` and `link rekey`: when a neighbour is not the one it was. */
import type { Command } from 'commander'
import { act, perform, verb } from './context.ts'
import { clock } from './layout.ts'

export const alertCommands = (link: Command): void => {
  alerts(link)
  rekey(link)
}

const alerts = (link: Command): void =>
  act(
    verb(link, 'alerts', 'frozen links, and what was found about neighbours').argument('[neighbour]'),
    async (context, [neighbour]) => {
      const found = await perform(context, 'link.alerts', { ...(neighbour && { neighbour }) })
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

const rekey = (link: Command): void =>
  act(
    verb(link, 'rekey', 'begin anew with a neighbour, or with all: this home was put back from a copy').argument(
      '[neighbour]',
    ),
    async (context, [neighbour]) => {
      const links = await perform(context, 'link.rekey', { ...(neighbour && { neighbour }) })
      return {
        result: links,
        text: `At the next connection ${links.map(({ name }) => name).join(', ') || 'nobody'} will be told, signed by the operator here.`,
        next: ['vouchsafe link list        # whether it is connected', 'their operator is told of it, and may ask you'],
      }
    },
  )
