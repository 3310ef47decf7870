/**
 * The peers of the benchmarks, as Debian ships them: Postfix and Dovecot, each an instance of its own
 * below a temporary folder, on loopback, with the defaults of its authors but for the paths.
 * Both drop privileges themselves, so they want to be started by root.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sleep } from '../neighbourhood.ts'

export type Peer = { stop(): Promise<void> }

/** Installs what is missing of the Debian packages. */
export const installPeers = (): void => {
  const here = fileURLToPath(new URL('.', import.meta.url))
  const script = join(here, here.includes('/dist/') ? '../../..' : '../..', '.ci/install')
  execFileSync('bash', [script], { stdio: ['ignore', 'ignore', 'inherit'] })
  if (process.getuid?.() !== 0) throw new Error('Postfix and Dovecot start as root only: run this benchmark as root')
}

export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const at = server.address()
      server.close(() => resolve(at !== null && typeof at === 'object' ? at.port : 0))
    })
  })

/**
 * Postfix with an SMTP listener for everybody on loopback.
 *
 * @param transport where all mail goes: `discard:`, or `lmtp:inet:127.0.0.1:2424`
 */
export const startPostfix = async (folder: string, port: number, transport: string): Promise<Peer> => {
  chmodSync(folder, 0o711) // its processes walk through as the user postfix
  const home = join(folder, `postfix-${port}`)
  const [config, queue, data] = [join(home, 'config'), join(home, 'queue'), join(home, 'data')]
  for (const path of [config, queue, data]) mkdirSync(path, { recursive: true, mode: 0o755 })
  execFileSync('chown', ['postfix', data])
  writeFileSync(join(config, 'main.cf'), mainCf({ queue, data, log: join(home, 'log'), folder, transport }))
  writeFileSync(join(config, 'master.cf'), masterCf(port))
  const control = (verb: string) => execFileSync('postfix', ['-c', config, verb], { stdio: 'pipe' })
  control('start')
  await listens(port)
  return {
    async stop() {
      // Its own command ends the master whose pid its own folder names, and waits.
      control('stop')
      const pid = Number(readFileSync(join(queue, 'pid/master.pid'), 'utf8'))
      while (isAlive(pid)) await sleep(50)
    },
  }
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const mainCf = (at: { queue: string; data: string; log: string; folder: string; transport: string }): string => `
compatibility_level = 3.6
queue_directory = ${at.queue}
data_directory = ${at.data}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = ${at.log}
maillog_file_prefixes = ${at.folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
myhostname = peer.test
mydestination =
alias_maps =
local_recipient_maps =
default_transport = ${at.transport}
relay_domains =
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions =
`

/** The services of Debian's master.cf that this mail passes, with the limits of the original. */
const masterCf = (port: number): string => `
127.0.0.1:${port} inet n - n - - smtpd
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
lmtp      unix  - - n - - lmtp
anvil     unix  - - n - 1 anvil
proxymap  unix  - - n - - proxymap
tlsmgr    unix  - - n 1000? 1 tlsmgr
postlog   unix-dgram n - n - 1 postlogd
`

/** `mail` is the folder that has a mail folder for each user. */
export type Dovecot = Peer & { lmtp: number; imap: number; mail: string; pid: number }
type Storage = 'maildir' | 'sdbox'

/** Dovecot, its mail as Maildirs or in its own format: LMTP and IMAP without TLS, any name, any password. */
export const startDovecot = async (folder: string, storage: Storage = 'maildir'): Promise<Dovecot> => {
  chmodSync(folder, 0o711)
  const home = join(folder, `dovecot-${storage}`)
  mkdirSync(join(home, 'mail'), { recursive: true, mode: 0o711 })
  execFileSync('chown', ['mail:mail', join(home, 'mail')])
  const [lmtp, imap] = [await freePort(), await freePort()]
  const config = join(home, 'dovecot.conf')
  writeFileSync(config, dovecotConf(home, storage, lmtp, imap))
  const child = spawn('dovecot', ['-F', '-c', config], { stdio: ['ignore', 'inherit', 'inherit'] })
  await Promise.all([listens(lmtp), listens(imap)])
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

const ended = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  await gone
}

const listens = async (port: number): Promise<void> => {
  for (let tries = 0; !(await accepts(port)); tries++) {
    if (tries > 100) throw new Error(`nothing listens on port ${port}`)
    await sleep(50)
  }
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
