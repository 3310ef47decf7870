/**
 * `npm run bench:imap`: the same questions to our IMAP server and to Debian's Dovecot, with Maildirs and with sdbox,
 * in turn, over plain connections, on one disk, about the same letters of 5 kB. Some ten minutes on two cores.
 *
 *   npm run bench:imap -- --quick     a tenth of the letters, two rounds: whether all of it works
 *   npm run bench:imap -- --only SEARCH   the rows whose name holds that
 *
 * A ratio is of the medians; above 1 we are the faster or the smaller one. What is to be reached is the target beside
 * the better of the two.
 */

import { seeded } from '../test/village/random.ts'
import { ImapClient } from './bench/imap-client.ts'
import { measureAppend, measureIdle, measureMixed, measurePush, measureSessions } from './bench/imap-load.ts'
import { changeRows, largeRows, measureChanges, type Row, readRows } from './bench/imap-rows.ts'
import { type Server, startServers } from './bench/imap-servers.ts'
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
/** Some answers take seconds, and those differ by little: no further round when one row has taken so long. */
const ROW_MS = 5000
/**
 * Unmeasured rounds come first, for all servers the same: Node compiles what has run often, and a server that has been up
 * for a day has. Ours takes APPEND at 280 a second when it has started and at 800 after 6000 of them, STORE of 10 000
 * takes 40 ms and then some 15. So a row is warmed that long, with all servers together, and so is each load with each
 * server.
 */
const WARM_ROW_MS = isQuick ? 500 : 4000
const WARM_LOAD_MS = isQuick ? 1000 : 10_000
const WARM_CHANGES = isQuick ? 1 : 10
const APPEND_ROUNDS = isQuick ? 1 : 5
const APPENDS = isQuick ? 100 : 300
const SESSIONS = isQuick ? 50 : 200
const PUSHES = isQuick ? 5 : 20
const MIXED_MS = isQuick ? 1000 : 3000
const MIXED_ROUNDS = isQuick ? 2 : 4
const MIXED_CLIENTS = 20
const IDLE = 100
const IDLE_ROUNDS = isQuick ? 1 : 3
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
  const servers = await startServers(folder, sizes)
  try {
    say(`${LETTERS} letters in each`)
    await idleSessions(servers)
    await rowsOf(servers, 'user', readRows, '')
    await changes(servers)
    const withLarge = servers.filter(({ large }) => large !== undefined)
    if (sizes.large > 0) await rowsOf(withLarge, 'large', largeRows, IN_LARGE)
    await load(servers)
    report()
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

/** Each row some times unmeasured, then in turn, as often as there is time for. */
const rowsOf = async (
  servers: Server[],
  whose: 'user' | 'large',
  rows: readonly Row[],
  behind: string,
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
    const round = async (seed: number, isCounted: boolean): Promise<void> => {
      for (const [server, { client }] of clients) {
        const ms = await row.measure(client, seeded(seed), letters)
        if (isCounted) note(server, row.what + behind, 'ms', row.target, ms)
      }
    }
    const start = performance.now()
    let seed = 0
    while (seed === 0 || performance.now() < start + WARM_ROW_MS) await round(++seed, false)
    const until = performance.now() + ROW_MS
    for (let n = 0; n < 1 || (n < ROUNDS && performance.now() < until); n++) await round(++seed, true)
    say(row.what + behind)
  }
  for (const { client } of clients.values()) await client.logout()
}

const changes = async (servers: Server[]): Promise<void> => {
  if (!changeRows.some(wants)) return
  for (let round = -WARM_CHANGES; round < ROUNDS; round++) {
    for (const server of servers) {
      const client = await ImapClient.login(server.port, server.user, server.password)
      const figures = await measureChanges(client)
      if (round >= 0) for (const what of changeRows) note(server, what, 'ms', 1, figures[what])
      await client.logout()
      await server.rest()
    }
  }
  say('STORE, COPY, MOVE, EXPUNGE')
}

const load = async (servers: Server[]): Promise<void> => {
  const each = async (what: string, rounds: number, measure: (server: Server, isCounted: boolean) => Promise<void>) => {
    if (!wants(what)) return
    for (const server of servers) {
      const until = performance.now() + WARM_LOAD_MS
      while (performance.now() < until) await measure(server, false)
      await server.rest()
    }
    for (let round = 0; round < rounds; round++) {
      for (const server of servers) {
        await measure(server, true)
        await server.rest()
      }
    }
    say(what)
  }
  for (const connections of [1, 4]) {
    const what = `APPEND, ${connections} at a time`
    await each(what, APPEND_ROUNDS, async (server, isCounted) => {
      const rate = await measureAppend(server, connections, APPENDS)
      if (isCounted) note(server, what, '/s', 1.5, rate)
    })
  }
  await each('connect and LOGIN', 1, async (server, isCounted) => {
    const { login, rate } = await measureSessions(server, SESSIONS)
    if (isCounted) note(server, 'connect and LOGIN', 'ms', 1.5, login)
    if (isCounted) note(server, 'sessions one by one', '/s', 1.5, rate)
  })
  await each('IDLE push', 1, async (server, isCounted) => {
    const ms = await measurePush(server, PUSHES)
    if (isCounted) note(server, 'IDLE push', 'ms', 1, ms, 5)
  })
  await each(`mixed commands, ${MIXED_CLIENTS} at a time`, MIXED_ROUNDS, async (server, isCounted) => {
    const rate = await measureMixed(server, MIXED_CLIENTS, MIXED_MS, LETTERS)
    if (isCounted) note(server, `mixed commands, ${MIXED_CLIENTS} at a time`, '/s', 1, rate)
  })
}

/**
 * Before anything else: what work leaves behind for later would be taken for the sessions' own. So would what the first
 * sessions leave: each takes 80 kB of memory that lives for one command, and until the collector begins again at its
 * beginning that is memory never touched before. So as many are opened and closed first.
 */
const idleSessions = async (servers: Server[]): Promise<void> => {
  if (!wants('idle sessions')) return
  for (const server of servers) {
    const counts: number[] = Array.from({ length: IDLE_ROUNDS }, () => IDLE)
    if (server.name === 'Vouchsafe') counts.push(MANY_IDLE)
    await measureIdle(server, IDLE)
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
    const to = (peer: number | undefined) => peer && (unit === '/s' ? ours / peer : peer / ours)
    const [toMaildir, toSdbox] = [to(maildir), to(sdbox)]
    const ratio = Math.min(toMaildir ?? Number.NaN, toSdbox ?? toMaildir ?? Number.NaN)
    return { what, unit, ours, maildir, sdbox, toMaildir, toSdbox, ratio, target, limit, runs }
  })
  const cell = (value: number | undefined, unit: string) => (value === undefined ? '' : `${short(value)} ${unit}`)
  printTable([
    [`${LETTERS} letters of 5 kB`, 'Vouchsafe', 'Dovecot maildir', 'sdbox', 'to maildir', 'to sdbox', 'target'],
    ...rows.map(({ what, unit, ours, maildir, sdbox, toMaildir, toSdbox, ratio, target, limit }) => [
      what,
      cell(ours, unit),
      cell(maildir, unit),
      cell(sdbox, unit),
      cell(toMaildir, '×'),
      cell(toSdbox, '×'),
      limit === undefined ? verdict(ratio, '≥', target) : verdict(ours, '≤', limit),
    ]),
  ])
  writeReport('imap', { letters: LETTERS, large: LARGE, rows })
}

await main()
