/**
 * TLS between agents: version 1.3 only, both sides show a certificate, and the key in it
 * is the whole identity. Nothing is read or written above TLS before `peerOf` has told
 * whose key it is. Node's own verification is off because there is no authority to ask;
 * that the peer *holds* the key is proved by the handshake itself (RFC 8446 §4.4.3).
 */
import { constants, type KeyObject } from 'node:crypto'
import { connect, type TLSSocket, type TlsOptions } from 'node:tls'
import { agentIdOfSpki } from '../../src/identity/agent.ts'
import { Refusal } from '../../src/refusal.ts'
import { expectLongLived } from '../malloc.ts'
import { LinkFault } from './handlers.ts'

/** What is spoken, as TLS agrees on it (ALPN, RFC 7301). */
export const PROTOCOL = 'vouchsafe/1'

export type Keys = { key: string; cert: string }

const commonOptions = {
  minVersion: 'TLSv1.3',
  rejectUnauthorized: false,
  sigalgs: 'ed25519', // another kind of key fails in the handshake already
} as const

export const serverOptions = (keys: Keys, handshakeMs: number): TlsOptions => ({
  ...keys,
  ...commonOptions,
  requestCert: true,
  ALPNProtocols: [PROTOCOL],
  handshakeTimeout: handshakeMs,
  secureOptions: constants.SSL_OP_NO_TICKET, // no resumption: every link proves its key anew
})

/** @throws Refusal `agent-mismatch` when the peer shows no Ed25519 key, or another one than `expected` */
export const peerOf = (socket: TLSSocket, expected?: string): string => {
  const key = keyOf(socket)
  if (key?.asymmetricKeyType !== 'ed25519')
    throw new Refusal('agent-mismatch', 'the other side shows no certificate with an Ed25519 key')
  const agentId = agentIdOfSpki(key.export({ type: 'spki', format: 'der' }))
  if (expected !== undefined && agentId !== expected)
    throw new Refusal('agent-mismatch', `the key there is ${agentId}'s, not ${expected}'s`)
  return agentId
}

const keyOf = (socket: TLSSocket): KeyObject | undefined => {
  try {
    return socket.getPeerX509Certificate()?.publicKey
  } catch {
    return undefined // a key that OpenSSL can't read
  }
}

/** `host:port`, `[2001:db8::1]:port` */
export const splitAddress = (address: string): { host: string; port: number } => {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  return { host, port: Number(address.slice(colon + 1)) }
}

/**
 * Dials and checks whose key answers.
 *
 * @param agentId whoever answers, where it is not known yet whom one calls
 * @throws LinkFault `unreachable`, Refusal `agent-mismatch`
 */
export const connectTls = (
  address: string,
  agentId: string | undefined,
  keys: Keys,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<{ socket: TLSSocket; agent: string }> =>
  new Promise((resolve, reject) => {
    const unreachable = (why: string) => {
      socket.destroy()
      settle(() => reject(new LinkFault('unreachable', `${address}: ${why}`, why)))
    }
    const onAbort = () => unreachable('no longer wanted')
    const settle = (outcome: () => void) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      outcome()
    }

    // DNS names are resolved anew at every dial. No SNI: the name is nobody's business.
    const socket = connect({ ...splitAddress(address), ...keys, ...commonOptions, ALPNProtocols: [PROTOCOL] })
    const timer = setTimeout(() => unreachable('no answer in time'), timeoutMs)
    socket.once('connect', expectLongLived)
    signal?.addEventListener('abort', onAbort)
    if (signal?.aborted) onAbort()

    // Stays for the socket's life: whoever uses it later hears 'close'; an 'error' without a listener would be a crash.
    socket.on('error', (error: NodeJS.ErrnoException) => unreachable(error.code ?? error.message))
    socket.once('close', () => unreachable('closed during the handshake'))
    socket.once('secureConnect', () =>
      settle(() => {
        socket.setNoDelay(true)
        try {
          const agent = peerOf(socket, agentId) // once: a second reading finds no certificate (Node 20)
          if (socket.alpnProtocol !== PROTOCOL) throw new LinkFault('unreachable', `${address} speaks no ${PROTOCOL}`)
          resolve({ socket, agent })
        } catch (error) {
          socket.destroy()
          reject(error)
        }
      }),
    )
  })
