/**
 * `npm run bench:imap`: the same questions to our IMAP server and to Debian's Dovecot, with Maildirs and with sdbox,
 * in turn, over plain connections, on one disk, about the same letters of 5 kB.
 *
 *   npm run bench:imap -- --quick     a tenth of the letters, two rounds: whether all of it works
 *   npm run bench:imap -- --only SEARCH   the rows whose name holds that
 *
 * A ratio is of the medians, to the better of the two; above 1 we are the faster or the smaller one.
 */

import { seeded } from '../test/village/random.ts'
import { ImapClient } from './bench/imap-client.ts'
import { measureAppend, measureIdle, measureMixed, measurePush, measureSessions } from './bench/imap-load.ts'
import { changeRows, largeRows, measureChanges, type Row, readRows } from './bench/imap-rows.ts'
import { type Server, startOurs, startPeer } from './bench/imap-servers.ts'
import { installPeers } from './bench/peer.ts'
import { median, printTable, short, verdict, writeReport } from './bench/table.ts'
import { temporaryFolder } from './neighbourhood.ts'

const isQuick = process.argv.includes('--quick')
const only = process.argv[process.argv.indexOf('--only') + 1] ?? ''
const wants = (what: string): boolean => !process.argv.includes('--only') || what.includes(only)

const LETTERS = isQuick ? 2000 : 10_000
const LARGE = isQuick ? 4000 : 100_000
const IN_LARGE = ` in ${LARGE}`
const ROUNDS = isQuick ? 2 : 5
/** Some answers take seconds. */
const LARGE_ROUNDS = isQuick ? 1 : 2
const APPEND_ROUNDS = isQuick ? 1 : 3
const APPENDS = isQuick ? 100 : 300
const SESSIONS = isQuick ? 50 : 200
const PUSHES = isQuick ? 5 : 20
const MIXED_MS = isQuick ? 1000 : 3000
const MIXED_CLIENTS = 20
const IDLE = 100
/** The first few cost what all of them share. */
const WARM_IDLE = 20
const MANY_IDLE = isQuick ? 1000 : 10_000

type Unit = 'ms' | '/s' | 'kB'
type Line = {
  what: string
  unit: Unit
  target: number
  limit?: number
  runs: Partial<Record<Server['name'], number[]>>
}

const lines: Line[] = []

/** Notes one figure of one server. `limit` is an absolute one to stay below, in the line's unit. */
const note = (server: Server, what: string, unit: Unit, target: number, value: number, limit?: number): void => {
  let line = lines.find((one) => one.what === what)
  if (!line) {
    line = { what, unit, target, runs: {}, ...(limit !== undefined && { limit }) }
    lines.push(line)
  }
  line.runs[server.name] = [...(line.runs[server.name] ?? []), value]
}

const main = async (): Promise<void> => {
  installPeers()
  const folder = temporaryFolder()
  const wantsLarge = largeRows.some(({ what }) => wants(`${what}${IN_LARGE}`))
  const sizes = { letters: LETTERS, large: wantsLarge ? LARGE : 0 }
  const servers: Server[] = []
  try {
    servers.push(await startOurs(folder, sizes))
    for (const name of ['maildir', 'sdbox'] as const) servers.push(await startPeer(folder, name, sizes))
    say(`${LETTERS} letters in each`)
    await idleSessions(servers)
    await rowsOf(servers, 'user', readRows, '', ROUNDS)
    await changes(servers)
    const withLarge = servers.filter(({ large }) => large !== undefined)
    if (sizes.large > 0) await rowsOf(withLarge, 'large', largeRows, IN_LARGE, LARGE_ROUNDS)
    await load(servers)
    report()
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

/** Each row once unmeasured, then in turn. */
const rowsOf = async (
  servers: Server[],
  whose: 'user' | 'large',
  rows: readonly Row[],
  behind: string,
  rounds: number,
): Promise<void> => {
  const letters = whose === 'user' ? LETTERS : LARGE
  const clients = new Map<Server, { client: ImapClient; offers: string }>()
  for (const server of servers) {
    const client = await ImapClient.login(server.port, server[whose] ?? '', server.password)
    await client.ok('SELECT INBOX')
    clients.set(server, { client, offers: (await client.ok('CAPABILITY')).toString() })
  }
  // What we do not offer yet is not compared.
  const ours = [...clients.values()][0]?.offers ?? ''
  const isOffered = ({ needs }: Row) => needs === undefined || ours.includes(` ${needs}`)
  for (const row of rows.filter((row) => wants(row.what + behind) && isOffered(row))) {
    for (let round = -1; round < rounds; round++) {
      for (const [server, { client }] of clients) {
        const ms = await row.measure(client, seeded(round + 2), letters)
        if (round >= 0) note(server, row.what + behind, 'ms', row.target, ms)
      }
    }
    say(row.what + behind)
  }
  for (const { client } of clients.values()) await client.logout()
}

const changes = async (servers: Server[]): Promise<void> => {
  if (!changeRows.some(wants)) return
  for (let round = -1; round < ROUNDS; round++) {
    for (const server of servers) {
      const client = await ImapClient.login(server.port, server.user, server.password)
      const figures = await measureChanges(client)
      if (round >= 0) for (const what of changeRows) note(server, what, 'ms', 1, figures[what])
      await client.logout()
    }
  }
  say('STORE, COPY, MOVE, EXPUNGE')
}

const load = async (servers: Server[]): Promise<void> => {
  const each = async (what: string, rounds: number, measure: (server: Server, isCounted: boolean) => Promise<void>) => {
    if (!wants(what)) return
    for (let round = -1; round < rounds; round++) for (const server of servers) await measure(server, round >= 0)
    say(what)
  }
  for (const connections of [1, 4]) {
    const what = `APPEND, ${connections} at a time`
    await each(what, APPEND_ROUNDS, async (server, isCounted) => {
      const rate = await measureAppend(server, connections, isCounted ? APPENDS : 50)
      if (isCounted) note(server, what, '/s', 1.5, rate)
    })
  }
  await each('connect and LOGIN', 1, async (server, isCounted) => {
    const { login, rate } = await measureSessions(server, SESSIONS)
    if (isCounted) note(server, 'connect and LOGIN', 'ms', 1.5, login)
    if (isCounted) note(server, 'sessions one by one', '/s', 1.5, rate)
  })
  await each('IDLE push', 1, async (server, isCounted) => {
    const ms = await measurePush(server, isCounted ? PUSHES : 2)
    if (isCounted) note(server, 'IDLE push', 'ms', 1, ms, 5)
  })
  await each(`mixed commands, ${MIXED_CLIENTS} at a time`, 2, async (server, isCounted) => {
    const rate = await measureMixed(server, MIXED_CLIENTS, isCounted ? MIXED_MS : 1000, LETTERS)
    if (isCounted) note(server, `mixed commands, ${MIXED_CLIENTS} at a time`, '/s', 1, rate)
  })
}

/** Before anything else: what work leaves behind for later would be taken for the sessions' own. */
const idleSessions = async (servers: Server[]): Promise<void> => {
  if (!wants('idle sessions')) return
  for (const server of servers) {
    const counts = server.name === 'Vouchsafe' ? [IDLE, MANY_IDLE] : [IDLE]
    await measureIdle(server, WARM_IDLE)
    for (const count of counts) {
      const bytes = await measureIdle(server, count)
      // A collection in between may give back more than a hundred sessions take: that measured nothing.
      if (bytes > 0) note(server, `${count} idle sessions, each`, 'kB', 1, bytes / 1024, 40)
    }
  }
  say('idle sessions')
}

const start = Date.now()
const say = (what: string): void => console.log(`${((Date.now() - start) / 1000).toFixed(0).padStart(4)} s   ${what}`)

const report = (): void => {
  const rows = lines.map(({ what, unit, target, limit, runs }) => {
    const medians = Object.fromEntries(Object.entries(runs).map(([name, values]) => [name, median(values)]))
    const { Vouchsafe: ours = Number.NaN, maildir, sdbox } = medians
    const peers = [maildir, sdbox].filter((value) => value !== undefined)
    const best = unit === '/s' ? Math.max(...peers) : Math.min(...peers)
    const ratio = peers.length === 0 ? undefined : unit === '/s' ? ours / best : best / ours
    return { what, unit, ours, maildir, sdbox, ratio, target, limit, runs }
  })
  const cell = (value: number | undefined, unit: string) => (value === undefined ? '' : `${short(value)} ${unit}`)
  printTable([
    [`${LETTERS} letters of 5 kB`, 'Vouchsafe', 'Dovecot maildir', 'sdbox', 'ratio', 'target'],
    ...rows.map(({ what, unit, ours, maildir, sdbox, ratio, target, limit }) => [
      what,
      cell(ours, unit),
      cell(maildir, unit),
      cell(sdbox, unit),
      ratio === undefined ? '' : `${short(ratio)} ×`,
      limit === undefined ? verdict(ratio ?? Number.NaN, '≥', target) : verdict(ours, '≤', limit),
    ]),
  ])
  writeReport('imap', { letters: LETTERS, large: LARGE, rows })
}

await main()
