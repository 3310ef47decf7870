/**
 * The servers that `bench:imap` asks the same things: ours, and Debian's Dovecot twice, once with Maildirs, once
 * with its own format sdbox. Each has the same letters on the same disk; the large mailbox is ours and the Maildir's.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startWalk } from '../../src/mail/walk.ts'
import { byAddress } from '../../store/account.ts'
import { flag } from '../../store/change.ts'
import { find } from '../../store/mailbox.ts'
import { append } from '../../store/message.ts'
import { draftOf } from '../../store/spool.ts'
import { openStore } from '../../store/store.ts'
import { indexNext } from '../../store/unindexed.ts'
import { freePortBase, Gateway } from '../neighbourhood.ts'
import { ImapClient } from './imap-client.ts'
import { benchLetter } from './letters.ts'
import { startDovecot } from './peer.ts'

export type Server = {
  name: 'Vouchsafe' | 'maildir' | 'sdbox'
  port: number
  /** The mailbox of the measurements, one that fills while it is used, one that is nearly empty, and the large one. */
  user: string
  small: string
  large: string | undefined
  password: string
  /** Bytes that its sessions hold: the memory of our process, or that of Dovecot's, shared pages divided. */
  memory(): number
  stop(): Promise<unknown>
}

export type Sizes = { letters: number; large: number }

const PASSWORD = 'a password of the bench'
/** As many as one transaction takes in well under a second. */
const FILL_PAGE = 500
const FILL_LANES = 4

export const startOurs = async (folder: string, { letters, large }: Sizes): Promise<Server> => {
  const gateway = new Gateway(folder, 'A', 'a.test', await freePortBase(1))
  await gateway.init('--net', 'bench', '--plain-loopback')
  const people = []
  for (const name of ['user', 'small', 'large']) people.push(await gateway.addUser(name, PASSWORD))
  const [user, small, big] = people.map(({ address }) => address) as [string, string, string]
  allowManySessions(gateway.home)
  await fillOurs(gateway.home, user, letters)
  await fillOurs(gateway.home, big, large)
  await gateway.start()
  return {
    name: 'Vouchsafe',
    port: gateway.ports.imap,
    user,
    small,
    large: big,
    password: PASSWORD,
    memory: () => proportional([Number(gateway.pid)]),
    stop: () => gateway.stop(),
  }
}

export const startPeer = async (folder: string, name: 'maildir' | 'sdbox', sizes: Sizes): Promise<Server> => {
  const dovecot = await startDovecot(folder, name)
  const large = name === 'maildir' && sizes.large > 0 ? 'large@b.test' : undefined
  if (name === 'maildir') {
    fillMaildir(join(dovecot.mail, 'user@b.test'), sizes.letters)
    if (large) fillMaildir(join(dovecot.mail, large), sizes.large)
  } else await fillByAppend(dovecot.imap, 'user@b.test', sizes.letters)
  return {
    name,
    port: dovecot.imap,
    user: 'user@b.test',
    small: 'small@b.test',
    large,
    password: PASSWORD,
    memory: () => proportional(childrenNamed('imap', dovecot.pid)),
    stop: () => dovecot.stop(),
  }
}

/** The load is many sessions from one address. The keys of [imap], by their defaults: [smtp] has keys of the same names. */
const allowManySessions = (home: string): void => {
  const path = join(home, 'vouchsafe.toml')
  const text = readFileSync(path, 'utf8')
    .replace('# sessions = 1000', 'sessions = 20000')
    .replace('# sessions_per_address = 100', 'sessions_per_address = 20000')
    .replace('# sessions_per_account = 50', 'sessions_per_account = 10000')
  writeFileSync(path, text)
}

/** Straight into the store, as delivery does it; the gateway does not run yet. */
const fillOurs = async (home: string, address: string, count: number): Promise<void> => {
  const store = await openStore(home)
  const account = await byAddress(store.db, address)
  const inbox = account && (await find(store.db, account.id, 'INBOX'))
  if (!inbox) throw new Error(`${address} has no INBOX`)
  for (let from = 0; from < count; from += FILL_PAGE) {
    const page = Array.from({ length: Math.min(FILL_PAGE, count - from) }, (_, i) => benchLetter(from + i))
    const drafts = page.map(async ({ bytes, isSeen, at }) => {
      const walk = startWalk()
      walk.push(bytes)
      return {
        body: await draftOf(home, bytes),
        parsed: walk.end(),
        flags: isSeen ? flag.seen : 0,
        keywords: '',
        internalDate: at,
      }
    })
    await append(store.db, inbox.id, await Promise.all(drafts))
  }
  while (await indexNext(store.db, store.texts)); // as the gateway does when mail leaves it time
  await store.close()
}

const fillMaildir = (folder: string, count: number): void => {
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(folder, part), { recursive: true })
  for (let n = 0; n < count; n++) {
    const { bytes, isSeen, at } = benchLetter(n)
    const name = `${Math.floor(at / 1000)}.M${n}P1.bench,S=${bytes.length}:2,${isSeen ? 'S' : ''}`
    writeFileSync(join(folder, 'cur', name), bytes)
  }
  execFileSync('chown', ['-R', 'mail:mail', folder])
}

const fillByAppend = async (port: number, user: string, count: number): Promise<void> => {
  const lane = async (first: number) => {
    const client = await ImapClient.login(port, user, PASSWORD)
    for (let n = first; n < count; n += FILL_LANES) {
      const { bytes, isSeen } = benchLetter(n)
      const { status, text } = await client.append('INBOX', bytes, isSeen ? '\\Seen' : '')
      if (status !== 'OK') throw new Error(text)
    }
    await client.logout()
  }
  await Promise.all(Array.from({ length: FILL_LANES }, (_, i) => lane(i)))
}

/** Bytes of memory, a page that several processes share counted in equal parts. */
const proportional = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    const path = `/proc/${pid}/smaps_rollup`
    if (!existsSync(path)) return sum // the process of a session that has just ended
    const kb = /^Pss:\s+(\d+) kB/m.exec(readFileSync(path, 'utf8'))?.[1]
    return sum + Number(kb) * 1024
  }, 0)

const childrenNamed = (name: string, parent: number): number[] => {
  const out = execFileSync('ps', ['-o', 'pid=,comm=', '--ppid', String(parent)], { encoding: 'utf8' })
  return out.split('\n').flatMap((line) => {
    const [pid, comm] = line.trim().split(/\s+/)
    return comm === name ? [Number(pid)] : []
  })
}
