/**
 * Evolution in its window: Ann's account is in its files, as if typed once, and her password in the keyring it asks. A
 * filter of hers flags letters on the server; nothing else is done for her. It speaks IMAP as few others do: NOTIFY
 * with items to be fetched, QRESYNC, UTF8=ACCEPT.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { until } from '../../scripts/neighbourhood.ts'
import { flag } from '../../store/change.ts'
import { address, letter, password, startTestImap, type TestImap } from '../imap/server.ts'
import { need } from '../peer/need.ts'
import { openScreen } from './screen.ts'

const START_MS = 60_000

describe('Evolution', function () {
  this.timeout(3 * START_MS)
  let imap: TestImap
  let home: string
  let screen: Awaited<ReturnType<typeof openScreen>> | undefined
  let session: ChildProcess | undefined

  before(async function () {
    for (const [program, from] of packages) need(this, program, from)
    imap = await startTestImap()
    await imap.deliver('INBOX', [letter(1), letter(2)])
    home = await mkdtemp(join(tmpdir(), 'evolution-'))
    await prepare(home, imap.port)
    screen = await openScreen()
    const env = environment(home, screen.display)
    session = spawn('dbus-run-session', ['--', 'sh', join(home, 'session.sh')], {
      env,
      stdio: 'ignore',
      detached: true,
    })
  })
  after(async () => {
    // The bus starts programs that outlive the session's first.
    if (session?.pid !== undefined) process.kill(-session.pid)
    screen?.process.kill()
    await imap?.close()
    if (home) await rm(home, { recursive: true, maxRetries: 10 })
  })

  const flagged = async () =>
    (await imap.messages('INBOX')).flatMap(({ uid, flags }) => ((flags & flag.flagged) > 0 ? [uid] : []))

  it('reads what is there, and flags', async () => {
    await until('the second is flagged', async () => (await flagged()).join() === '2', START_MS)
  })

  it('hears of a letter at once, and flags it', async () => {
    await imap.deliver('INBOX', [letter(3), { bytes: String(letter(4).bytes).replace('Letter 4', 'Letter 2 again') }])
    await until('the fourth is flagged', async () => (await flagged()).join() === '2,4')
    expect((await imap.messages('INBOX')).map(({ uid }) => uid)).to.deep.equal([1, 2, 3, 4])
  })
})

const packages = [
  ['evolution', 'evolution'],
  ['dbus-run-session', 'dbus'],
  ['gnome-keyring-daemon', 'gnome-keyring'],
  ['secret-tool', 'libsecret-tools'],
  ['Xvfb', 'xvfb'],
] as const

/** Everything of it lies in the home; what its bus starts has the same. */
const environment = (home: string, display: string) => ({
  ...process.env,
  ...{ HOME: home, XDG_RUNTIME_DIR: join(home, 'run'), XDG_CONFIG_HOME: join(home, '.config') },
  ...{ XDG_DATA_HOME: join(home, '.local/share'), XDG_CACHE_HOME: join(home, '.cache') },
  ...{ DISPLAY: display, GSETTINGS_BACKEND: 'memory', NO_AT_BRIDGE: '1', LC_ALL: 'C.UTF-8' },
})

const prepare = async (home: string, port: number): Promise<void> => {
  const sources = join(home, '.config/evolution/sources')
  await mkdir(sources, { recursive: true })
  await mkdir(join(home, '.config/evolution/mail'), { recursive: true })
  await mkdir(join(home, 'run'), { mode: 0o700 })
  await writeFile(
    join(sources, 'ann.source'),
    ini({
      'Data Source': { DisplayName: 'ann', Enabled: true, Parent: '' },
      'Mail Account': { BackendName: 'imapx', IdentityUid: 'ann-identity' },
      Authentication: { Host: '127.0.0.1', Port: port, Method: 'PLAIN', User: address, RememberPassword: true },
      Security: { Method: 'none' },
      'Imapx Backend': { FilterInbox: true, UseIdle: true, UseQresync: true },
      Refresh: { Enabled: true, IntervalMinutes: 60 },
    }),
  )
  await writeFile(
    join(sources, 'ann-identity.source'),
    ini({
      'Data Source': { DisplayName: 'ann', Enabled: true, Parent: 'ann' },
      'Mail Identity': { Address: address, Name: 'Ann' },
    }),
  )
  await writeFile(join(home, '.config/evolution/mail/filters.xml'), filter)
  await writeFile(
    join(home, 'session.sh'),
    `printf x | gnome-keyring-daemon --unlock --components=secrets
printf %s ${password} | secret-tool store --label=mail xdg:schema org.gnome.Evolution.Data.Source e-source-uid ann eds-origin evolution-data-server
exec evolution -c mail
`,
  )
}

const ini = (groups: Record<string, Record<string, string | number | boolean>>): string =>
  Object.entries(groups)
    .map(([group, keys]) =>
      [`[${group}]`, ...Object.entries(keys).map(([key, value]) => `${key}=${value}`), ''].join('\n'),
    )
    .join('\n')

const filter = `<?xml version="1.0"?>
<filteroptions><ruleset>
<rule enabled="true" grouping="all" source="incoming"><title>second</title>
<partset><part name="subject"><value name="subject-type" type="option" value="contains"/><value name="subject" type="string"><string>Letter 2</string></value></part></partset>
<actionset><part name="set-status"><value name="flag" type="option" value="Flagged"/></part></actionset>
</rule>
</ruleset></filteroptions>
`
