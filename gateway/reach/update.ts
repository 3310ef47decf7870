/**
 * One update of our own DNS name, at a name server of ours (RFC 2136) or at a provider (dyndns2).
 * Secrets are read from their files each time, and appear in no log and no answer.
 */
import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { encodeUpdate, readAnswer, readKeyFile, sign } from '../../src/reach/dns.ts'
import { requestFor, type Verdict, verdictOf } from '../../src/reach/dyndns.ts'
import type { Own } from '../../src/reach/seen.ts'
import type { Config } from '../config/config.ts'
import { refuseReadable } from '../keys.ts'
import { version } from '../version.ts'

type Dns = NonNullable<Config['dns']>

const TIMEOUT_MS = 15_000
/** An answer has one TSIG and no more; a provider's one word. */
const ANSWER_BYTES = 4096

/** @throws Error that names a file which can't be used */
export const updateByRfc2136 = async (
  name: string,
  { server, zone, keyFile, ttlMs }: NonNullable<Dns['rfc2136']>,
  own: Own,
  now: () => number,
): Promise<Verdict> => {
  const key = readKeyFile(await readSecret(keyFile))
  const message = encodeUpdate({ zone, name, addresses: own, ttlSeconds: Math.round(ttlMs / 1000) }, randomInt(65_536))
  const { signed, mac } = sign(message, key, now())
  const answer = readAnswer(await askByTcp(server, signed), key, mac, now())
  return answer === 'done' ? { do: 'done' } : { do: 'later', why: answer.failed }
}

/** @throws Error that names a file which can't be used */
export const updateByDyndns2 = async (
  name: string,
  { url, user, passwordFile }: NonNullable<Dns['dyndns2']>,
  own: Own,
): Promise<Verdict> => {
  const password = (await readSecret(passwordFile)).trim()
  const request = requestFor({ url, user, password }, name, own, version)
  const response = await fetch(request.url, {
    headers: request.headers,
    redirect: 'error', // the password is for this provider alone
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  return verdictOf(response.status, (await response.text()).slice(0, ANSWER_BYTES))
}

const readSecret = async (path: string): Promise<string> => {
  await refuseReadable(path, '600')
  return readFile(path, 'utf8')
}

/** A length of two bytes and a message, each way: RFC 7766 §8. TCP, so that nobody answers in the server's place. */
const askByTcp = ({ host, port }: { host: string; port: number }, message: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port })
    const chunks: Buffer[] = []
    const fail = (why: string) => {
      socket.destroy()
      reject(new Error(`the name server ${host}, port ${port}: ${why}`))
    }
    socket.setTimeout(TIMEOUT_MS, () => fail('no answer in time'))
    socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
    socket.once('close', () => fail('it closed the connection'))
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      const all = Buffer.concat(chunks)
      if (all.length > ANSWER_BYTES) return fail('its answer is too long')
      if (all.length < 2 || all.length < 2 + all.readUInt16BE(0)) return
      resolve(all.subarray(2, 2 + all.readUInt16BE(0)))
      socket.destroy()
    })
    const length = Buffer.alloc(2)
    length.writeUInt16BE(message.length)
    socket.write(Buffer.concat([length, message]))
  })
