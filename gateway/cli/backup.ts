/** `vouchsafe backup`, `restore` and `verify`. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { act, perform, verb } from './context.ts'
import { bytes, plural } from './layout.ts'

export const backupCommands = (root: Command): void => {
  backup(root)
  restore(root)
  verify(root)
}

const backup = (root: Command): void =>
  act(
    verb(root, 'backup', 'copy the home, consistent while the gateway runs').argument(
      '<to>',
      'a folder that is not there yet',
    ),
    async (context, [to = '']) => {
      const made = await perform(context, 'backup', { to: resolve(to) }, progressOn(context))
      return {
        result: made,
        text: `${made.to} holds a copy: ${plural(made.files, 'file')}, ${bytes(made.sizeBytes)}. It holds keys and mail: keep it as safe as the home.`,
        next: [`vouchsafe verify --home ${made.to}        # checks the copy`],
      }
    },
  )

const restore = (root: Command): void =>
  act(
    verb(root, 'restore', 'make a home from a backup').argument('<from>', 'what `backup` wrote'),
    async (context, [from = '']) => {
      const { restoreHome } = await import('../operation/backup.ts')
      const made = await restoreHome(resolve(from), context.home)
      return {
        result: made,
        text: `${made.home} is restored from ${made.from}.`,
        next: [
          'make sure that the old gateway does not run any more: two with one key would be taken for a theft',
          `vouchsafe verify --home ${made.home}`,
          `vouchsafe serve --home ${made.home}`,
        ],
      }
    },
  )

const verify = (root: Command): void =>
  act(verb(root, 'verify', 'check every message, body and key'), async (context) => {
    const found = await perform(context, 'verify', {}, progressOn(context))
    return {
      result: found,
      text:
        found.problems.length === 0
          ? `All is well: ${plural(found.messages, 'message')}, ${plural(found.bodies, 'body', 'bodies')}, ${plural(found.keys, 'key')}.`
          : found.problems.map((problem) => `Problem: ${problem}`).join('\n'),
      next: found.problems.length === 0 ? [] : ['restore what is damaged from a backup: `vouchsafe restore FROM`'],
      failed: found.problems.length > 0,
    }
  })

/** A line on standard error that is written over, on a terminal only. */
const progressOn = (context: { json: boolean }) => (event: object) => {
  if (context.json || !process.stderr.isTTY) return
  const { done, total } = event as { done?: number; total?: number }
  process.stderr.write(`\r${done ?? 0}${total === undefined ? '' : ` of ${total}`} checked or copied`)
  if (done === total) process.stderr.write('\n')
}
