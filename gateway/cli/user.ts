/** `vouchsafe user`: accounts of this gateway, and the passwords of their mail clients. */
import type { Command } from 'commander'
import { act, type Context, noun, perform, type ResultOf, UsageError, verb } from './context.ts'
import { oneOf } from './given.ts'
import { bytes, clock, facts, plural, table } from './layout.ts'
import { ask, askNewSecret, isInteractive, readSecretLine } from './prompt.ts'

type Secret = { passwordStdin?: true; generate?: true }

export const userCommands = (root: Command): void =>
  noun(root, 'user', 'accounts', [add, list, show, passwd, quota, allow, remove])

const withSecret = (command: Command): Command =>
  command
    .option('--password-stdin', 'take the password from the first line of standard input')
    .option('--generate', 'make a password and print it once')

const add = (user: Command): void => {
  const command = withSecret(verb(user, 'add', 'make an account with its keys and folders'))
    .argument('<address>', 'name@domain, or the name alone')
    .option('--name <name>', 'the name people read')
  act<Secret & { name?: string }>(command, async (context, [address = ''], options) => {
    const password = await newPassword(options)
    const made = await perform(context, 'user.add', { address, name: options.name, password })
    return {
      result: made,
      text: facts({ account: made.address, entity: made.entity, words: made.words, password: made.password }),
      next: [
        ...(made.password === undefined ? [] : ['write the password down: it is shown this once']),
        `set up a mail client with ${made.address}: \`vouchsafe status\` shows servers and ports`,
      ],
    }
  })
}

const list = (user: Command): void =>
  act(verb(user, 'list', 'all accounts'), async (context) => {
    const users = await perform(context, 'user.list', {})
    if (users.length === 0) return { result: users, text: 'No accounts yet.', next: ['vouchsafe user add ADDRESS'] }
    const rows = users.map((one) => [one.address, one.name])
    return { result: users, text: table(['address', 'name'], rows) }
  })

const show = (user: Command): void =>
  act(
    verb(user, 'show', 'one account: folders, passwords, key').argument('<address>'),
    async (context, [address = '']) => {
      const one = await perform(context, 'user.show', { address })
      return { result: one, text: describe(one) }
    },
  )

const describe = (one: ResultOf<'user.show'>): string =>
  [
    facts({
      account: one.address,
      name: one.name || undefined,
      entity: one.entity,
      words: one.words,
      keeps: quotaText(one.quota),
      sending: sendingOf(one),
    }),
    '',
    table(
      ['folder', 'messages', 'unseen', 'size'],
      one.folders.map((box) => [box.name, String(box.messages), String(box.unseen), bytes(box.size)]),
    ),
    '',
    table(
      ['password', 'for', 'made', 'last used', 'by'],
      one.passwords.map(({ label, scope, createdAt, usedAt, usedFor }) => [
        label,
        scope,
        clock(createdAt),
        clock(usedAt),
        usedFor ?? '',
      ]),
    ),
  ].join('\n')

const quotaText = ({ used, limit }: ResultOf<'user.show'>['quota']): string =>
  limit === null ? bytes(used) : `${bytes(used)} of at most ${bytes(limit)}`

const sendingOf = ({ address, sending }: ResultOf<'user.show'>): string | undefined => {
  const { level, complainers } = sending
  if (level === 'free') return undefined
  const by = `${plural(complainers, 'recipient')} complained in 28 days`
  return level === 'stopped' ? `stopped; ${by}; to lift it: vouchsafe user allow ${address}` : `${level}; ${by}`
}

const allow = (user: Command): void =>
  act(
    verb(user, 'allow', 'let an account send again about whose mail others have complained').argument('<address>'),
    async (context, [address = '']) => {
      const one = await perform(context, 'user.allow', { address })
      const text = one.was === 'free' ? `Nothing was held against ${one.address}.` : `${one.address} may send again.`
      return { result: one, text }
    },
  )

/** Of the password that an account is made with. */
const LABEL = 'main'

const passwd = (user: Command): void => {
  const command = withSecret(
    verb(user, 'passwd', 'set a password: one for each mail client, so that one can be taken back'),
  )
    .argument('<address>')
    .option('--label <label>', `which client it is for (default: "${LABEL}")`)
    .option('--for <scope>', 'what it opens: all, imap or smtp', oneOf(['all', 'imap', 'smtp']), 'all')
    .option('--revoke', 'take the password of this label back')
  act<Secret & { label?: string; for: string; revoke?: true }>(
    command,
    async (context, [address = ''], { label: named, ...options }) => {
      const label = named ?? LABEL
      if (options.revoke) {
        if (named === undefined)
          throw new UsageError('Say which, by --label LABEL: `vouchsafe user show ADDRESS` lists the passwords.')
        const gone = await perform(context, 'user.revoke', { address, label })
        return { result: gone, text: `The password "${label}" of ${gone.address} is taken back.` }
      }
      const password = await newPassword(options)
      const set = await perform(context, 'user.passwd', { address, label, scope: options.for, password })
      return {
        result: set,
        text: [
          `The password "${label}" of ${set.address} is set.`,
          ...(set.password ? [`It is: ${set.password}`] : []),
        ].join('\n'),
      }
    },
  )
}

const quota = (user: Command): void =>
  act(
    verb(user, 'quota', 'how much mail an account may keep')
      .argument('<address>')
      .argument('<limit>', 'a size like "5 GiB", "none", or "usual" for what the configuration says'),
    async (context, [address = '', limit = '']) => {
      const one = await perform(context, 'user.quota', { address, limit })
      return { result: one, text: `${one.address} keeps ${quotaText(one.quota)}.` }
    },
  )

const remove = (user: Command): void => {
  const command = verb(user, 'remove', 'delete an account with its keys and all its mail, for good')
    .argument('<address>')
    .option('--yes', 'do not ask')
  act<{ yes?: true }>(command, async (context, [address = ''], { yes }) => {
    if (!yes) await confirmRemoval(context, address)
    const gone = await perform(context, 'user.remove', { address })
    return { result: gone, text: `${gone.address} is gone, with ${plural(gone.messages, 'message')}.` }
  })
}

const confirmRemoval = async (context: Context, address: string): Promise<void> => {
  if (!isInteractive()) throw new UsageError('This deletes keys and mail for good. Say --yes if that is meant.')
  const one = await perform(context, 'user.show', { address })
  const messages = one.folders.reduce((sum, box) => sum + box.messages, 0)
  const typed = await ask(
    `${plural(messages, 'message')} and the key of ${one.address} will be gone. Type the address: `,
  )
  if (typed.trim().toLowerCase() !== one.address) throw new UsageError('That was another address. Nothing was deleted.')
}

/** @returns undefined if the gateway is to make one */
const newPassword = async ({ passwordStdin, generate }: Secret): Promise<string | undefined> => {
  if (passwordStdin && generate) throw new UsageError('--password-stdin and --generate exclude each other.')
  if (passwordStdin) return readSecretLine()
  if (generate) return undefined
  if (isInteractive()) return askNewSecret('Password')
  throw new UsageError('There is no terminal to ask on: use --password-stdin, or --generate to have one made.')
}
