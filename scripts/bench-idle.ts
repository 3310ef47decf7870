/**
 * `npm run bench:idle [connections]`: what a mail client that idles costs in memory, and how soon it hears of mail.
 *
 * 100 accounts, INBOXes of 100 letters, 10 000 connections in IDLE, first in the clear and then over TLS. Then one
 * letter at a time is put into an INBOX: the time from its OK to each of the 100 clients that look at it, and beside
 * it the push from one client's change to one other's, which is what people feel.
 */
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { residentMb } from './bench/gateway.ts'
import { median, printTable, quantile, short, verdict, writeReport } from './bench/table.ts'
import { Gateway, type Person, sleep, temporaryFolder } from './neighbourhood.ts'
import { freePortBase } from './ports.ts'

const CONNECTIONS = Number(process.argv[2] ?? 10_000)
const ACCOUNTS = Math.min(100, CONNECTIONS)
const LETTERS = 100
const LETTER = `Subject: dull\r\n\r\n${'All work and no play makes a dull mail.\r\n'.repeat(120)}`
/** Connections made at a time: a full backlog would cost seconds of waiting. */
const WIDTH = 100
/** The gateway gives memory back after two looks that saw no work, 15 s apart, and the first of them may have seen some. */
const REST_MS = 50_000
const PUSHES = 200

/** A line-based client that keeps nothing but the end of what it was told. */
class Idler {
  readonly socket: Socket
  private text = ''
  hear: (text: string) => void = () => {}

  constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      this.text = (this.text + chunk).slice(-4096)
      this.hear(this.text)
    })
    socket.on('error', () => {})
  }

  async ask(line: string, last: RegExp): Promise<void> {
    this.text = ''
    if (line !== '') this.socket.write(`${line}\r\n`)
    await this.told(last)
  }

  /** @returns when it was told */
  told(what: RegExp): Promise<number> {
    return new Promise((resolve) => {
      this.hear = (text) => {
        if (!what.test(text)) return
        this.hear = () => {}
        resolve(performance.now())
      }
      this.hear(this.text)
    })
  }

  forget(): void {
    this.text = ''
  }
}

type Measured = { connections: number; beforeMb: number; afterMb: number; deliveryMs: number[]; pushMs: number[] }

const main = async (): Promise<void> => {
  const plain = await measure('plain')
  const tls = await measure('tls')
  const kb = ({ beforeMb, afterMb, connections }: Measured) => ((afterMb - beforeMb) * 1000) / connections
  const row = (what: string, m: Measured) => [
    what,
    short(m.beforeMb),
    short(m.afterMb),
    short(kb(m)),
    verdict(kb(m), '≤', 40),
  ]
  printTable([
    [`${CONNECTIONS} clients in IDLE, MB resident`, 'without', 'with', 'kB each', 'target'],
    row('in the clear', plain),
    row('over TLS', tls),
  ])
  const times = (what: string, ms: number[], target: number) => [
    what,
    short(median(ms)),
    short(quantile(ms, 0.99)),
    verdict(median(ms), '≤', target),
  ]
  printTable([
    ['from OK to the client, ms', 'median', 'p99', 'target'],
    times('a letter, to each of 100 that look', plain.deliveryMs, 100),
    times('the same over TLS', tls.deliveryMs, 100),
    times('one to one', plain.pushMs, 5),
    times('the same over TLS', tls.pushMs, 5),
  ])
  writeReport('idle', { plain, tls })
}

const measure = async (by: 'plain' | 'tls'): Promise<Measured> => {
  const gateway = new Gateway(temporaryFolder(), 'G', 'g.test', await freePortBase(1))
  await gateway.init('--plain-loopback')
  allowMany(gateway)
  await gateway.start()
  const clients: Idler[][] = []
  try {
    const open = async () => {
      const { imap, imaps } = gateway.ports
      const socket =
        by === 'plain'
          ? connect(imap, '127.0.0.1')
          : connectTls({ port: imaps, host: '127.0.0.1', rejectUnauthorized: false })
      await once(socket, by === 'plain' ? 'connect' : 'secureConnect')
      return new Idler(socket)
    }
    const people = await settle(gateway, open)
    await sleep(REST_MS)
    const beforeMb = residentMb(gateway)
    const left = Array.from({ length: CONNECTIONS }, (_, i) => i)
    const work = async () => {
      for (let i = left.pop(); i !== undefined; i = left.pop()) {
        const client = await open()
        await logIn(client, people[i % ACCOUNTS])
        await client.ask('i IDLE', /^\+ /m)
        clients[i % ACCOUNTS] = [...(clients[i % ACCOUNTS] ?? []), client]
      }
    }
    await Promise.all(Array.from({ length: WIDTH }, work))
    await sleep(REST_MS)
    const afterMb = residentMb(gateway)
    const writer = await open()
    await logIn(writer, people[0])
    const deliveryMs = await push(writer, people, clients)
    const pushMs = await push(
      writer,
      people,
      clients.map((all) => all.slice(0, 1)),
    )
    return { connections: CONNECTIONS, beforeMb, afterMb, deliveryMs, pushMs }
  } finally {
    for (const { socket } of clients.flat()) socket.destroy()
    await gateway.stop()
  }
}

const logIn = (client: Idler, person: Person | undefined): Promise<void> => {
  const greeted = client.ask('', /^\* OK/m)
  return greeted
    .then(() => client.ask(`l LOGIN ${person?.address} ${person?.password}`, /^l OK/m))
    .then(() => client.ask('s SELECT INBOX', /^s OK/m))
}

const settle = async (gateway: Gateway, open: () => Promise<Idler>): Promise<Person[]> => {
  const people: Person[] = []
  for (let i = 0; i < ACCOUNTS; i++) {
    const person = { address: `p${i}@g.test`, password: `the password of ${i}`.replaceAll(' ', '-') }
    await gateway.ask('user.add', person)
    people.push(person)
    const client = await open()
    await logIn(client, person)
    for (let n = 0; n < LETTERS; n++) await client.ask(`a APPEND INBOX {${LETTER.length}+}\r\n${LETTER}`, /^a OK/m)
    client.socket.destroy()
  }
  return people
}

/** One letter at a time into the INBOX of the one whose clients are at hand, and how long until each was told. */
const push = async (
  writer: Idler,
  people: readonly Person[],
  clients: readonly (readonly Idler[])[],
): Promise<number[]> => {
  const times: number[] = []
  for (let n = 0; n < PUSHES; n++) {
    const which = n % ACCOUNTS
    for (const client of clients[which] ?? []) client.forget()
    const heard = (clients[which] ?? []).map((client) => client.told(/EXISTS/))
    await logInAs(writer, people[which])
    writer.forget()
    writer.socket.write(`a APPEND INBOX {${LETTER.length}+}\r\n${LETTER}\r\n`)
    const done = await writer.told(/^a OK/m)
    for (const at of await Promise.all(heard)) times.push(Math.max(0, at - done))
  }
  return times
}

const logInAs = async (writer: Idler, person: Person | undefined): Promise<void> => {
  await writer.ask('u UNAUTHENTICATE', /^u OK/m)
  await writer.ask(`l LOGIN ${person?.address} ${person?.password}`, /^l OK/m)
}

/** Ten thousand clients of a few accounts, and all of them from here, are more than a gateway takes from anybody. */
const allowMany = (gateway: Gateway): void => {
  const path = join(gateway.home, 'vouchsafe.toml')
  const most = `sessions = 12000\nsessions_per_address = 12000\nsessions_per_account = 10000`
  const text = readFileSync(path, 'utf8').replace(/^(?:# )?sessions.*\n/gm, '')
  writeFileSync(
    path,
    text.replace(/^(?:# )?\[imap\]\n/m, (table) => `${table}${most}\n`),
  )
}

await main()
process.exit(0)
