/**
 * What `bench:imap` measures with sessions that come, go, wait and work side by side.
 */
import { performance } from 'node:perf_hooks'
import { seeded } from '../../test/village/random.ts'
import { sleep } from '../neighbourhood.ts'
import { Reader } from './client.ts'
import { ImapClient } from './imap-client.ts'
import { timed } from './imap-rows.ts'
import type { Server } from './imap-servers.ts'
import { benchLetter } from './letters.ts'
import { median } from './table.ts'

const loginOf = ({ port, user, password }: Server) => ImapClient.login(port, user, password)

/** One after the other: tries at a password that are judged at once count as guesses. */
const loginMany = async (server: Server, count: number): Promise<ImapClient[]> => {
  const clients: ImapClient[] = []
  while (clients.length < count) clients.push(await loginOf(server))
  return clients
}

/** @returns messages a second, each on the disk before the next is sent on its connection */
export const measureAppend = async (server: Server, connections: number, count: number): Promise<number> => {
  const clients = await loginMany(server, connections)
  const [first] = clients
  await first?.ok('CREATE Filling')
  const each = Math.floor(count / connections)
  const letters = Array.from({ length: count }, (_, n) => benchLetter(n).bytes) // to make one takes a tenth of a ms
  const ms = await timed(() =>
    Promise.all(
      clients.map(async (client, lane) => {
        for (const letter of letters.slice(lane * each, (lane + 1) * each)) {
          const { status, text } = await client.append('Filling', letter)
          if (status !== 'OK') throw new Error(text)
        }
      }),
    ),
  )
  await first?.ok('DELETE Filling')
  await Promise.all(clients.map((client) => client.logout()))
  return (1000 * each * connections) / ms
}

/** Sessions one after the other. `login` is the median ms from connecting to the answer to LOGIN; `rate` is whole sessions a second. */
export const measureSessions = async (server: Server, count: number): Promise<{ login: number; rate: number }> => {
  const logins: number[] = []
  const start = performance.now()
  for (let i = 0; i < count; i++) {
    const at = performance.now()
    const client = await ImapClient.login(server.port, server.small, server.password)
    logins.push(performance.now() - at)
    await client.logout()
  }
  return { login: median(logins), rate: (1000 * count) / (performance.now() - start) }
}

/** Dovecot tells twice a second: what takes so long is known after a few. */
const PUSHES_MS = 3000

/** Median ms from the first byte of an APPEND until a session in IDLE hears EXISTS: the time of the disk is in it. */
export const measurePush = async (server: Server, count: number): Promise<number> => {
  const reader = new Reader(server.port)
  await reader.idle(server.small, server.password)
  const client = await ImapClient.login(server.port, server.small, server.password)
  const times: number[] = []
  const until = performance.now() + PUSHES_MS
  for (let i = 0; i < count && performance.now() < until; i++) {
    const letter = benchLetter(i).bytes
    await sleep(20)
    const at = performance.now()
    const seen = reader.sees(reader.count + 1)
    await client.append('INBOX', letter)
    times.push((await seen) - at)
  }
  await Promise.all([reader.close(), client.close()])
  return median(times)
}

/** So many connections are opened at a time. */
const OPENING = 5
/** What came with the opening is given back, or not. */
const SETTLE_MS = 5000
/** A process of a session that was closed is gone by then. */
const CLOSE_MS = 2000

/** Bytes for each of `count` sessions in IDLE. */
export const measureIdle = async (server: Server, count: number): Promise<number> => {
  const before = server.memory()
  const readers = Array.from({ length: count }, () => undefined as Reader | undefined)
  let next = 0
  const open = async () => {
    const reader = new Reader(server.port)
    readers[next++] = reader
    await reader.idle(server.small, server.password)
  }
  const lane = async () => {
    while (next < count) await open()
  }
  await open() // alone: from then on the password is known, and tries side by side are no guesses
  await Promise.all(Array.from({ length: OPENING }, lane))
  await sleep(SETTLE_MS)
  const each = (server.memory() - before) / count
  await Promise.all(readers.map((reader) => reader?.close()))
  await sleep(CLOSE_MS)
  return each
}

/**
 * Sessions that each do what comes next by chance, as fast as they are answered: half of it reading one message or
 * some, the rest looking, searching, marking and adding.
 *
 * @returns commands a second
 */
export const measureMixed = async (
  server: Server,
  connections: number,
  ms: number,
  letters: number,
): Promise<number> => {
  const clients = await loginMany(server, connections)
  await Promise.all(clients.map((client) => client.ok('SELECT INBOX')))
  const end = performance.now() + ms
  let answered = 0
  const lane = async (client: ImapClient, seed: number) => {
    const random = seeded(seed)
    const some = () => {
      const from = random.between(1, letters - 20)
      return `${from}:${from + random.between(0, 19)}`
    }
    while (performance.now() < end) {
      const command = random.pick([
        () => `UID FETCH ${random.between(1, letters)} (BODY.PEEK[])`,
        () => `UID FETCH ${some()} (FLAGS ENVELOPE)`,
        () => `UID FETCH ${some()} (FLAGS BODYSTRUCTURE)`,
        () => `UID FETCH ${some()} (BODY.PEEK[HEADER.FIELDS (SUBJECT)])`,
        () => `UID STORE ${random.between(1, letters)} +FLAGS.SILENT (\\Answered)`,
        () => `UID STORE ${random.between(1, letters)} -FLAGS.SILENT (\\Answered)`,
        () => 'NOOP',
        () => 'STATUS INBOX (MESSAGES UNSEEN UIDNEXT)',
        () => 'UID SEARCH UNSEEN',
        () => 'LIST "" "%"',
      ])()
      await client.ok(command)
      answered++
    }
  }
  const taken = await timed(() => Promise.all(clients.map((client, i) => lane(client, i + 1))))
  await Promise.all(clients.map((client) => client.logout()))
  return (1000 * answered) / taken
}
