/** Our updates of the DNS against BIND: it takes what we sign, and we read what it answers. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { updateByRfc2136 } from '../../gateway/reach/update.ts'
import type { Own } from '../../src/reach/seen.ts'
import { until } from '../link/agents.ts'
import { need } from './need.ts'

const run = promisify(execFile)

describe('our own name at a name server (RFC 2136, TSIG): BIND', function () {
  this.timeout(30_000)
  let folder: string
  let port: number
  let named: ChildProcess
  let said = ''

  before(async function () {
    need(this, 'named', 'bind9')
    need(this, 'dig', 'bind9-dnsutils')
    need(this, 'nsupdate', 'bind9-dnsutils')
    folder = await mkdtemp(join(tmpdir(), 'vouchsafe-dns-'))
    port = await freePort()
    const { stdout: key } = await run('tsig-keygen', ['-a', 'hmac-sha256', 'Vouchsafe.Example'])
    const { stdout: other } = await run('tsig-keygen', ['-a', 'hmac-sha256', 'unknown.example'])
    await save('key', key)
    await save('unknown', other)
    await save('wrong', key.replace(/secret ".*"/, `secret "${Buffer.alloc(32, 1).toString('base64')}"`))
    await save('zone', zone)
    await save('conf', confOf(folder, port, key))
    named = spawn('named', ['-g', '-n', '1', '-c', file('conf')], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: withSbin,
    })
    named.stderr?.on('data', (chunk) => {
      said += chunk
    })
    await until(async () => (await ask('ns.example.org', 'A')) === '127.0.0.1', 'named answers', 15_000).catch(
      (error) => {
        throw new Error(`${error.message}\n${said.slice(-2000)}`)
      },
    )
  })
  after(async () => {
    if (named) {
      const gone = new Promise((resolve) => named.once('exit', resolve))
      named.kill()
      await gone
    }
    if (folder) await rm(folder, { recursive: true, force: true })
  })

  const file = (name: string): string => join(folder, name)
  const save = (name: string, text: string) => writeFile(file(name), text, { mode: 0o600 })
  const ask = async (name: string, type: string): Promise<string> => {
    const args = ['@127.0.0.1', '-p', String(port), '+short', '+time=1', '+tries=1', name, type]
    return (await run('dig', args).catch(() => ({ stdout: '' }))).stdout.trim()
  }
  const update = (own: Own, more: { name?: string; key?: string; zone?: string; now?: () => number } = {}) =>
    updateByRfc2136(
      more.name ?? 'home.example.org',
      {
        server: { host: '127.0.0.1', port },
        zone: more.zone ?? 'example.org',
        keyFile: file(more.key ?? 'key'),
        ttlMs: 300_000,
      },
      own,
      more.now ?? Date.now,
    )

  it('takes an address of each kind', async () => {
    expect(await update({ v4: '192.0.2.7', v6: '2001:db8::7' })).to.deep.equal({ do: 'done' })
    expect(await ask('home.example.org', 'A')).to.equal('192.0.2.7')
    expect(await ask('home.example.org', 'AAAA')).to.equal('2001:db8::7')
  })

  it('the new address takes the place of the old one; what is not told stays', async () => {
    expect(await update({ v4: '198.51.100.1' })).to.deep.equal({ do: 'done' })
    expect(await ask('home.example.org', 'A')).to.equal('198.51.100.1')
    expect(await ask('home.example.org', 'AAAA')).to.equal('2001:db8::7')
  })

  it('twice the same does no harm', async () => {
    for (let i = 0; i < 2; i++) expect(await update({ v4: '198.51.100.2' })).to.deep.equal({ do: 'done' })
    expect(await ask('home.example.org', 'A')).to.equal('198.51.100.2')
  })

  it('another client reads the same key file', async () => {
    const child = run('nsupdate', ['-k', file('key')])
    child.child.stdin?.end(
      `server 127.0.0.1 ${port}\nzone example.org\nupdate add other.example.org 60 A 192.0.2.9\nsend\n`,
    )
    await child
    expect(await ask('other.example.org', 'A')).to.equal('192.0.2.9')
  })

  const refusals: [what: string, more: Parameters<typeof update>[1], why: RegExp][] = [
    ['another secret', { key: 'wrong' }, /signature does not hold/],
    ['a key it does not know', { key: 'unknown' }, /does not know this key/],
    ['a clock that is wrong', { now: () => Date.now() - 3_600_000 }, /clocks differ/],
    ['a name this key may not change', { name: 'theirs.example.org' }, /update-policy/],
    ['a zone it does not have', { zone: 'example.net', name: 'home.example.net' }, /dns\.zone/],
    ['a name outside of the zone', { name: 'home.example.net' }, /outside of the zone/],
  ]
  for (const [what, more, why] of refusals)
    it(`refuses ${what}, and we say what to do`, async () => {
      const verdict = await update({ v4: '203.0.113.5' }, more)
      expect(verdict.do).to.equal('later')
      expect('why' in verdict && verdict.why).to.match(why)
      expect(await ask(more?.name ?? 'home.example.org', 'A')).to.not.equal('203.0.113.5')
    })

  it('a key that others can read is not used', async () => {
    await chmod(file('key'), 0o640)
    const error = await update({ v4: '203.0.113.5' }).catch(String)
    await chmod(file('key'), 0o600)
    expect(error).to.match(/open to others.*chmod 600/)
  })

  it('where nobody answers, the fault is named', async () => {
    const free = await freePort()
    const server = { host: '127.0.0.1', port: free }
    const way = { server, zone: 'example.org', keyFile: file('key'), ttlMs: 1000 }
    expect(await updateByRfc2136('home.example.org', way, { v4: '192.0.2.1' }, Date.now).catch(String)).to.match(
      /127\.0\.0\.1, port \d+: ECONNREFUSED/,
    )
  })
})

const withSbin = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` }

const zone = `$TTL 60
@ SOA ns.example.org. root.example.org. 1 3600 600 86400 60
@ NS ns
ns A 127.0.0.1
`
const confOf = (folder: string, port: number, key: string) => `${key}
options {
  directory "${folder}"; pid-file none; session-keyfile none; managed-keys-directory "${folder}";
  listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; notify no; dnssec-validation no; allow-new-zones no;
};
controls { };
zone "example.org" {
  type primary; file "${folder}/zone";
  update-policy {
    grant Vouchsafe.Example name home.example.org A AAAA;
    grant Vouchsafe.Example name other.example.org A;
  };
};
`

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const at = server.address()
      server.close(() => resolve(typeof at === 'object' && at ? at.port : 0))
    })
  })
