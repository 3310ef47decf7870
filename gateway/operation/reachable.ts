/** Whether what this gateway rests on can be connected to from here. */
import { connect } from 'node:net'
import type { Finding } from '../../src/reach/diagnosis.ts'
import { writeHostPort } from '../config/value.ts'
import type { House } from '../house.ts'

const CONNECT_MS = 3_000

/** The server that keeps the mail of people here, where it is not we. */
export const mailServer = async ({ config }: House): Promise<Finding[]> => {
  const at = config.delivery.lmtp
  if (at === undefined) return []
  const what = `mail server ${'path' in at ? at.path : writeHostPort(at)} (LMTP)`
  const why = await unreached(at)
  if (why === undefined) return [{ what, state: 'ok', detail: 'it can be reached' }]
  const detail = `it can not be reached: ${why}. Mail for people here waits in custody`
  return [{ what, state: 'wrong', side: 'ours', detail, fix: 'start it, or correct delivery.lmtp' }]
}

/** @returns why no connection comes about, if none does */
export const unreached = (at: { host: string; port: number } | { path: string }): Promise<string | undefined> =>
  new Promise((resolve) => {
    const socket = connect(at)
    const end = (why?: string) => {
      socket.destroy()
      resolve(why)
    }
    socket.setTimeout(CONNECT_MS, () => end('no answer'))
    socket.once('connect', () => end())
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
  })
