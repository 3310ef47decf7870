/**
 * `vouchsafe backup`, `restore` and `verify`. They read the home's files themselves, beside a
 * running gateway: hashing gigabytes must not stand in the way of the mail.
 */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { act, type Context, verb } from './context.ts'
import { quoted } from './hint.ts'
import { bytes, clock, plural } from './layout.ts'
import { refuseOthers } from './owner.ts'

export const backupCommand = (root: Command): void =>
  act(
    verb(root, 'backup', 'copy the home, consistent while the gateway runs').argument(
      '<to>',
      'a folder that is not there yet',
    ),
    async (context, [to = '']) => {
      const { backup, unfinishedBeside } = await import('../../store/backup.ts')
      const made = await backup(context.home, resolve(to), progressOn(context))
      const unfinished = await unfinishedBeside(to).catch(() => []) // this one is made all the same
      const left = unfinished.map(
        (path) => `\n${path} was never finished, and has keys in it: unless it is being made just now, remove it.`,
      )
      return {
        result: { to: resolve(to), ...made, unfinished },
        text: `${resolve(to)} holds a copy: ${plural(made.messages, 'message')}, ${bytes(made.bytes)}. It has keys and mail in it: keep it as safe as the home.${left.join('')}`,
        next: [`vouchsafe verify --home ${quoted(resolve(to))}        # checks the copy at any time`],
      }
    },
  )

export const restoreCommand = (root: Command): void =>
  act(
    verb(root, 'restore', 'make a home from a backup').argument('<from>', 'what `vouchsafe backup` made'),
    async (context, [from = '']) => {
      await refuseOthers(context.home)
      const { restore } = await import('../../store/backup.ts')
      const made = await restore(resolve(from), context.home, progressOn(context))
      return {
        result: { from: resolve(from), ...made, home: context.home },
        text: `${context.home} is restored: ${plural(made.messages, 'message')}, as of ${clock(made.at)}.`,
        next: [
          'make sure that the old gateway does not run any more: there may be one with this key',
          'what it shared with its neighbours is not in a backup: at the first connection it begins anew with each, and they are told by an account here; without an account pair again, by `vouchsafe link invite`',
          `vouchsafe serve --home ${quoted(context.home)}`,
        ],
      }
    },
  )

export const verifyCommand = (root: Command): void =>
  act(verb(root, 'verify', 'check every message, body and key of a home or a backup'), async (context) => {
    const { checkHome } = await import('../home.ts')
    const found = await checkHome(context.home, context, progressOn(context))
    const isWhole = found.problems.length === 0
    const counts = [
      plural(found.messages, 'message'),
      plural(found.bodies, 'body', 'bodies'),
      plural(found.keys, 'key'),
    ]
    return {
      result: found,
      text: isWhole
        ? `All is well: ${counts.join(', ')}.`
        : found.problems.map((problem) => `Problem: ${problem}`).join('\n'),
      next: nextOf(found.problems),
      failed: !isWhole,
    }
  })

const nextOf = (problems: string[]): string[] => {
  const isSealed = (problem: string) => problem.includes('passphrase')
  const isDamaged = (problem: string) => !isSealed(problem) && !problem.includes('chmod')
  return [
    ...(problems.some(isSealed)
      ? ['vouchsafe verify --passphrase-fd 3 3< FILE, with the passphrase in its first line']
      : []),
    ...(problems.some(isDamaged)
      ? ['what is damaged comes back from a backup: vouchsafe restore FROM --home NEW']
      : []),
  ]
}

/** A line on standard error that is written over, on a terminal only. */
const progressOn =
  ({ json }: Context) =>
  (done: number, of: number): void => {
    if (json || !process.stderr.isTTY) return
    process.stderr.write(`\r${done} of ${of} checked${done === of ? '\n' : ''}`)
  }
