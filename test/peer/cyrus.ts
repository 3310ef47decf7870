/**
 * Debian's Cyrus below a temporary folder: LMTP on loopback, and a mailbox for whoever gets mail. It is read from its
 * files: Debian lets nobody have the IMAP servers of Cyrus and Dovecot both. Its master gives up root for `cyrus` by itself.
 */
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { listens } from '../../scripts/bench/peer.ts'
import { freePort } from '../../scripts/ports.ts'

export type Cyrus = {
  lmtp: number
  /** Of the letters in the INBOX of a person. */
  subjects(address: string): string[]
  stop(): Promise<void>
}

export const startCyrus = async (folder: string): Promise<Cyrus> => {
  chmodSync(folder, 0o711)
  const home = join(folder, 'cyrus')
  for (const name of ['conf/socket', 'spool', 'run']) mkdirSync(join(home, name), { recursive: true })
  const lmtp = await freePort()
  const [settings, services] = [join(home, 'imapd.conf'), join(home, 'cyrus.conf')]
  writeFileSync(settings, imapdConf(home))
  writeFileSync(services, cyrusConf(settings, lmtp))
  execFileSync('chown', ['-R', 'cyrus:mail', home])
  const child = spawn('cyrmaster', ['-D', '-C', settings, '-M', services, '-p', join(home, 'run/pid')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  await listens(lmtp, child)
  return {
    lmtp,
    subjects: (address) => subjectsOf(settings, address),
    async stop() {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      if (child.exitCode === null && child.signalCode === null && child.kill()) await gone
    },
  }
}

const subjectsOf = (settings: string, address: string): string[] => {
  let folder: string
  try {
    folder = execFileSync('/usr/sbin/cyrus', ['mbpath', '-C', settings, `user/${address}`], { stdio: 'pipe' })
      .toString()
      .trim()
  } catch {
    return [] // nothing came yet
  }
  const letters = readdirSync(folder).filter((name) => /^\d+\.$/.test(name))
  return letters.map((name) => /^Subject: (.*?)\r$/m.exec(readFileSync(join(folder, name), 'latin1'))?.[1] ?? '')
}

const imapdConf = (home: string): string => `
configdirectory: ${home}/conf
partition-default: ${home}/spool
defaultpartition: default
proc_path: ${home}/run/proc
mboxname_lockpath: ${home}/run/lock
idlesocket: ${home}/run/idle
lmtpsocket: ${home}/run/lmtp
notifysocket: ${home}/run/notify
virtdomains: userid
defaultdomain: nowhere.test
unixhierarchysep: yes
autocreate_quota: 0
autocreate_post: yes
`

const cyrusConf = (settings: string, lmtp: number): string => `
START {
  recover cmd="/usr/sbin/cyrus ctl_cyrusdb -C ${settings} -r"
}
SERVICES {
  lmtp cmd="lmtpd -C ${settings} -a" listen="127.0.0.1:${lmtp}"
}
EVENTS {
}
`
