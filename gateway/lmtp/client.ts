/**
 * A message for one person, handed to the server that keeps their mail: LMTP (RFC 2033), a connection a message.
 * That server is on this machine or in this house: the connection is plain.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { addAbortSignal, Readable } from 'node:stream'
import { domainToASCII } from 'node:url'
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import { domainOf, localOf } from '../../src/address.ts'
import type { Lodged } from '../../src/custody/lodge.ts'
import type { RefusalCode } from '../../src/refusal.ts'
import type { HostPort } from '../config/value.ts'

export type LmtpAddress = HostPort | { path: string }
export type LmtpMessage = { from: string; to: string; size: number; body: Buffer | Readable }
/** `text` is the server's own, for the log. */
export type LmtpAnswer = { answer: Lodged; text: string }

const CONNECT_MS = 10_000
/** RFC 5321 §4.5.3.2.6: what a server may need after the final dot. */
const IDLE_MS = 600_000

/**
 * Never throws: what can't be reached is asked again later.
 *
 * @param signal ends the conversation, wherever it stands; that, too, means later
 */
export const handByLmtp = async (at: LmtpAddress, message: LmtpMessage, signal: AbortSignal): Promise<LmtpAnswer> => {
  let connection: SMTPConnection | undefined
  try {
    const socket = await reach(at, signal)
    connection = new SMTPConnection({
      connection: socket,
      lmtp: true,
      name: 'localhost',
      ignoreTLS: true,
      greetingTimeout: CONNECT_MS,
      socketTimeout: IDLE_MS,
    })
    return await converse(connection, message)
  } catch (error) {
    return answerOf(error)
  } finally {
    connection?.quit()
  }
}

const reach = async (at: LmtpAddress, signal: AbortSignal): Promise<Socket> => {
  const socket = addAbortSignal(signal, connect(at)) // not as an option of it: that would listen on after the end
  socket.setTimeout(CONNECT_MS, () => socket.destroy(new Error('no answer')))
  await once(socket, 'connect')
  socket.setTimeout(0)
  return socket
}

const converse = (connection: SMTPConnection, { from, to, size, body }: LmtpMessage): Promise<LmtpAnswer> =>
  new Promise((resolve, reject) => {
    connection.once('error', reject)
    connection.once('end', () => reject(new Error('the server hung up')))
    connection.connect((error) => {
      if (error) return reject(error)
      const offered = String(connection.lastServerResponse)
      if (size > limitIn(offered)) return resolve(tooLarge)
      const isWide = /^250[ -]SMTPUTF8\b/im.test(offered) // RFC 6531 §3.1
      const recipient = isWide ? to : inAscii(to)
      if (recipient === undefined) return resolve(unwritable)
      const text = Buffer.isBuffer(body) ? Readable.from([body]) : body
      text.once('error', reject)
      const envelope = { from: isWide ? from : (inAscii(from) ?? ''), to: [recipient], size, use8BitMime: true }
      connection.send(envelope, text, (error, info) => {
        const refused = error ?? info?.rejectedErrors?.[0]
        if (refused) reject(refused)
        else resolve({ answer: 'taken', text: info?.response ?? '' })
      })
    })
  })

/**
 * For a server that takes ASCII alone. A domain has a form in it (RFC 5891); a local part has none: then there is no such
 * mailbox for it, and never will be. A sender that can't be written is left out: nothing is sent back there anyway, for
 * notices are ours.
 */
const inAscii = (address: string): string | undefined => {
  if (address === '') return ''
  const local = localOf(address)
  const domain = domainToASCII(domainOf(address))
  return domain !== '' && /^[\x21-\x7e]+$/.test(local) ? `${local}@${domain}` : undefined
}

/** RFC 1870 §3: without a number, or with 0, there is none. */
const limitIn = (offered: string): number => Number(/^250[ -]SIZE (\d+)/im.exec(offered)?.[1] ?? 0) || Infinity

const tooLarge: LmtpAnswer = {
  answer: 'message-too-large',
  text: 'the message is larger than the server takes (SIZE)',
}

const unwritable: LmtpAnswer = {
  answer: 'store-refused',
  text: 'the server takes no addresses beyond ASCII (it does not offer SMTPUTF8)',
}

/**
 * 5yz is for good, whatever else may be mended. Before the message is spoken of, it is about the server; and so is one that wants a
 * login or TLS first, or does not know what is said (RFC 3207 §4, RFC 4954 §6, RFC 5321 §4.2.2).
 */
const answerOf = (error: unknown): LmtpAnswer => {
  const { message, command, responseCode, response } = error as SMTPConnection.SMTPError
  const text = response ?? message
  const isAboutServer = command === 'CONN' || command === 'LHLO' || aboutServer.has(responseCode ?? 0)
  if (responseCode === undefined || responseCode < 500 || isAboutServer) return { answer: 'later', text }
  return { answer: codeOf(/^\d{3}[ -](5\.\d{1,3}\.\d{1,3})/.exec(text)?.[1] ?? ''), text }
}

const aboutServer: ReadonlySet<number> = new Set([500, 502, 503, 521, 530, 538])

/** By the enhanced code, RFC 3463. */
const codeOf = (enhanced: string): RefusalCode => codes[enhanced] ?? 'store-refused'

const codes: Record<string, RefusalCode> = {
  '5.1.1': 'mailbox-missing',
  '5.1.6': 'mailbox-missing',
  '5.2.2': 'mailbox-full',
  '5.2.3': 'message-too-large',
  '5.3.4': 'message-too-large',
}
