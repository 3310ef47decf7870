/**
 * A text under a passphrase: keys at rest.
 *
 *   vouchsafe-sealed 1 scrypt 15 8 1 aes-256-gcm
 *   base64(16 bytes salt ‖ 12 bytes nonce ‖ ciphertext ‖ 16 bytes tag)
 *
 * The header line is authenticated with the text. Its figures say how it was made (log2 N, r,
 * p of RFC 7914); what reads them takes only these, so nobody can make it spend gigabytes.
 */
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto'

const HEADER = 'vouchsafe-sealed 1 scrypt 15 8 1 aes-256-gcm'
const COST = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 } // 32 MiB and some 80 ms a try
const SALT = 16
const NONCE = 12
const TAG = 16

export type Sealer = {
  seal(text: string): string
  /** @throws Error that says whether the text or the passphrase is at fault, as far as one can know */
  unseal(sealed: string): string
}

/**
 * Seals many texts under one passphrase. They share a salt, the first that was met, so that
 * a thousand keys cost the slow derivation once; each has a nonce of its own.
 */
export const sealerOf = (passphrase: string): Sealer => {
  const typed = passphrase.normalize('NFKC') // one passphrase typed on two keyboards is one
  const keys = new Map<string, Buffer>()
  const keyOf = (salt: Buffer): Buffer => {
    const name = salt.toString('base64')
    const key = keys.get(name) ?? scryptSync(typed, salt, 32, COST)
    keys.set(name, key)
    return key
  }
  return {
    seal: (text) => {
      const [known] = keys.keys()
      const salt = known === undefined ? randomBytes(SALT) : Buffer.from(known, 'base64')
      return encrypt(text, salt, keyOf(salt))
    },
    unseal: (sealed) => decrypt(sealed, keyOf),
  }
}

/** Whether a text is one of these, and a passphrase has to be asked for. */
export const isSealed = (text: string): boolean => text.startsWith('vouchsafe-sealed ')

const encrypt = (text: string, salt: Buffer, key: Buffer): string => {
  const nonce = randomBytes(NONCE)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(HEADER))
  const sealed = Buffer.concat([salt, nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return `${HEADER}\n${sealed.toString('base64')}\n`
}

const decrypt = (sealed: string, keyOf: (salt: Buffer) => Buffer): string => {
  const [header, base64 = ''] = sealed.split('\n')
  if (header !== HEADER) throw new Error('it was not sealed by this program, or by a later version of it')
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.length < SALT + NONCE + TAG) throw new Error('the sealed text is cut off')

  const key = keyOf(bytes.subarray(0, SALT))
  const nonce = bytes.subarray(SALT, SALT + NONCE)
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG })
  decipher.setAAD(Buffer.from(HEADER)).setAuthTag(bytes.subarray(-TAG))
  try {
    return decipher.update(bytes.subarray(SALT + NONCE, -TAG), undefined, 'utf8') + decipher.final('utf8')
  } catch {
    throw new Error('wrong passphrase, or the sealed text was changed')
  }
}
