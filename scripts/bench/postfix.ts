/**
 * Postfix as the peer of the benchmarks. Mail for `MAILDIR_DOMAIN` is delivered by its own virtual(8) into a Maildir;
 * all other mail goes where `transport` says.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sleep } from '../neighbourhood.ts'
import { listens, type Peer } from './peer.ts'

export const MAILDIR_DOMAIN = 'maildir.test'

/** Thousands of messages take seconds. */
const DELIVERED_MS = 60_000

export type Postfix = Peer & {
  /** Resolves when so many messages lie in the Maildir, and takes them away. */
  delivered(count: number): Promise<void>
}

/** A second listener, with TLS from the first byte and a login that Dovecot answers for. */
type Submission = { port: number; certificate: string; key: string; logins: string }

type Options = { port: number; transport: string; submission?: Submission }

/**
 * Listens for everybody on loopback.
 *
 * @param transport `discard:`, or `lmtp:inet:127.0.0.1:2424`
 */
export const startPostfix = async (folder: string, options: Options): Promise<Postfix> => {
  chmodSync(folder, 0o711) // its processes walk through as the user postfix
  const home = join(folder, `postfix-${options.port}`)
  const [config, queue, data, mail] = ['config', 'queue', 'data', 'mail'].map((name) => join(home, name)) as Paths
  for (const path of [config, queue, data, mail]) mkdirSync(path, { recursive: true, mode: 0o755 })
  execFileSync('chown', ['postfix', data])
  execFileSync('chown', ['mail:mail', mail])
  const at = { queue, data, mail, log: join(home, 'log'), folder, transport: options.transport }
  writeFileSync(join(config, 'main.cf'), mainCf(at) + (options.submission ? tlsCf(options.submission) : ''))
  writeFileSync(join(config, 'master.cf'), submissionCf(options.submission) + masterCf(options.port))
  const control = (verb: string) => execFileSync('postfix', ['-c', config, verb], { stdio: 'pipe' })
  control('start')
  await listens(options.port)
  const letters = join(mail, 'box/new')
  return {
    async delivered(count) {
      const end = Date.now() + DELIVERED_MS
      while (filesIn(letters) < count) {
        if (Date.now() > end) throw new Error(`of ${count} messages only ${filesIn(letters)} were delivered`)
        await sleep(20)
      }
      rmSync(letters, { recursive: true }) // virtual(8) makes it again
    },
    async stop() {
      // Its own command ends the master whose pid its own folder names, and waits.
      control('stop')
      const pid = Number(readFileSync(join(queue, 'pid/master.pid'), 'utf8'))
      while (isAlive(pid)) await sleep(50)
    },
  }
}

type Paths = [config: string, queue: string, data: string, mail: string]

const filesIn = (folder: string): number => {
  try {
    return readdirSync(folder).length
  } catch {
    return 0 // nothing has come yet
  }
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

type At = Record<'queue' | 'data' | 'mail' | 'log' | 'folder' | 'transport', string>

const mainCf = (at: At): string => `
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
virtual_mailbox_domains = ${MAILDIR_DOMAIN}
virtual_mailbox_base = ${at.mail}
virtual_mailbox_maps = static:box/
virtual_minimum_uid = 1
virtual_uid_maps = static:${idOf('-u')}
virtual_gid_maps = static:${idOf('-g')}
`

/** Of the user mail. */
const idOf = (which: '-u' | '-g'): string => execFileSync('id', [which, 'mail'], { encoding: 'utf8' }).trim()

const tlsCf = ({ certificate, key, logins }: Submission): string => `
smtpd_tls_cert_file = ${certificate}
smtpd_tls_key_file = ${key}
smtpd_sasl_type = dovecot
smtpd_sasl_path = ${logins}
`

const submissionCf = (submission: Submission | undefined): string =>
  submission === undefined
    ? ''
    : `
127.0.0.1:${submission.port} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
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
virtual   unix  - n n - - virtual
lmtp      unix  - - n - - lmtp
anvil     unix  - - n - 1 anvil
proxymap  unix  - - n - - proxymap
tlsmgr    unix  - - n 1000? 1 tlsmgr
postlog   unix-dgram n - n - 1 postlogd
`
