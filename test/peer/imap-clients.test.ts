/**
 * Mail clients as people have them, against a real listener: imapflow, curl, mbsync.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { ImapFlow } from 'imapflow'
import { address, letter, password, startTestImap, type TestImap } from '../imap/server.ts'
import { muttKeys, muttSettings } from './mutt.ts'
import { need, needScram } from './need.ts'

const run = promisify(execFile)

describe('IMAP clients', () => {
  let imap: TestImap
  let home: string
  beforeEach(async () => {
    imap = await startTestImap()
    home = await mkdtemp(join(tmpdir(), 'imap-client-'))
  })
  afterEach(async () => {
    await imap.close()
    await rm(home, { recursive: true })
  })

  describe('imapflow', () => {
    const open = async (port: number, secure: boolean): Promise<ImapFlow> => {
      const auth = { user: address, pass: password }
      const client = new ImapFlow({
        host: '127.0.0.1',
        port,
        secure,
        auth,
        tls: { rejectUnauthorized: false },
        logger: false,
      })
      await client.connect()
      return client
    }

    it('reads, marks, moves, searches, appends, over STARTTLS', async () => {
      await imap.deliver('INBOX', [letter(1), letter(2), letter(3)])
      const client = await open(imap.port, false)
      expect(client.secureConnection).to.equal(true)
      const uses = new Map((await client.list()).map(({ path, specialUse }) => [path, specialUse]))
      expect(uses.get('Junk')).to.equal('\\Junk')
      const lock = await client.getMailboxLock('INBOX')
      const subjects = (await client.fetchAll('1:*', { envelope: true, bodyStructure: true, flags: true })).map(
        ({ envelope }) => envelope?.subject,
      )
      expect(subjects).to.deep.equal(['Letter 1', 'Letter 2', 'Letter 3'])
      const one = await client.fetchOne('2', { source: true })
      if (!one) throw new Error('message 2 is there')
      expect(one.source?.toString()).to.equal(String(letter(2).bytes))
      await client.messageFlagsAdd('1', ['\\Seen', '$Label1'])
      expect(await client.search({ seen: false })).to.deep.equal([2, 3])
      expect(await client.search({ body: 'hello 3' })).to.deep.equal([3])
      const moved = await client.messageMove('2', 'Archive')
      if (!moved) throw new Error('the move was refused')
      expect(moved.uidMap).to.deep.equal(new Map([[2, 1]]))
      expect(client.mailbox).to.include({ exists: 2 })
      lock.release()
      const appended = await client.append('Drafts', Buffer.from('Subject: x\r\n\r\ny\r\n'), ['\\Draft'], new Date(0))
      if (!appended) throw new Error('the append was refused')
      expect(appended.uid).to.equal(1)
      await client.mailboxCreate(['Grüße', 'Ännchen & Co'])
      expect((await client.list()).map(({ path }) => path)).to.include('Grüße/Ännchen & Co')
      await client.mailboxRename('Grüße', 'Post')
      await client.mailboxDelete('Post/Ännchen & Co')
      const status = await client.status('INBOX', { messages: true, unseen: true, uidNext: true })
      expect(status).to.include({ messages: 2, unseen: 1, uidNext: 4 })
      await client.logout()
    })

    it('hears of new mail while it idles, over TLS', async () => {
      const client = await open(imap.tlsPort, true)
      await client.mailboxOpen('INBOX')
      const heard = new Promise<number>((resolve) => client.on('exists', ({ count }) => resolve(count)))
      const idling = client.idle()
      await wait(50)
      await imap.deliver('INBOX', [letter(1)])
      expect(await heard).to.equal(1)
      await client.noop()
      await idling
      await client.logout()
    })
  })

  describe('curl', () => {
    const curl = async (...args: string[]): Promise<string> => {
      const { stdout } = await run('curl', ['-s', '-S', '-k', '-m', '10', '-u', `${address}:${password}`, ...args])
      return stdout
    }

    it('lists, reads, searches and uploads', async function () {
      need(this, 'curl', 'curl')
      await imap.deliver('INBOX', [letter(1), letter(2)])
      const [clear, tls] = [`imap://127.0.0.1:${imap.port}`, `imaps://127.0.0.1:${imap.tlsPort}`]
      expect(await curl('--ssl-reqd', clear)).to.contain('* LIST (\\HasNoChildren \\Sent) "/" "Sent"')
      expect(await curl(`${tls}/INBOX;UID=2`)).to.equal(letter(2).bytes)
      expect(await curl(`${tls}/INBOX;MAILINDEX=1;SECTION=TEXT`)).to.equal('Hello 1\r\n')
      expect(await curl(`${tls}/INBOX?SUBJECT%20%22letter%202%22`)).to.equal('* SEARCH 2\r\n')
      expect(await curl(`${tls}/INBOX`, '-X', 'STORE 1 +Flags \\Flagged')).to.contain('\\Flagged')
      const file = join(home, 'letter')
      await writeFile(file, letter(3).bytes)
      await curl('-T', file, `${tls}/Drafts`)
      expect(await curl(`${tls}/Drafts;UID=1`)).to.equal(letter(3).bytes)
    })
  })

  describe('mutt', () => {
    it('reads, flags, copies, deletes into Trash', async function () {
      need(this, 'mutt', 'mutt')
      need(this, 'script', 'bsdutils')
      await imap.deliver('INBOX', [letter(1), letter(2), letter(3)])
      const [rc, out] = [join(home, 'muttrc'), join(home, 'out')]
      await writeFile(rc, muttSettings(imap))
      // mutt wants a terminal, `script` gives it one.
      const env = { ...process.env, TERM: 'xterm', HOME: home }
      const typed = run('script', ['-qec', `mutt -n -F ${rc} -e 'push "${muttKeys(out)}"'`, '/dev/null'], {
        env,
        timeout: 15_000,
      })
      typed.child.stdin?.end()
      await typed
      expect((await readFile(out, 'latin1')).replaceAll('\r\n', '\n')).to.equal(
        String(letter(1).bytes).replaceAll('\r\n', '\n'),
      )
      const kept = async (name: string) => (await imap.messages(name)).map(({ uid, flags }) => [uid, flags & 4])
      expect(await kept('INBOX')).to.deep.equal([
        [1, 0],
        [2, 4],
      ])
      expect(await kept('Archive')).to.have.length(1)
      expect(await kept('Trash')).to.have.length(1)
    })
  })

  describe('mbsync', () => {
    const configure = async (way: string): Promise<string> => {
      const file = join(home, 'mbsyncrc')
      const maildir = join(home, 'mail')
      await mkdir(maildir)
      await writeFile(
        file,
        `IMAPStore far
Host 127.0.0.1
User ${address}
Pass ${password}
${way}

MaildirStore near
Path ${maildir}/
Inbox ${maildir}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns * !Outgoing
Create Both
Remove Both
Expunge Both
SyncState *
`,
      )
      return file
    }
    const sync = async (file: string): Promise<void> => {
      await run('mbsync', ['-c', file, '-a'], { timeout: 20_000, env: { ...process.env, HOME: home } })
    }
    const local = async (mailbox: string): Promise<string[]> => {
      const names: string[] = []
      for (const part of ['cur', 'new'])
        for (const name of await readdir(join(home, 'mail', mailbox, part)))
          names.push(join(home, 'mail', mailbox, part, name))
      return names
    }
    const localSubjects = async (mailbox: string): Promise<string[]> => {
      const texts = await Promise.all((await local(mailbox)).map((name) => readFile(name, 'latin1')))
      return texts.map((text) => /^Subject: (.*?)\r?$/m.exec(text)?.[1] ?? '').sort()
    }

    it('logs in over TLS without saying the password', async function () {
      need(this, 'mbsync', 'isync')
      needScram(this, 'mbsync')
      const certificate = join(home, 'certificate.pem')
      await writeFile(certificate, imap.certificate)
      await imap.deliver('INBOX', [letter(1)])
      await sync(
        await configure(`Port ${imap.tlsPort}\nSSLType IMAPS\nCertificateFile ${certificate}\nAuthMechs SCRAM-SHA-256`),
      )
      expect(await localSubjects('INBOX')).to.deep.equal(['Letter 1'])
    })

    it('keeps both sides the same, through changes on both, again and again', async function () {
      this.timeout(60_000)
      need(this, 'mbsync', 'isync')
      await imap.deliver('INBOX', [letter(1), letter(2), letter(3), letter(4)])
      const file = await configure(`Port ${imap.port}\nSSLType None\nAuthMechs PLAIN`)
      await sync(file)
      expect(await localSubjects('INBOX')).to.deep.equal(['Letter 1', 'Letter 2', 'Letter 3', 'Letter 4'])

      const auth = { user: address, pass: password }
      const client = new ImapFlow({
        host: '127.0.0.1',
        port: imap.tlsPort,
        secure: true,
        auth,
        tls: { rejectUnauthorized: false },
        logger: false,
      })
      await client.connect()
      const subjects = async (mailbox: string): Promise<string[]> => {
        await client.mailboxOpen(mailbox)
        const all =
          client.mailbox && client.mailbox.exists > 0
            ? await client.fetchAll('1:*', { envelope: true, flags: true })
            : []
        return all.map(({ envelope, flags }) => `${envelope?.subject}${flags?.has('\\Seen') ? ' seen' : ''}`).sort()
      }
      for (let round = 1; round <= 3; round++) {
        // There: one more comes, one is marked, one goes. Here: one is written, one marked, one deleted.
        await imap.deliver('INBOX', [letter(10 * round), letter(10 * round + 1)])
        await client.mailboxOpen('INBOX')
        await client.messageFlagsAdd('1', ['\\Seen'])
        await client.messageDelete('2')
        const [first] = await local('INBOX')
        if (!first) throw new Error('nothing came')
        await rm(first)
        await writeFile(
          join(home, 'mail/INBOX/cur', `written.${round}:2,S`),
          String(letter(100 + round).bytes).replaceAll('\r\n', '\n'),
        )
        const [, second] = await local('INBOX')
        if (second && !second.includes(':2,')) await rename(second, `${second.replace('/new/', '/cur/')}:2,S`)
        await sync(file)
        const here = await localSubjects('INBOX')
        expect((await subjects('INBOX')).map((subject) => subject.replace(' seen', ''))).to.deep.equal(here)
        expect(here).to.include(`Letter ${100 + round}`)
        await sync(file)
        expect(await localSubjects('INBOX')).to.deep.equal(here)
      }
      const there = await subjects('INBOX')
      expect(there).to.include('Letter 103 seen')
      await client.mailboxCreate('New/Folder')
      await client.append('New/Folder', Buffer.from(letter(7).bytes))
      await sync(file)
      expect(await localSubjects('New/Folder')).to.deep.equal(['Letter 7'])
      await client.logout()
    })
  })
})
