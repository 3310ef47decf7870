/** `vouchsafe status`: whether all is well, and what to type into a mail client. */
import type { Command } from 'commander'
import { act, perform, type ResultOf, verb } from './context.ts'
import { facts, plural, span } from './layout.ts'

export const statusCommand = (root: Command): void =>
  act(verb(root, 'status', 'whether all is well; servers and ports for mail clients'), async (context) => {
    const found = await perform(context, 'status', {})
    return {
      result: found,
      text: describe(found),
      next: found.advice,
      failed: found.problems.length > 0,
    }
  })

const describe = (found: ResultOf<'status'>): string => {
  const { up, down } = found.links
  return [
    facts({
      gateway: found.upMs === null ? 'not running' : `running for ${span(found.upMs)}, version ${found.version}`,
      domain: found.domain,
      agent: found.agent,
      words: found.words,
      accounts: String(found.accounts),
      neighbours: found.upMs === null ? String(up + down) : `${up} connected, ${down} not`,
      'under way': plural(found.underway, 'message'),
      certificate: found.certificate ?? undefined,
    }),
    '\nFor mail clients (the user name is the whole address):\n',
    facts(found.settings),
    ...(found.problems.length > 0 ? ['', ...found.problems.map((problem) => `Problem: ${problem}`)] : []),
  ].join('\n')
}
