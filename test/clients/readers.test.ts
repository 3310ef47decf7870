/**
 * More programs that people read mail with, against a real listener: offlineimap3, neomutt, alpine, aerc, Python's imaplib.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { until } from '../../scripts/neighbourhood.ts'
import { address, letter, password, startTestImap, type TestImap } from '../imap/server.ts'
import { muttKeys, muttSettings } from '../peer/mutt.ts'
import { need } from '../peer/need.ts'
import { Terminal } from './terminal.ts'

const run = promisify(execFile)
const LIMIT_MS = 30_000

describe('mail programs', function () {
  this.timeout(2 * LIMIT_MS)
  let imap: TestImap
  let home: string
  beforeEach(async () => {
    imap = await startTestImap()
    home = await mkdtemp(join(tmpdir(), 'mail-program-'))
    await imap.deliver('INBOX', [letter(1), letter(2), letter(3)])
  })
  afterEach(async () => {
    await imap.close()
    await rm(home, { recursive: true })
  })

  const env = () => ({ ...process.env, HOME: home, TERM: 'xterm' })
  const flagsIn = async (name: string) => (await imap.messages(name)).map(({ uid, flags }) => [uid, flags & 4])
  /** Gives the program a terminal, and types nothing. */
  const onTerminal = async (command: string): Promise<void> => {
    const typed = run('script', ['-qec', command, '/dev/null'], { env: env(), timeout: LIMIT_MS })
    typed.child.stdin?.end()
    await typed
  }

  /** Types each answer once the screen shows what it answers to; ends with the program. */
  const conversation = async (command: string, steps: [shown: RegExp, typed: string][]): Promise<void> => {
    const terminal = new Terminal(command, env(), LIMIT_MS)
    for (const [shown, typed] of steps) {
      await terminal.shows(shown)
      terminal.types(typed)
    }
    await terminal.ended
  }

  describe('offlineimap', () => {
    it('keeps both sides the same, again and again', async function () {
      need(this, 'offlineimap', 'offlineimap3')
      await writeFile(
        join(home, '.offlineimaprc'),
        `[general]
accounts = alice
[Account alice]
localrepository = here
remoterepository = there
[Repository here]
type = Maildir
localfolders = ${home}/mail
[Repository there]
type = IMAP
remotehost = 127.0.0.1
remoteport = ${imap.port}
remoteuser = ${address}
remotepass = ${password}
ssl = no
starttls = no
folderfilter = lambda name: name != 'Outgoing'
`,
      )
      const sync = () => run('offlineimap', ['-o', '-u', 'quiet'], { env: env(), timeout: LIMIT_MS })
      const here = async (folder: string) => {
        const parts = ['cur', 'new'].map((part) => join(home, 'mail', folder, part))
        return (
          await Promise.all(parts.map(async (part) => (await readdir(part)).map((name) => join(part, name))))
        ).flat()
      }
      await sync()
      expect(await here('INBOX')).to.have.length(3)
      const [first, second] = (await here('INBOX')).sort()
      if (!first || !second) throw new Error('two of three are there')
      const subject = /^Subject: (.*?)\r?$/m.exec(await readFile(first, 'latin1'))?.[1]
      await rm(first)
      await mkdir(join(home, 'mail/Mine'))
      for (const part of ['cur', 'new', 'tmp']) await mkdir(join(home, 'mail/Mine', part))
      await writeFile(join(home, 'mail/Mine/cur/written.1:2,FS'), String(letter(9).bytes).replaceAll('\r\n', '\n'))
      await imap.deliver('INBOX', [letter(4)])
      await sync()
      await sync()
      expect(await here('INBOX')).to.have.length(3)
      const left = await imap.messages('INBOX')
      expect(left.map(({ uid }) => `Letter ${uid}`))
        .to.have.length(3)
        .and.not.to.include(subject)
      expect(await flagsIn('Mine')).to.deep.equal([[1, 4]])
    })
  })

  describe('neomutt', () => {
    it('reads, flags, copies, deletes into Trash', async function () {
      need(this, 'neomutt', 'neomutt')
      need(this, 'script', 'bsdutils')
      const [settings, out] = [join(home, 'neomuttrc'), join(home, 'out')]
      await writeFile(settings, muttSettings(imap, 'imap_condstore=yes imap_qresync=yes'))
      await onTerminal(`neomutt -n -F ${settings} -e 'push "${muttKeys(out)}"'`)
      expect((await readFile(out, 'latin1')).replaceAll('\r\n', '\n')).to.equal(
        String(letter(1).bytes).replaceAll('\r\n', '\n'),
      )
      expect(await flagsIn('INBOX')).to.deep.equal([
        [1, 0],
        [2, 4],
      ])
      expect(await flagsIn('Archive')).to.have.length(1)
      expect(await flagsIn('Trash')).to.have.length(1)
    })
  })

  describe('alpine', () => {
    it('opens the mailbox, reads, saves elsewhere', async function () {
      need(this, 'alpine', 'alpine')
      need(this, 'script', 'bsdutils')
      const settings = join(home, 'alpinerc')
      const server = `{127.0.0.1:${imap.port}/user=${address}/notls}`
      await writeFile(
        settings,
        [
          `inbox-path=${server}INBOX`,
          `folder-collections=there ${server}[]`,
          'feature-list=quell-user-lookup-in-passwd-file,enable-aggregate-command-set,expunge-without-confirm',
          'last-version-used=2.26',
          'sort-key=Arrival',
        ].join('\n'),
      )
      await conversation(`alpine -p ${settings} -i`, [
        [/Welcome to Alpine/, 'E'],
        [/PASSWORD|password/i, `${password}\r`],
        [/Preserve password/, 'n'],
        [/Letter 3/, '3\r\r'], // the third of the list
        [/Hello 3/, 'S'],
        [/folder/, '\x15Archive\r'], // instead of the folder it proposes
        [/Saving +DONE|copied/i, 'Q'],
        [/Really quit/i, 'y'],
      ])
      expect(await imap.messages('Archive')).to.have.length(1)
      expect((await imap.messages('INBOX')).map(({ uid }) => uid)).to.deep.equal([1, 2])
    })
  })

  describe('aerc', () => {
    it('opens the mailbox, hears of a letter at once, reads, flags, copies, moves, deletes', async function () {
      need(this, 'aerc', 'aerc')
      need(this, 'script', 'bsdutils')
      await mkdir(join(home, '.config/aerc'), { recursive: true })
      const login = `${encodeURIComponent(address)}:${password}`
      await writeFile(
        join(home, '.config/aerc/accounts.conf'),
        `[ann]
source = imap+insecure://${login}@127.0.0.1:${imap.port}
default = INBOX
from = Ann <${address}>
`,
        { mode: 0o600 }, // it reads no other
      )
      const aerc = new Terminal('aerc', { ...env(), XDG_RUNTIME_DIR: home }, LIMIT_MS)
      const uids = async (name: string) => (await imap.messages(name)).map(({ uid }) => uid)
      await aerc.shows(/Letter 3/)
      await imap.deliver('INBOX', [letter(4)])
      await aerc.shows(/Letter 4/)
      aerc.types(':select 0\r:view\r')
      await aerc.shows(/Hello\S*4/) // what is blank already is not drawn again
      await until('it is seen', async () => (await imap.messages('INBOX'))[3]?.flags === 1)
      aerc.types(':close\r:flag -t\r')
      await until('it is flagged', async () => (await imap.messages('INBOX'))[3]?.flags === 5)
      aerc.types(':cp Archive\r')
      await until('it is copied', async () => (await uids('Archive')).length === 1)
      aerc.types(':mv Trash\r')
      await until('it is moved', async () => (await uids('INBOX')).join() === '1,2,3')
      aerc.types(':select 0\r:delete\r')
      await until('the next is deleted', async () => (await uids('INBOX')).join() === '1,2')
      aerc.types(':quit\r')
      await aerc.ended
      expect(await flagsIn('Trash')).to.deep.equal([[1, 4]])
    })
  })

  describe('imaplib', () => {
    it('lists, searches, reads, appends, marks, expunges and notes', async function () {
      need(this, 'python3', 'python3')
      const script = `
import imaplib
imap = imaplib.IMAP4('127.0.0.1', ${imap.port})
imap.login('${address}', '${password}')
print(len(imap.list()[1]) >= 8, imap.select('INBOX'))
print(imap.search(None, 'SUBJECT', '"letter 2"'), imap.uid('SEARCH', 'BODY', '"hello 3"'))
print(imap.fetch('2', '(BODY.PEEK[TEXT])')[1][0][1])
print(imap.append('Drafts', '(\\\\Draft)', None, b'Subject: x\\r\\n\\r\\ny\\r\\n')[0])
imap.store('1,3', '+FLAGS', '\\\\Deleted')
print(imap.expunge())
imap.xatom('SETMETADATA', 'INBOX', '(/private/comment "mine")')
print(imap.xatom('GETMETADATA', 'INBOX', '/private/comment')[0], imap.response('METADATA')[1])
print(imap.status('INBOX', '(MESSAGES UIDNEXT)')[1], imap.logout()[0])
`
      const { stdout } = await run('python3', ['-c', script], { timeout: LIMIT_MS })
      expect(stdout.trim().split('\n')).to.deep.equal([
        "True ('OK', [b'3'])",
        "('OK', [b'2']) ('OK', [b'3'])",
        "b'Hello 2\\r\\n'",
        'OK',
        "('OK', [b'3', b'1'])",
        'OK [b\'INBOX (/private/comment "mine")\']',
        "[b'INBOX (MESSAGES 1 UIDNEXT 4)'] BYE",
      ])
    })
  })
})
