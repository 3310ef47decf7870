/** `vouchsafe doctor`: what is wrong, whose fault it is, and what to do. */
import type { Command } from 'commander'
import { act, perform, type ResultOf, verb } from './context.ts'
import { plural } from './layout.ts'

export const doctorCommand = (root: Command): void =>
  act(verb(root, 'doctor', 'what is wrong here or with neighbours, and on whose side'), async (context) => {
    const found = await perform(context, 'doctor', {}, (event) => {
      if (!context.json && 'step' in event) context.say(`${event.step} …`)
    })
    return {
      result: found,
      text: describe(found),
      failed: found.wrong > 0,
    }
  })

const describe = ({ findings, wrong }: ResultOf<'doctor'>): string =>
  [
    ...findings.map((one) => {
      const side = one.side && one.state !== 'ok' ? ` [${sides[one.side]}]` : ''
      const fix = one.fix && one.state !== 'ok' ? `\n        → ${one.fix}` : ''
      return `${marks[one.state]}  ${one.what}: ${one.detail}${side}${fix}`
    }),
    '',
    wrong === 0 ? 'Nothing is wrong.' : `${plural(wrong, 'thing')} to mend.`,
  ].join('\n')

const marks = { ok: 'ok   ', note: 'note ', wrong: 'WRONG' }
const sides = { ours: 'our side', theirs: 'their side', between: 'the network between' }
