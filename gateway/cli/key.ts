/** `vouchsafe key`: the keys kept here, and copies of them. */
import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { act, perform, UsageError, verb } from './context.ts'
import { facts, table } from './layout.ts'

export const keyCommands = (root: Command): void => {
  const key = root.command('key').description('keys: show, export')
  show(key)
  exportKey(key)
}

const show = (key: Command): void =>
  act(verb(key, 'show', 'the agent’s key and every account’s, with the words to compare'), async (context) => {
    const found = await perform(context, 'key.show', {})
    const rows = found.entities.map((one) => [one.address, one.words, one.entity])
    const own = facts({ agent: found.agent, words: found.words, net: found.net })
    return {
      result: found,
      text: rows.length === 0 ? own : `${own}\n\n${table(['address', 'words', 'entity'], rows)}`,
    }
  })

const exportKey = (key: Command): void => {
  const command = verb(key, 'export', 'an account’s OpenPGP key, as gpg --import takes it')
    .argument('<address>')
    .option('--private', 'the private key too, without a passphrase: keep it safe')
    .option('--out <file>', 'write it to a file (mode 0600) that is not there yet')
  act<{ private?: true; out?: string }>(command, async (context, [address = ''], options) => {
    if (options.private && !options.out && process.stdout.isTTY)
      throw new UsageError('A private key does not belong on a screen: use --out FILE, or a pipe.')
    const { armored, ...about } = await perform(context, 'key.export', { address, private: options.private === true })
    if (options.out === undefined) return { result: { ...about, armored }, text: armored.trimEnd() }
    await writeFile(options.out, armored, { mode: 0o600, flag: 'wx', flush: true }).catch(existing(options.out))
    return { result: { ...about, file: options.out }, text: `The key of ${about.address} is in ${options.out}.` }
  })
}

const existing = (file: string) => (error: NodeJS.ErrnoException) => {
  if (error.code === 'EEXIST') throw new Error(`${file} is there already. Nothing was written.`)
  throw error
}
