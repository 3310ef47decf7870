/**
 * The servers that `bench:imap` asks the same things: ours, and Debian's Dovecot twice, once with Maildirs, once
 * with its own format sdbox. Each has the same letters on the same disk; the large mailbox is ours and the Maildir's.
 *
 * All three promise the same with the OK of an APPEND. Dovecot's default (mail_fsync = optimized) has the message, its
 * folder and the index on the disk by then: strace counts three syncs with sdbox, three to four with Maildirs, one
 * with ours. So the rows say as much about the disk and who else writes to it as about the servers.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startWalk } from '../../src/mail/walk.ts'
import { byAddress } from '../../store/account.ts'
import { flag } from '../../store/change.ts'
import { find } from '../../store/mailbox.ts'
import { append } from '../../store/message.ts'
import { draftOf } from '../../store/spool.ts'
import { openStore } from '../../store/store.ts'
import { indexNext } from '../../store/unindexed.ts'
import { Gateway } from '../neighbourhood.ts'
import { freePortBase } from '../ports.ts'
import { atRest } from './gateway.ts'
import { ImapClient } from './imap-client.ts'
import { type BenchLetter, benchLetter } from './letters.ts'
import { type Dovecot, startDovecot } from './peer.ts'

export type Server = {
  name: 'Vouchsafe' | 'maildir' | 'sdbox'
  port: number
  /** The mailbox of the measurements, one that fills while it is used, one that is nearly empty, and the large one. */
  user: string
  small: string
  large: string | undefined
  password: string
  /** Bytes that its sessions hold: the memory of our process, or that of Dovecot's, but what lies in files. */
  memory(): number
  /** Resolves when what its last work left for later is done. */
  rest(): Promise<void>
  stop(): Promise<unknown>
}

/** How many letters each mailbox has; `large` 0: nobody has that one. */
type Sizes = { letters: number; large: number }
type Whose = 'user' | 'large'

/** A server that does not serve yet: it is given its letters first, page by page, all servers the same page at a time. */
type Filling = {
  add(whose: Whose, letters: readonly BenchLetter[]): Promise<void>
  filled(): Promise<Server>
  /** For when it comes to nothing. */
  stop(): Promise<unknown>
}

const PASSWORD = 'a password of the bench'
/** As many as one transaction takes in well under a second. */
const FILL_PAGE = 500
const FILL_LANES = 4

/** All three, ours first. */
export const startServers = async (folder: string, { letters, large }: Sizes): Promise<Server[]> => {
  const all: Filling[] = []
  try {
    all.push(await fillingOurs(folder), await fillingMaildir(folder, large > 0), await fillingSdbox(folder))
    for (const [whose, count] of [['user', letters] as const, ['large', large] as const]) {
      for (let from = 0; from < count; from += FILL_PAGE) {
        const page = Array.from({ length: Math.min(FILL_PAGE, count - from) }, (_, i) => benchLetter(from + i))
        await Promise.all(all.map((each) => each.add(whose, page)))
      }
    }
    return await Promise.all(all.map((each) => each.filled()))
  } catch (error) {
    await Promise.allSettled(all.map((each) => each.stop()))
    throw error
  }
}

/** Straight into the store, as delivery does it; the gateway runs afterwards. */
const fillingOurs = async (folder: string): Promise<Filling> => {
  const gateway = new Gateway(folder, 'A', 'a.test', await freePortBase(1))
  await gateway.init('--net', 'bench', '--plain-loopback')
  const people = { user: '', small: '', large: '' }
  for (const name of ['user', 'small', 'large'] as const) people[name] = (await gateway.addUser(name, PASSWORD)).address
  allowManySessions(gateway.home)
  const store = await openStore(gateway.home)
  const inboxOf = async (address: string): Promise<number> => {
    const account = await byAddress(store.db, address)
    const inbox = account && (await find(store.db, account.id, 'INBOX'))
    return inbox?.id ?? Promise.reject(new Error(`${address} has no INBOX`))
  }
  const inboxes = { user: await inboxOf(people.user), large: await inboxOf(people.large) }
  return {
    async add(whose, letters) {
      const drafts = letters.map(async ({ bytes, isSeen, at }) => {
        const walk = startWalk()
        walk.push(bytes)
        const body = await draftOf(gateway.home, bytes)
        return { body, parsed: walk.end(), flags: isSeen ? flag.seen : 0, keywords: '', internalDate: at }
      })
      await append(store.db, inboxes[whose], await Promise.all(drafts))
      while (await indexNext(store.db, store.texts)); // as the gateway does when mail leaves it time
    },
    async filled() {
      await store.close()
      await gateway.start()
      return {
        name: 'Vouchsafe',
        port: gateway.ports.imap,
        ...people,
        password: PASSWORD,
        memory: () => proportional([Number(gateway.pid)]),
        rest: () => atRest(gateway),
        stop: () => gateway.stop(),
      }
    },
    stop: () => gateway.stop(),
  }
}

const fillingMaildir = async (folder: string, hasLarge: boolean): Promise<Filling> => {
  const dovecot = await startDovecot(folder, 'maildir')
  const folders = { user: join(dovecot.mail, 'user@b.test'), large: join(dovecot.mail, 'large@b.test') }
  for (const each of Object.values(folders))
    for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(each, part), { recursive: true })
  let count = 0
  return {
    async add(whose, letters) {
      const written = letters.map(({ bytes, isSeen, at }) => {
        const name = `${Math.floor(at / 1000)}.M${count++}P1.bench,S=${bytes.length}:2,${isSeen ? 'S' : ''}`
        return writeFile(join(folders[whose], 'cur', name), bytes)
      })
      await Promise.all(written)
    },
    async filled() {
      for (const each of Object.values(folders)) execFileSync('chown', ['-R', 'mail:mail', each])
      return peer('maildir', dovecot, hasLarge ? 'large@b.test' : undefined)
    },
    stop: () => dovecot.stop(),
  }
}

/** By APPEND, for only Dovecot writes that format. It has no large mailbox. */
const fillingSdbox = async (folder: string): Promise<Filling> => {
  const dovecot = await startDovecot(folder, 'sdbox')
  const login = () => ImapClient.login(dovecot.imap, 'user@b.test', PASSWORD)
  const maker = await login()
  await maker.ok('SELECT INBOX') // which makes it; the lanes would make it at once, and all but one be told that it is there
  await maker.logout()
  const clients: ImapClient[] = []
  while (clients.length < FILL_LANES) clients.push(await login())
  return {
    async add(whose, letters) {
      if (whose === 'large') return
      const lane = async (client: ImapClient, first: number) => {
        for (const { bytes, isSeen } of letters.filter((_, n) => n % FILL_LANES === first)) {
          const { status, text } = await client.append('INBOX', bytes, isSeen ? '\\Seen' : '')
          if (status !== 'OK') throw new Error(text)
        }
      }
      await Promise.all(clients.map(lane))
    },
    async filled() {
      await Promise.all(clients.map((client) => client.logout()))
      return peer('sdbox', dovecot, undefined)
    },
    stop: () => dovecot.stop(),
  }
}

const peer = (name: 'maildir' | 'sdbox', dovecot: Dovecot, large: string | undefined): Server => ({
  name,
  port: dovecot.imap,
  user: 'user@b.test',
  small: 'small@b.test',
  large,
  password: PASSWORD,
  memory: () => proportional(childrenNamed('imap', dovecot.pid)),
  rest: async () => {}, // it leaves nothing
  stop: () => dovecot.stop(),
})

/** The load is many sessions from one address. The keys of [imap], by their defaults: [smtp] has keys of the same names. */
const allowManySessions = (home: string): void => {
  const path = join(home, 'vouchsafe.toml')
  const text = readFileSync(path, 'utf8')
    .replace('# sessions = 1000', 'sessions = 20000')
    .replace('# sessions_per_address = 100', 'sessions_per_address = 20000')
    .replace('# sessions_per_account = 50', 'sessions_per_account = 10000')
  writeFileSync(path, text)
}

/**
 * Bytes of memory, a page that several processes share counted in equal parts. Without those of files, such as programs:
 * a part of them falls to the server whenever somebody else's Node or Dovecot ends.
 */
const proportional = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + proportionalOf(pid), 0)

const proportionalOf = (pid: number): number => {
  try {
    const kb = /^Pss_Anon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]
    return Number(kb) * 1024
  } catch {
    return 0 // the process of a session that has just ended
  }
}

const childrenNamed = (name: string, parent: number): number[] => {
  const out = execFileSync('ps', ['-o', 'pid=,comm=', '--ppid', String(parent)], { encoding: 'utf8' })
  return out.split('\n').flatMap((line) => {
    const [pid, comm] = line.trim().split(/\s+/)
    return comm === name ? [Number(pid)] : []
  })
}
