/**
 * A new home folder: everything under it is readable by its owner alone.
 *
 *   vouchsafe.toml   the configuration            vouchsafe.db   what is kept
 *   key/             the agent's and entities'    blob/          large bodies
 *   tls/             the certificate for clients  control.sock   while the gateway runs
 */
import { stat } from 'node:fs/promises'
import { altDomain } from '../src/address.ts'
import { fingerprintWords } from '../src/identity/words.ts'
import { makeFolder, writeWhole } from '../store/file.ts'
import { lockHome } from '../store/lock.ts'
import { makeDatabase } from '../store/store.ts'
import { verify } from '../store/verify.ts'
import { type Config, configPath, parseConfig } from './config/config.ts'
import { certificateOf } from './config/settings.ts'
import { type Choices, configText } from './config/text.ts'
import { makeKeyring, openKeyring, passphraseOf } from './keys.ts'
import { openTls } from './tls.ts'

export type Made = {
  home: string
  domain: string
  agent: string
  words: string
  /** SHA-256 of the certificate that mail clients see. */
  fingerprint: string
  config: Config
}

/**
 * Makes a home that is not there yet. The configuration is written last: a home without one is
 * none, so an init that was cut short is simply done again.
 *
 * @throws Error in words for the administrator
 */
export const makeHome = async (
  home: string,
  choices: Choices,
  keys: { passphraseFd?: number | undefined },
): Promise<Made> => {
  await refuseMade(home)
  const text = configText(choices)
  const config = parseConfig(text, 'the configuration from these options')

  await makeFolder(home).catch((error: NodeJS.ErrnoException) => {
    const isInTheWay = error.code === 'EEXIST' || error.code === 'ENOTDIR'
    throw isInTheWay ? new Error(`${home} can't be a folder: a file is in the way. Use another --home.`) : error
  })
  const lock = await lockHome(home)
  try {
    await refuseMade(home) // by somebody who had the lock before
    const { agent } = await makeKeyring(home, await passphraseOf(keys))
    const tls = await openTls(certificateOf(home, config))
    await makeDatabase(home)
    await writeWhole(configPath(home), text)
    return {
      home,
      domain: config.gateway.domain ?? altDomain(agent.id),
      agent: agent.id,
      words: fingerprintWords(agent.id),
      fingerprint: tls.fingerprint(),
      config,
    }
  } finally {
    await lock.release()
  }
}

const refuseMade = async (home: string): Promise<void> => {
  if (await isThere(configPath(home)))
    throw new Error(`${home} is a home already. Nothing was changed. Use another --home, or edit its vouchsafe.toml.`)
}

type Checked = {
  home: string
  problems: string[]
  accounts: number
  messages: number
  bodies: number
  keys: number
}

/**
 * Whether a home, or a backup, is whole: database, bodies, keys. Reads only, beside a running gateway too.
 *
 * @param progress is told how many bodies are done, of how many
 */
export const checkHome = async (
  home: string,
  keys: { passphraseFd?: number | undefined },
  progress: (done: number, of: number) => void,
): Promise<Checked> => {
  const { problems, accounts, messages, bodies } = await verify(home, progress)
  const found = await openKeyring(home, await passphraseOf(keys), { sealOpen: false }).then(
    (keyring) => ({ keys: 1 + keyring.entities().size, problems: [] }),
    (error: unknown) => ({ keys: 0, problems: [error instanceof Error ? error.message : String(error)] }),
  )
  const fresh = found.problems.filter((problem) => !isTold(problems, problem))
  return { home, problems: [...problems, ...fresh], accounts, messages, bodies, keys: found.keys }
}

/** A key file that is open to others is found twice: by its mode, and by who refuses to load it. */
const isTold = (before: string[], problem: string): boolean => {
  const [fix] = /chmod .*/.exec(problem) ?? []
  return fix !== undefined && before.some((one) => one.endsWith(fix))
}

/** @throws what the system says where it does not let us look */
const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return false
      throw error
    },
  )
