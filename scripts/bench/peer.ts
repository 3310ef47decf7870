/**
 * The peers of the benchmarks, as Debian ships them: Dovecot here, Postfix in postfix.ts, each an instance of its own
 * below a temporary folder, on loopback, with the defaults of its authors but for the paths.
 * Both drop privileges themselves, so they want to be started by root.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { until } from '../neighbourhood.ts'
import { freePort } from '../ports.ts'

export type Peer = { stop(): Promise<void> }

/** Installs what is missing of the Debian packages. */
export const installPeers = (): void => {
  const here = fileURLToPath(new URL('.', import.meta.url))
  const script = join(here, here.includes('/dist/') ? '../../..' : '../..', '.ci/install')
  execFileSync('bash', [script], { stdio: ['ignore', 'ignore', 'inherit'] })
  if (process.getuid?.() !== 0) throw new Error('Postfix and Dovecot start as root only: run this benchmark as root')
}

/** `mail` is the folder that has a mail folder for each user. */
export type Dovecot = Peer & { lmtp: number; imap: number; mail: string; pid: number }
type Storage = 'maildir' | 'sdbox'

/**
 * Dovecot, its mail as Maildirs or in its own format: LMTP and IMAP without TLS, any name, any password.
 *
 * @param more lines of its configuration, besides
 */
export const startDovecot = async (folder: string, storage: Storage = 'maildir', more = ''): Promise<Dovecot> => {
  chmodSync(folder, 0o711)
  const home = join(folder, `dovecot-${storage}`)
  mkdirSync(join(home, 'mail'), { recursive: true, mode: 0o711 })
  execFileSync('chown', ['mail:mail', join(home, 'mail')])
  const [lmtp, imap] = [await freePort(), await freePort()]
  const config = join(home, 'dovecot.conf')
  writeFileSync(config, dovecotConf(home, storage, lmtp, imap) + more)
  const child = spawn('dovecot', ['-F', '-c', config], { stdio: ['ignore', 'inherit', 'inherit'] })
  await Promise.all([lmtp, imap].map((port) => listens(port, child, join(home, 'log'))))
  return { lmtp, imap, mail: join(home, 'mail'), pid: child.pid ?? 0, stop: () => ended(child) }
}

const dovecotConf = (home: string, storage: Storage, lmtp: number, imap: number): string => `
base_dir = ${home}/run
state_dir = ${home}/state
log_path = ${home}/log
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = ${storage}:${home}/mail/%u
# All clients of a bench come from one address.
mail_max_userip_connections = 10000
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=mail gid=mail home=${home}/mail/%u
}
namespace inbox {
  inbox = yes
}
service imap-login {
  inet_listener imap {
    port = ${imap}
  }
  inet_listener imaps {
    port = 0
  }
}
service lmtp {
  inet_listener lmtp {
    port = ${lmtp}
  }
}
`

/** Dovecot's logins alone, for Postfix: any name, any password. */
export const startLogins = async (folder: string, socket: string): Promise<Peer> => {
  const home = join(folder, 'logins')
  mkdirSync(home, { recursive: true, mode: 0o711 })
  const config = join(home, 'dovecot.conf')
  writeFileSync(config, loginsConf(home, socket))
  const child = spawn('dovecot', ['-F', '-c', config], { stdio: ['ignore', 'inherit', 'inherit'] })
  await until(`Dovecot listens at ${socket}`, async () => existsSync(socket))
  return { stop: () => ended(child) }
}

const loginsConf = (home: string, socket: string): string => `
base_dir = ${home}/run
state_dir = ${home}/state
log_path = ${home}/log
protocols =
ssl = no
passdb {
  driver = static
  args = nopassword=y
}
service auth {
  unix_listener ${socket} {
    mode = 0666
  }
}
`

const ended = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await gone
}

/**
 * Resolves when something listens there.
 *
 * @param child who was to, @param log and what it writes to
 * @throws Error when it has ended instead, with the end of its log, or after 40 s
 */
export const listens = (port: number, child?: ChildProcess, log?: string): Promise<void> =>
  until(`something listens on port ${port}`, async () => {
    if (child !== undefined && (child.exitCode ?? child.signalCode) !== null)
      throw new Error(
        `what was to listen on port ${port} ended:\n${log && existsSync(log) ? readFileSync(log, 'utf8').slice(-4000) : ''}`,
      )
    return accepts(port)
  })

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
