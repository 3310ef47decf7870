/**
 * A sender that keeps count: messages numbered one by one over kept SMTP connections. What 250 was
 * said for is promised; what no answer came for may or may not arrive, and is never sent again, so
 * that a second copy can only be the gateway's doing.
 */
import SmtpConnection from 'nodemailer/lib/smtp-connection'
import type { Gateway, Person } from '../../scripts/neighbourhood.ts'

export type Load = { promised: Set<string>; unsure: Set<string>; refused: Map<string, string> }

const idOf = (subject: string) => `<${subject}@load.test>`

/** Sends `count` messages over `lanes` connections; a lane whose gateway is away waits and goes on. */
export const sendLoad = async (
  gateway: Gateway,
  from: Person,
  to: string,
  { count, lanes, bytes }: { count: number; lanes: number; bytes: number },
): Promise<Load> => {
  const load: Load = { promised: new Set(), unsure: new Set(), refused: new Map() }
  const text = 'All work and no play makes a dull mail.\r\n'.repeat(Math.ceil(bytes / 41)).slice(0, bytes)
  let next = 0
  const lane = async () => {
    let connection: SmtpConnection | undefined
    while (next < count) {
      connection ??= await connect(gateway, from).catch(() => undefined)
      if (connection === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 100))
        continue
      }
      const id = idOf(`load-${next++}`)
      const source = `From: <${from.address}>\r\nTo: <${to}>\r\nSubject: ${id}\r\nMessage-ID: ${id}\r\n\r\n${text}\r\n`
      try {
        await send(connection, from.address, to, source)
        load.promised.add(id)
      } catch (error) {
        const code = (error as { responseCode?: number }).responseCode
        if (code === undefined) load.unsure.add(id)
        else load.refused.set(id, String(error))
        connection.close()
        connection = undefined
      }
    }
    connection?.quit()
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return load
}

const connect = (gateway: Gateway, person: Person): Promise<SmtpConnection> =>
  new Promise((resolve, reject) => {
    const connection = new SmtpConnection({
      host: '127.0.0.1',
      port: gateway.ports.smtp,
      ignoreTLS: true,
      socketTimeout: 30_000,
    })
    connection.on('error', reject)
    connection.connect(() =>
      connection.login(
        { user: person.address, pass: person.password, credentials: { user: person.address, pass: person.password } },
        (error) => {
          if (error) {
            connection.close()
            reject(error)
          } else resolve(connection)
        },
      ),
    )
  })

const send = (connection: SmtpConnection, from: string, to: string, source: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const settle = (error?: Error | null) => {
      connection.off('error', settle)
      connection.off('end', ended)
      if (error) reject(error)
      else resolve()
    }
    // The connection may die without calling back: then its own events are all we hear.
    const ended = () => settle(new Error('the connection ended'))
    connection.on('error', settle)
    connection.on('end', ended)
    connection.send({ from, to: [to] }, source, settle)
  })
