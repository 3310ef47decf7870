/**
 * What is kept of an authority's certificates, in `<home>/tls/`, mode 0600:
 *
 *   acme.pem           a line `authority:`, the key, the chain; one file, so that they never belong to two orders
 *   acme-account.pem   the account's key
 *   acme-tries.json    what failed last and when to try again: a restart must not ask sooner
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { Held, Tries } from '../../src/reach/certified.ts'
import { makeFolder, readIfThere, writeWhole } from '../../store/file.ts'
import { acmePair } from '../tls.ts'
import { makeKey } from './signing.ts'

type AcmeFiles = {
  held(): Promise<Held | undefined>
  save(authority: string, chain: string, key: string): Promise<void>
  /** Made at the first call. */
  account(): Promise<KeyObject>
  tries(): Promise<Tries | undefined>
  saveTries(tries: Tries | undefined): Promise<void>
}

export const acmeFiles = (home: string): AcmeFiles => {
  const pair = acmePair(home)
  const [account, tries] = ['acme-account.pem', 'acme-tries.json'].map((name) => join(dirname(pair), name)) as [
    string,
    string,
  ]
  const write = async (path: string, text: string) => {
    await makeFolder(dirname(path))
    await writeWhole(path, text)
  }
  return {
    held: async () => heldIn(await read(pair)),
    save: (authority, chain, key) => write(pair, `authority: ${authority}\n${key.trim()}\n${chain.trim()}\n`),
    async account() {
      const pem = await read(account)
      if (pem !== undefined) return keyIn(account, pem)
      const key = makeKey()
      await write(account, String(key.export({ format: 'pem', type: 'pkcs8' })))
      return key
    },
    tries: async () => triesIn(await read(tries)),
    saveTries: (found) => write(tries, `${JSON.stringify(found ?? {})}\n`),
  }
}

/** @throws Error that says what to do: after a restore by root all may be root's */
const read = (path: string): Promise<string | undefined> =>
  readIfThere(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${path} can't be read (${error.code}): give it to the user that the gateway runs as`)
  })

/** Not drawn anew by itself: the account may have more to it than its key, limits or a contract. */
const keyIn = (file: string, pem: string): KeyObject => {
  try {
    return createPrivateKey(pem)
  } catch {
    throw new Error(`${file} is damaged: put it back from a backup, or remove it, and another account is made`)
  }
}

/** What can't be read is as good as absent: another one is fetched. */
const heldIn = (text: string | undefined): Held | undefined => {
  const [, authority = ''] = /^authority: (\S+)$/m.exec(text ?? '') ?? []
  try {
    return { authority, ...certifiedIn(text ?? '') }
  } catch {
    return undefined
  }
}

/** @param chain PEM, leaf first */
export const certifiedIn = (chain: string): Omit<Held, 'authority'> => {
  const { subjectAltName = '', validFrom, validTo } = new X509Certificate(chain)
  const names = subjectAltName.split(', ').map((one) => one.replace(/^DNS:/, '').toLowerCase())
  return { names, from: Date.parse(validFrom), until: Date.parse(validTo) }
}

const triesIn = (text: string | undefined): Tries | undefined => {
  try {
    const { of, failures, nextAt, askedUntil = 0, why = '' } = JSON.parse(text ?? '{}') as Partial<Tries>
    const isWhole = typeof of === 'string' && typeof failures === 'number' && typeof nextAt === 'number'
    return isWhole ? { of, failures, nextAt, askedUntil, why } : undefined
  } catch {
    return undefined
  }
}
