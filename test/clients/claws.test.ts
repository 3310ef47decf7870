/**
 * Claws Mail in its window, driven from the command line as its users' scripts do: Ann's account is in its files, as if
 * typed once, and the certificate is among those she accepted. What it fetches it filters, which sets a flag on the server.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { until } from '../../scripts/neighbourhood.ts'
import { letter, RawSmtp, readAll, startLine, type Web } from '../journey/web.ts'
import { need } from '../peer/need.ts'
import { openScreen } from './screen.ts'

const run = promisify(execFile)
const ANSWER_MS = 10_000

describe('Claws Mail', function () {
  this.timeout(120_000)
  let web: Web
  let home: string
  let screen: Awaited<ReturnType<typeof openScreen>> | undefined
  let program: ChildProcess | undefined
  const environment = () => ({
    ...process.env,
    ...{
      HOME: home,
      XDG_CACHE_HOME: join(home, '.cache'),
      DISPLAY: screen?.display,
      DBUS_SESSION_BUS_ADDRESS: 'disabled:',
      NO_AT_BRIDGE: '1',
      LC_ALL: 'C.UTF-8',
    },
  })
  /** Said to the program that runs. */
  const say = async (...words: string[]): Promise<string> => {
    const args = ['--alternate-config-dir', join(home, 'claws'), ...words]
    return (await run('claws-mail', args, { env: environment(), timeout: ANSWER_MS })).stdout
  }
  /** New, unread and all messages of a folder. */
  const counts = async (folder: string) =>
    (await say('--status-full'))
      .split('\n')
      .find((line) => line.endsWith(folder))
      ?.trim()
      .split(/\s+/)
      .slice(0, 3)
      .join(' ')

  before(async function () {
    need(this, 'claws-mail', 'claws-mail')
    need(this, 'Xvfb', 'xvfb')
    home = await mkdtemp(join(tmpdir(), 'claws-'))
    web = await startLine(['a', 'b'])
    await prepare(home, web)
    screen = await openScreen()
    const args = ['--alternate-config-dir', join(home, 'claws'), '--online']
    program = spawn('claws-mail', args, { env: environment(), stdio: 'ignore' })
    // Whoever asks before the program has its socket would become the program, and wait for ever.
    const socket = () => readdir(join(home, '.cache/claws-mail')).catch(() => [])
    await until('it can be asked', async () => (await socket()).length > 0, 60_000)
    await until('it answers', async () => (await counts('queue').catch(() => undefined)) === '0 0 1', 60_000)
  })
  after(async () => {
    for (const child of [program, screen?.process]) {
      const gone = child && new Promise((resolve) => child.once('exit', resolve))
      if (child?.exitCode === null && child.signalCode === null && child.kill()) await gone
    }
    await web?.close()
    if (home) await rm(home, { recursive: true })
  })

  it('receives, and flags on the server', async () => {
    const client = await RawSmtp.logIn(web.a, web.ann)
    for (const subject of ['ordinary', 'flag me'])
      expect(
        await client.submit(web.ann.address, [web.ann.address], letter(web.ann, web.ann.address, subject)),
      ).to.match(/^250 /)
    client.close()
    await until('both are there', async () => (await readAll(web.a, web.ann, 'INBOX')).length === 2)
    await say('--receive-all')
    await until('it has both', async () => /^\d 2 2$/.test((await counts('INBOX')) ?? ''))
    await until('one is flagged', async () =>
      (await readAll(web.a, web.ann, 'INBOX')).some(
        ({ subject, flags }) => subject === 'flag me' && flags.has('\\Flagged'),
      ),
    )
    const flagged = (await readAll(web.a, web.ann, 'INBOX')).filter(({ flags }) => flags.has('\\Flagged'))
    expect(flagged.map(({ subject }) => subject)).to.deep.equal(['flag me'])
  })

  it('marks as read what it shows', async () => {
    await say('--select', '#imap/ann/INBOX/1')
    await until('it is read', async () =>
      (await readAll(web.a, web.ann, 'INBOX')).some(({ flags }) => flags.has('\\Seen')),
    )
  })

  it('sends what waits in its queue', async () => {
    await say('--send')
    await until('Bob has it', async () =>
      (await readAll(web.b, web.bob, 'Requests')).some(({ subject }) => subject === 'from Claws'),
    )
    await until('the queue is empty', async () => (await counts('queue')) === '0 0 0')
  })
})

/** What a person who used it before has: an account, folders, a filter, a certificate accepted, a letter not sent yet. */
const prepare = async (home: string, { a, ann, bob }: Web): Promise<void> => {
  const folder = join(home, 'claws')
  const local = ['inbox', 'sent', 'draft', 'queue', 'trash']
  for (const name of local) await mkdir(join(home, 'Mail', name), { recursive: true })
  await mkdir(join(folder, 'certs'), { recursive: true })
  for (const port of [a.ports.imaps, a.ports.smtps])
    await writeFile(join(folder, `certs/127.0.0.1.${port}.cert`), new X509Certificate(a.certificate()).raw)
  const account = {
    ...{ account_name: 'ann', is_default: 1, name: 'Ann', address: ann.address },
    ...{ protocol: 3, receive_server: '127.0.0.1', set_imapport: 1, imap_port: a.ports.imaps, ssl_imap: 1 }, // IMAP, TLS from the start
    ...{ smtp_server: '127.0.0.1', set_smtpport: 1, smtp_port: a.ports.smtps, ssl_smtp: 1 },
    ...{ user_id: ann.address, password: ann.password, use_smtp_auth: 1, smtp_auth_method: 0 }, // whatever the server has
    ...{ receive_at_get_all: 1, filter_on_receive: 1 },
  }
  const lines = Object.entries(account).map(([name, value]) => `${name}=${value}\n`)
  await writeFile(join(folder, 'accountrc'), `[Account: 1]\n${lines.join('')}`)
  await writeFile(join(folder, 'matcherrc'), '[filtering]\nenabled rulename "flag" subject match "flag me" mark\n')
  const items = local.map((name) => {
    const kind = name === 'sent' ? 'outbox' : name
    return `<folderitem type="${kind}" name="${name}" path="${name}" mtime="0"/>`
  })
  await writeFile(
    join(folder, 'folderlist.xml'),
    `<?xml version="1.0"?>
<folderlist>
<folder type="mh" name="Mail" path="Mail">${items.join('')}</folder>
<folder type="imap" name="ann" account_id="1"><folderitem type="inbox" name="INBOX" path="INBOX" account_id="1"/></folder>
</folderlist>
`,
  )
  const queued = [
    ...[`S:${ann.address}`, 'SSV:127.0.0.1', `R:<${bob.address}>`, 'MAID:1', 'X-Claws-End-Special-Headers: 1'], // its own notes
    ...[`From: Ann <${ann.address}>`, `To: ${bob.address}`, `Date: ${new Date().toUTCString()}`, 'Subject: from Claws'],
    ...['Message-ID: <claws@a.test>', '', 'Hello Bob', ''],
  ]
  await writeFile(join(home, 'Mail/queue/1'), queued.join('\n'))
}
