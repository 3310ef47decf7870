/**
 * A small web of real gateway processes for a test: in a line, each linked to the next, with the plain
 * login that is allowed on loopback, and a person at both ends.
 */
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { ImapFlow } from 'imapflow'
import { befriend, Gateway, type Person, temporaryFolder, until } from '../../scripts/neighbourhood.ts'
import { freePortBase, letGo } from '../../scripts/ports.ts'

export type Web = { gateways: Gateway[]; a: Gateway; b: Gateway; ann: Person; bob: Person; close(): Promise<void> }

/**
 * What is set up here is asked for over the control socket: the commands are tested in test/cli, and each is a process.
 * @param settings configuration keys to change everywhere, as `Gateway.set` takes them
 */
export const startLine = async (names: string[], settings: Record<string, string> = {}): Promise<Web> => {
  const folder = temporaryFolder()
  const base = await freePortBase(names.length)
  const gateways = names.map((name, i) => new Gateway(folder, name, `${name}.test`, base + 100 * i))
  await Promise.all(gateways.map((one) => one.init('--net', 'journey', '--plain-loopback')))
  for (const one of gateways) for (const [key, value] of Object.entries(settings)) one.set(key, value)
  const [a, b] = [gateways[0], gateways.at(-1)]
  if (a === undefined || b === undefined) throw new Error('a line has two ends')
  await Promise.all(gateways.map((one) => one.start()))
  const [ann, bob] = await Promise.all([addPerson(a, 'ann'), addPerson(b, 'bob')])
  const pairs = gateways.flatMap((one, i) => gateways.slice(i + 1, i + 2).map((next) => befriend(next, one)))
  await Promise.all(pairs)
  // Strangers here write much to strangers; what that costs between two who have not said so is tested elsewhere.
  for (const one of gateways) await trustNeighbours(one)
  const close = async () => {
    await Promise.all(gateways.map((one) => one.stop()))
    for (const { portBase } of gateways) letGo(portBase)
  }
  return { gateways, a, b, ann, bob, close }
}

/** An account at a gateway that runs. */
export const addPerson = async (gateway: Gateway, name: string): Promise<Person> => {
  const password = `${name}-s password`
  const { address } = await gateway.ask<{ address: string }>('user.add', { address: name, password })
  return { address, password }
}

const trustNeighbours = async (gateway: Gateway): Promise<void> => {
  for (const { agent } of await gateway.ask<{ agent: string }[]>('link.list', {}))
    await gateway.ask('link.trust', { neighbour: agent, limit: 1000 })
}

/** Says the bytes as they are: no library in between that might mend them. */
export class RawSmtp {
  private readonly socket: Socket
  private text = ''
  private heard: () => void = () => {}
  private over = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1')
      this.heard()
    })
    for (const event of ['close', 'error'])
      socket.on(event, () => {
        this.over = true
        this.heard()
      })
  }

  static async logIn(gateway: Gateway, person: Person, name = 'client.test'): Promise<RawSmtp> {
    const client = new RawSmtp(connect(gateway.ports.smtp, '127.0.0.1'))
    await client.reply()
    await client.say(`EHLO ${name}`)
    await client.say(`AUTH PLAIN ${Buffer.from(`\0${person.address}\0${person.password}`).toString('base64')}`)
    return client
  }

  async say(line: string): Promise<string> {
    this.socket.write(`${line}\r\n`)
    return this.reply()
  }

  /**
   * @param to each `address`, or `address> PARAMETERS` as the rest of the RCPT command
   * @returns the last reply: to DATA's end, or the first that was no yes
   */
  async submit(from: string, to: string[], bytes: Buffer, parameters = ''): Promise<string> {
    const recipients = to.map((one) => `RCPT TO:<${one}${one.includes('>') ? '' : '>'}`)
    for (const line of [`MAIL FROM:<${from}>${parameters}`, ...recipients, 'DATA']) {
      const reply = await this.say(line)
      if (!/^[23]/.test(reply)) return reply
    }
    this.socket.write(stuffed(bytes))
    return this.reply()
  }

  close(): void {
    this.socket.destroy()
  }

  private async reply(): Promise<string> {
    for (;;) {
      const whole = /^(?:\d{3}-[^\n]*\n)*\d{3} [^\n]*\n/.exec(this.text)?.[0]
      if (whole !== undefined) {
        this.text = this.text.slice(whole.length)
        return whole.trimEnd()
      }
      if (this.over) throw new Error('the server closed the session')
      await new Promise<void>((resolve) => {
        this.heard = resolve
      })
    }
  }
}

/** RFC 5321 §4.5.2; DATA can't carry a message whose last line is not ended, so it is ended. */
export const ended = (bytes: Buffer): Buffer =>
  bytes.subarray(-2).toString('latin1') === '\r\n' ? bytes : Buffer.concat([bytes, Buffer.from('\r\n')])

const stuffed = (bytes: Buffer): Buffer => {
  const text = ended(bytes).toString('latin1')
  return Buffer.from(`${text.replace(/^\./, '..').replaceAll('\r\n.', '\r\n..')}.\r\n`, 'latin1')
}

/** A short message, as a client writes it. `more`: header lines above the usual ones. */
export const letter = (from: Person, to: string, subject: string, more: string[] = []): Buffer => {
  const usual = [`From: <${from.address}>`, `To: <${to}>`, `Subject: ${subject}`, `Message-ID: ${idOf(subject)}`]
  return Buffer.from([...more, ...usual, '', `This is the letter "${subject}".`, ''].join('\r\n'))
}

/** The Message-ID that `letter` gives. */
export const idOf = (subject: string): string => `<${subject.replaceAll(' ', '-')}@client.test>`

export const withImap = async <T>(
  gateway: Gateway,
  person: Person,
  work: (client: ImapFlow) => Promise<T>,
): Promise<T> => {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port: gateway.ports.imap,
    secure: false,
    doSTARTTLS: false,
    auth: { user: person.address, pass: person.password },
    logger: false,
  })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.logout()
  }
}

/**
 * Logs in, and says IMAP commands as they stand, one after the other.
 * @returns the tagged answer to each, without its tag @throws Error with the answer to LOGIN, if that is a no
 */
export const sayImap = async (gateway: Gateway, person: Person, commands: string[]): Promise<string[]> => {
  const socket = connect(gateway.ports.imap, '127.0.0.1').setEncoding('latin1')
  const lines = createInterface(socket)[Symbol.asyncIterator]()
  const answers: string[] = []
  for (const command of [`LOGIN "${person.address}" "${person.password}"`, ...commands]) {
    socket.write(`x ${command}\r\n`)
    for (;;) {
      const { value, done } = await lines.next()
      if (done) throw new Error(`the server closed the session at: ${command}`)
      if (!value.startsWith('x ')) continue
      answers.push(value.slice(2))
      break
    }
    if (!answers[0]?.startsWith('OK')) break
  }
  socket.destroy()
  const [login = '', ...others] = answers
  if (!login.startsWith('OK')) throw new Error(login)
  return others
}

export type Got = { uid: number; messageId: string; subject: string; source: Buffer; flags: Set<string> }

/** All messages of a folder, whole. */
export const readAll = (gateway: Gateway, person: Person, folder: string): Promise<Got[]> =>
  withImap(gateway, person, async (client) => {
    const box = await client.mailboxOpen(folder, { readOnly: true })
    const all: Got[] = []
    if (box.exists === 0) return all
    for await (const { uid, envelope, source, flags } of client.fetch('1:*', {
      envelope: true,
      source: true,
      flags: true,
      uid: true,
    }))
      all.push({
        uid,
        messageId: envelope?.messageId ?? '',
        subject: envelope?.subject ?? '',
        source: source ?? Buffer.alloc(0),
        flags: flags ?? new Set(),
      })
    return all
  })

/** Waits until a folder holds at least `count` messages, and reads them. */
export const awaitMessages = async (
  gateway: Gateway,
  person: Person,
  folder: string,
  count: number,
  limitMs = 20_000,
): Promise<Got[]> => {
  let all: Got[] = []
  await until(
    `${count} messages in ${folder} of ${person.address}`,
    async () => {
      all = await readAll(gateway, person, folder)
      return all.length >= count
    },
    limitMs,
  )
  return all
}
