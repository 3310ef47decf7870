/** `vouchsafe key`: the keys kept here, copies of them, and new ones. */
import type { Command } from 'commander'
import { act, noun, perform, UsageError, verb } from './context.ts'
import { spanOf } from './given.ts'
import { clock, facts, table } from './layout.ts'
import { refuseUnwritable, writeNew } from './out.ts'

export const keyCommands = (root: Command): void => noun(root, 'key', 'keys', [show, exportKey, rotate])

const show = (key: Command): void =>
  act(
    verb(key, 'show', 'the agent’s key and every account’s, or one’s, with the words to compare').argument('[address]'),
    async (context, [address]) => {
      const found = await perform(context, 'key.show', { address })
      const rows = found.entities.map((one) => [one.address, one.words, endOf(one), one.entity])
      const own = facts({ agent: found.agent, words: found.words, net: found.net })
      return {
        result: found,
        text: rows.length === 0 ? own : `${own}\n\n${table(['address', 'words', 'ends', 'entity'], rows)}`,
      }
    },
  )

const exportKey = (key: Command): void => {
  const command = verb(key, 'export', 'an account’s OpenPGP key, as gpg --import takes it')
    .argument('<address>')
    .option('--private', 'the private key too, without a passphrase: keep it safe')
    .option('--out <file>', 'write it to a file (mode 0600) that is not there yet')
  act<{ private?: true; out?: string }>(command, async (context, [address = ''], options) => {
    if (options.private && !options.out && process.stdout.isTTY)
      throw new UsageError('A private key does not belong on a screen: use --out FILE, or a pipe.')
    if (options.out !== undefined) await refuseUnwritable(options.out)
    const { armored, ...about } = await perform(context, 'key.export', { address, private: options.private === true })
    if (options.out === undefined) return { result: { ...about, armored }, text: armored.trimEnd() }
    await writeNew(options.out, armored)
    return { result: { ...about, file: options.out }, text: `The key of ${about.address} is in ${options.out}.` }
  })
}

const rotate = (key: Command): void => {
  const command = verb(key, 'rotate', 'new subkeys to sign and decrypt; what was sealed for the old ones opens still')
    .argument('<address>')
    .option(
      '--expires <time>',
      'let them end after a time, for example "400 d"; you are warned from 30 days before',
      spanOf,
    )
  act<{ expires?: string }>(command, async (context, [address = ''], { expires }) => {
    const renewed = await perform(context, 'key.rotate', { address, expires })
    return {
      result: renewed,
      text: `New subkeys sign for ${renewed.address} and open its mail from now on; they end: ${endOf(renewed)}.
Its fingerprint words are as before. Correspondents learn the new key with the next letter from
${renewed.address}, or when they write and have not done so for a day; until then their mail opens with the old one.`,
      next: ['vouchsafe backup FOLDER (older backups lack the new key)'],
    }
  })
}

const endOf = ({ ends }: { ends: number | null }): string => (ends === null ? 'never' : clock(ends))
