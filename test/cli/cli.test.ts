import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { sleep, until } from '../../scripts/neighbourhood.ts'
import { freePortBase } from '../../scripts/ports.ts'
import { open } from '../gateway/house.ts'
import { ask, serve, vouchsafe } from './command.ts'

describe('command line', function () {
  this.timeout(120_000) // a process for each command
  const folder = mkdtempSync(join(tmpdir(), 'cli-'))
  const home = join(folder, 'a')
  const init = ['init', '--domain', 'a.test', '--host', '127.0.0.1', '--port-base']
  let base = 0

  before(async () => {
    base = await freePortBase(1)
    await ask(home, [...init, String(base)])
  })
  after(() => rmSync(folder, { recursive: true }))

  it('init makes a home that is its owner’s alone', () => {
    for (const path of ['', 'key', 'tls', 'blob']) expect(statSync(join(home, path)).mode & 0o077, path).to.equal(0)
    for (const path of ['vouchsafe.toml', 'vouchsafe.db', 'key/agent.pem', 'tls/key.pem'])
      expect(statSync(join(home, path)).mode & 0o777, path).to.equal(0o600)
  })

  it('whoever reads no further, as head does, is told nothing of it', async () => {
    const read = promisify(execFile)('sh', ['-c', 'scripts/vouchsafe link list --home "$0" | true', home])
    expect((await read).stderr).to.equal('')
  })

  const sh = (line: string, env: NodeJS.ProcessEnv = {}): Promise<{ code: number; stderr: string }> =>
    promisify(execFile)('sh', ['-c', line, home], { env: { ...process.env, ...env } }).then(
      ({ stderr }) => ({ code: 0, stderr }),
      ({ code, stderr }) => ({ code, stderr }),
    )

  it('an answer that can not be written is told in words', async () => {
    const { code, stderr } = await sh('scripts/vouchsafe link list --home "$0" > /dev/full')
    expect(code).to.equal(1)
    expect(stderr).to.match(/^vouchsafe: it is done, but the answer could not be written \(ENOSPC.*\)\n$/)
  })

  it('where nothing can be said beside it, the answer comes all the same', async () => {
    expect((await sh('scripts/vouchsafe users 2> /dev/full')).code).to.equal(2)
    expect((await sh('scripts/vouchsafe doctor --home "$0" 2> /dev/full | grep -q "to mend"')).code).to.equal(0)
  })

  it('a home without a name is not the folder one stands in', async () => {
    const given = await sh('scripts/vouchsafe status --home ""')
    expect([given.code, given.stderr]).to.deep.equal([2, 'vouchsafe: --home is empty: name a folder.\n'])
    const unset = await sh('scripts/vouchsafe link uninvite none', { VOUCHSAFE_HOME: '' })
    expect(unset.stderr).not.to.include(`at ${process.cwd()} `)
  })

  it('init never touches a home that is there', async () => {
    const before = readFileSync(join(home, 'vouchsafe.toml'), 'utf8')
    const { code, err } = await vouchsafe(home, [...init, '3000'])
    expect(code).to.equal(1)
    expect(err).to.include('is a home already. Nothing was changed.')
    expect(readFileSync(join(home, 'vouchsafe.toml'), 'utf8')).to.equal(before)
  })

  const wrong: [what: string, args: string[], code: number, said: RegExp][] = [
    ['a noun without a verb', ['user'], 2, /Commands:/],
    ['an unknown noun', ['users'], 2, /unknown command 'users'/],
    ['an unknown option', ['status', '--verbose'], 2, /unknown option '--verbose'/],
    ['a missing argument', ['user', 'add'], 2, /missing required argument 'address'/],
    ['a port base out of range', ['init', '--port-base', '70000'], 2, /number from 1 to 65442/],
    ['no password and no terminal', ['user', 'add', 'ann'], 2, /--password-stdin, or --generate/],
    [
      'taking back a password that is not named',
      ['user', 'passwd', 'ann', '--revoke'],
      2,
      /by --label LABEL.*user show/,
    ],
    ['an argument too many', ['status', 'now'], 2, /too many arguments.*\n\(with --help/],
    ['removal without a yes', ['user', 'remove', 'ann'], 2, /Say --yes/],
    ['an address of another domain', ['user', 'add', 'ann@b.test', '--generate'], 1, /end in @a\.test/],
    ['an account nobody has', ['user', 'show', 'nobody'], 1, /no account nobody@a\.test/],
    ['a message nobody knows', ['trace', '<x@y>'], 1, /No message <x@y> is known/],
    ['a neighbour nobody knows', ['link', 'show', 'zebra'], 1, /No neighbour is called zebra/],
    ['an invitation to no address', ['link', 'invite', '--address', 'here'], 2, /'here' .* not an address and port/],
    ['an invitation to whoever dials', ['link', 'invite', '--address', '0.0.0.0:2740'], 2, /port to dial\. Write/],
    ['a password for nothing', ['user', 'passwd', 'ann', '--for', 'pop'], 2, /'pop' .* one of: all, imap, smtp/],
    ['a limit of nothing', ['link', 'trust', 'bob', '--limit', '0'], 2, /'0' .* whole number from 1/],
    ['a key for no time', ['key', 'rotate', 'ann', '--expires', 'soon'], 2, /'soon' .* for example "400 d"/],
    ['a complaint of nothing', ['complaint', 'raise', 'x', '--reason', 'dull'], 2, /'dull' .* abuse, fraud, virus/],
    ['a domain that is none', ['init', '--domain', 'a b'], 2, /'a b' .* one like example\.org/],
    ['accepting while nothing runs', ['link', 'accept', 'vs1-x'], 1, /scripts\/vouchsafe --home \S+ serve` first/],
  ]
  for (const [what, args, code, said] of wrong)
    it(`${what} exits ${code} and says what is right`, async () => {
      const answer = await vouchsafe(home, args)
      expect([answer.code, answer.err]).to.satisfy(() => answer.code === code && said.test(answer.err), answer.err)
    })

  it('an error in JSON has its code', async () => {
    const { code, err, out } = await vouchsafe(home, ['user', 'show', 'nobody', '--json'])
    expect([code, out]).to.deep.equal([1, ''])
    expect(JSON.parse(err).error.code).to.equal('mailbox-missing')
  })

  for (const [what, args, said] of [
    ['an unknown verb', ['link', 'lst'], /^unknown command 'lst'/],
    ['a missing argument', ['trace'], /^missing required argument 'id'/],
    ['an option of no use', ['link', 'invite', '--hours', 'x'], /Give a number of hours/],
    ['what only we know to be wrong', ['user', 'remove', 'ann'], /Say --yes/],
  ] as const)
    it(`${what} is told as JSON, too, and by nothing else`, async () => {
      const { code, err, out } = await vouchsafe(home, [...args, '--json'])
      expect([code, out]).to.deep.equal([2, ''])
      const { error } = JSON.parse(err)
      expect(error.code).to.equal('usage')
      expect(error.detail).to.match(said)
    })

  it('a home that is none says how to make one', async () => {
    const none = join(folder, 'none')
    const { code, err } = await vouchsafe(none, ['status'])
    expect(code).to.equal(1)
    expect(err).to.include(`\`scripts/vouchsafe --home ${none} init\``)
  })

  it('user add takes a password from standard input, and shows none', async () => {
    const { code, out } = await vouchsafe(
      home,
      ['user', 'add', 'Ann@A.test', '--name', 'Ann', '--password-stdin'],
      'correct horse\n',
    )
    expect(code).to.equal(0)
    expect(out).to.include('ann@a.test').and.not.include('correct horse')
    const again = await vouchsafe(home, ['user', 'add', 'ann', '--generate'])
    expect(again.err).to.include('is there already')
  })

  it('a password that can be guessed is refused, before anything is made', async () => {
    const { code, err } = await vouchsafe(home, ['user', 'add', 'bo', '--password-stdin'], 'short\n')
    expect(code).to.equal(1)
    expect(err).to.include('at least 8 characters')
    expect(await ask<object[]>(home, ['user', 'list'])).to.have.length(1)
  })

  it('a new account has its folders, and a password for each client can be set and taken back', async () => {
    const { password } = await ask<{ password: string }>(home, [
      'user',
      'passwd',
      'ann',
      '--label',
      'phone',
      '--generate',
    ])
    expect(password).to.match(/^[a-z2-7]{5}(-[a-z2-7]{5}){3}$/)
    type Shown = { folders: { name: string }[]; passwords: { label: string }[] }
    const shown = await ask<Shown>(home, ['user', 'show', 'ann'])
    expect(shown.folders.map(({ name }) => name)).to.have.members([
      'INBOX',
      'Sent',
      'Drafts',
      'Junk',
      'Trash',
      'Archive',
      'Requests',
      'Outgoing',
    ])
    expect(shown.passwords.map(({ label }) => label)).to.have.members(['main', 'phone'])
    await ask(home, ['user', 'passwd', 'ann', '--label', 'phone', '--revoke'])
    const after = await ask<Shown>(home, ['user', 'show', 'ann'])
    expect(after.passwords.map(({ label }) => label)).to.deep.equal(['main'])
  })

  it('what to do next can be pasted, wherever the home is', async () => {
    const [blank, copy, again] = [join(folder, 'my home'), join(folder, 'my copy'), join(folder, 'my new home')]
    expect((await vouchsafe(blank, ['init'])).out).to.include(`serve --home '${blank}'`)
    expect((await vouchsafe(blank, ['backup', copy])).out).to.include(`verify --home '${copy}'`)
    expect((await vouchsafe(again, ['restore', copy])).out).to.include(`serve --home '${again}'`)
  })

  it('of two inits of one home one makes it, and the other is refused', async () => {
    const made = join(folder, 'twice')
    const both = await Promise.all(['one.test', 'two.test'].map((name) => vouchsafe(made, ['init', '--domain', name])))
    const [first, second] = both.sort((a, b) => Number(a.code) - Number(b.code))
    expect([first?.code, second?.code]).to.deep.equal([0, 1])
    expect(second?.err).to.match(/is in use by process|is a home already/)
    const [domain = ''] = /\w+\.test/.exec(first?.out ?? '') ?? []
    expect(readFileSync(join(made, 'vouchsafe.toml'), 'utf8')).to.include(`domain = "${domain}"`)
  })

  it('init says what is in its way', async () => {
    const { code, err } = await vouchsafe(join(home, 'vouchsafe.toml', 'x'), ['init'])
    expect([code, err]).to.satisfy(() => code === 1 && /can't be a folder: a file is in the way/.test(err), err)
  })

  it('init and backup say so where no folder can be made', async () => {
    for (const [at, args] of [
      ['/proc/home', ['init']],
      [home, ['backup', '/proc/copy']],
    ] as const) {
      const { code, err } = await vouchsafe(at, [...args])
      expect([code, err]).to.satisfy(() => code === 1 && /\/proc takes no folders. Name another place/.test(err), err)
    }
  })

  it('key show shows all keys, or that of one account', async () => {
    type Shown = { entities: { address: string }[] }
    expect((await ask<Shown>(home, ['key', 'show', 'ann'])).entities.map(({ address }) => address)).to.deep.equal([
      'ann@a.test',
    ])
    expect((await vouchsafe(home, ['key', 'show', 'nobody'])).err).to.match(/no account nobody@a\.test/)
  })

  it('key export gives an armored key, and the private one only on request', async () => {
    const open = await vouchsafe(home, ['key', 'export', 'ann'])
    expect(open.out).to.match(/^-----BEGIN PGP PUBLIC KEY BLOCK-----/)
    const file = join(folder, 'ann.asc')
    await ask(home, ['key', 'export', 'ann', '--private', '--out', file])
    expect(readFileSync(file, 'utf8')).to.match(/^-----BEGIN PGP PRIVATE KEY BLOCK-----/)
    expect(statSync(file).mode & 0o777).to.equal(0o600)
    const again = await vouchsafe(home, ['key', 'export', 'ann', '--private', '--out', file])
    expect(again.err).to.include('is there already')
  })

  it('what a command does is the same while a gateway runs', async () => {
    const before = await ask(home, ['user', 'show', 'ann'])
    const gateway = await serve(home)
    try {
      expect(await ask(home, ['user', 'show', 'ann'])).to.deep.equal(before)
      const status = await ask<{ upMs: number; accounts: number; problems: string[] }>(home, ['status'])
      expect(status).to.deep.include({ accounts: 1, problems: [] })
      expect(status.upMs).to.be.greaterThan(0)
      const refused = await vouchsafe(home, ['user', 'show', 'nobody', '--json'])
      expect(JSON.parse(refused.err).error.code).to.equal('mailbox-missing')

      const second = await vouchsafe(home, ['serve'])
      expect(second.code).to.equal(1)
      expect(second.err).to.match(/is in use by process \d+/)

      const health = await fetch(`http://127.0.0.1:${base + 80}/health`)
      expect([health.status, ((await health.json()) as { status: string }).status]).to.deep.equal([200, 'ok'])
      const metrics = await (await fetch(`http://127.0.0.1:${base + 80}/metrics`)).text()
      expect(metrics).to.include('vouchsafe_links{state="up"} 0').and.include('process_resident_memory_bytes')
      expect((await fetch(`http://127.0.0.1:${base + 80}/`)).status).to.equal(404)
      expect((await fetch(`http://127.0.0.1:${base + 80}/health`, { method: 'POST' })).status).to.equal(405)
    } finally {
      expect(await gateway.stop()).to.equal(0)
    }
    expect(gateway.log()).to.include('"event":"stopped"').and.not.include('correct horse')
  })

  it('a command waits for a gateway that is starting, and for another command', async () => {
    const starting = serve(home)
    const [first, second] = await Promise.all([ask(home, ['key', 'show']), ask(home, ['key', 'show'])])
    expect(first).to.deep.equal(second)
    await (await starting).stop()
    const both = await Promise.all([ask(home, ['user', 'list']), ask(home, ['user', 'list'])])
    expect(both[0]).to.deep.equal(both[1])
  })

  it('a gateway that starts waits for a command that has the home', async () => {
    const house = await open(home)
    const starting = serve(home)
    await sleep(3000) // it has met the lock by then; if it has not, this is no test, and no failure
    await house.close()
    expect(await (await starting).stop()).to.equal(0)
  })

  it('a port that is taken is named, with what to do', async () => {
    const squatter = createServer().listen(base + 46, '127.0.0.1')
    await once(squatter, 'listening')
    try {
      const { code, err } = await vouchsafe(home, ['serve'])
      expect(code).to.equal(1)
      expect(err).to.include(`Can't listen at 127.0.0.1:${base + 46}: another program does.`)
    } finally {
      squatter.close()
    }
  })

  it('a gateway that was killed leaves nothing in the way of the next', async () => {
    await (await serve(home)).stop('SIGKILL')
    const { code, out } = await vouchsafe(home, ['status'])
    expect(code).to.equal(1)
    expect(out.match(/\bserve\b/g), out).to.deep.equal(['serve'])
    expect(out).to.match(/Problem: the gateway does not run: scripts\/vouchsafe --home \S+ serve/)
    expect(await (await serve(home)).stop()).to.equal(0)
  })

  it('a gateway that was started on a terminal goes on when that is closed', async function () {
    const terminal = spawn('script', ['-qfc', `scripts/vouchsafe serve --home ${home}`, '/dev/null'])
    let said = ''
    terminal.stdout.on('data', (chunk) => {
      said += String(chunk)
    })
    const isThere = await once(terminal, 'spawn').catch(() => undefined)
    if (isThere === undefined && process.env.CI !== 'true') {
      console.warn('      skipped: there is no script(1) here')
      return this.skip()
    }
    await until('it runs', async () => said.includes('started'))
    terminal.kill('SIGKILL')
    await once(terminal, 'close')
    const pid = Number(/process (\d+)/.exec(readFileSync(join(home, 'lock'), 'utf8'))?.[1])
    for (const label of ['one', 'two']) await ask(home, ['user', 'passwd', 'ann', '--generate', '--label', label]) // a line each
    await sleep(500)
    expect((await vouchsafe(home, ['status'])).out).to.include('running for')
    process.kill(pid, 'SIGTERM')
    await until('it has stopped', async () => !existsSync(join(home, 'lock')))
  })

  it('backup, verify and restore bring everything back', async () => {
    const [copy, second] = [join(folder, 'backup'), join(folder, 'second')]
    await ask(home, ['backup', copy])
    expect(await ask(home, ['verify'])).to.deep.include({ problems: [], keys: 2 })
    expect(await ask(copy, ['verify'])).to.deep.include({ problems: [], keys: 2 })
    await ask(second, ['restore', copy])
    expect(await ask(second, ['user', 'show', 'ann'])).to.deep.equal(await ask(home, ['user', 'show', 'ann']))
    const onto = await vouchsafe(second, ['restore', copy])
    expect(onto.code).to.equal(1)
  })

  it('a backup is no home to work in, and stays as it is', async () => {
    const copy = join(folder, 'kept')
    await ask(home, ['backup', copy])
    const before = readdirSync(copy)
    for (const command of [['serve'], ['status'], ['user', 'add', 'eve', '--generate']]) {
      const { code, err } = await vouchsafe(copy, command)
      expect(code, command.join(' ')).to.equal(1)
      expect(err, command.join(' ')).to.match(/kept is a backup, .*vouchsafe restore FROM --home NEW/)
    }
    expect(readdirSync(copy)).to.deep.equal(before)
  })

  it('a home whose database is gone is not opened with an empty one', async () => {
    const [copy, half] = [join(folder, 'whole'), join(folder, 'half')]
    await ask(home, ['backup', copy])
    await ask(half, ['restore', copy])
    rmSync(join(half, 'vouchsafe.db'))
    for (const command of ['status', 'serve']) {
      const { code, err } = await vouchsafe(half, [command])
      expect(code, command).to.equal(1)
      expect(err, command).to.match(/half\/vouchsafe\.db is missing or empty: .*vouchsafe restore FROM --home NEW/)
    }
    expect(existsSync(join(half, 'vouchsafe.db'))).to.equal(false)
    await ask(half, ['restore', copy])
  })

  it('verify names what is damaged', async () => {
    const hurt = join(folder, 'hurt')
    await ask(hurt, ['restore', join(folder, 'backup')])
    const { entities } = await ask<{ entities: { entity: string }[] }>(hurt, ['key', 'show'])
    rmSync(join(hurt, 'key', `entity-${entities[0]?.entity}.asc`))
    const { code, out } = await vouchsafe(hurt, ['verify'])
    expect(code).to.equal(1)
    expect(out)
      .to.match(/Problem: .*key/)
      .and.match(/comes back from a backup/)
  })

  it('verify names a key that others can read once, with its fix alone', async () => {
    const bare = join(folder, 'bare')
    await ask(bare, ['restore', join(folder, 'backup')])
    chmodSync(join(bare, 'key/agent.pem'), 0o644)
    const { out } = await vouchsafe(bare, ['verify'])
    expect(out).to.match(/^Problem: key\/agent\.pem can be read by others: chmod 600 \S+\n$/)
  })

  it('keys are sealed by a passphrase, and open with it alone', async () => {
    const sealed = join(folder, 'sealed')
    const secret = { VOUCHSAFE_PASSPHRASE: 'a long enough secret' }
    await vouchsafe(sealed, ['init'], '', secret)
    expect(readFileSync(join(sealed, 'key/agent.pem'), 'utf8')).to.match(/^vouchsafe-sealed 1/)
    expect((await vouchsafe(sealed, ['key', 'show'], '', secret)).code).to.equal(0)
    expect((await vouchsafe(sealed, ['key', 'show', '--passphrase-fd', '0'], 'a long enough secret\n')).code).to.equal(
      0,
    )
    expect((await vouchsafe(sealed, ['key', 'show'])).err).to.include('sealed by a passphrase')
    const { out } = await vouchsafe(sealed, ['verify'])
    expect(out)
      .to.match(/verify --passphrase-fd 3 3< FILE/)
      .and.not.match(/backup/)
    expect((await vouchsafe(sealed, ['key', 'show'], '', { VOUCHSAFE_PASSPHRASE: 'other' })).err).to.include(
      'wrong passphrase',
    )
  })

  it('user remove takes key and mail, and nothing else', async () => {
    await ask(home, ['user', 'add', 'bo', '--generate'])
    await ask(home, ['user', 'remove', 'bo', '--yes'])
    expect(await ask<object[]>(home, ['user', 'list'])).to.have.length(1)
    expect(await ask(home, ['verify'])).to.deep.include({ problems: [], keys: 2 })
  })

  it('help is there for every command, and is no error', async () => {
    for (const args of [[], ['user'], ['link', 'invite']]) {
      const { code, out } = await vouchsafe(home, [...args, '--help'])
      expect([code, out.startsWith('Usage: vouchsafe')]).to.deep.equal([0, true])
    }
  })
})
