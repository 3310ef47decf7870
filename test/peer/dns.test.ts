/** Our updates of the DNS against BIND: it takes what we sign, and we read what it answers. */
import { chmod } from 'node:fs/promises'
import { expect } from 'chai'
import { updateByRfc2136 } from '../../gateway/reach/update.ts'
import { freePort } from '../../scripts/ports.ts'
import type { Own } from '../../src/reach/seen.ts'
import { type Named, run, startNamed } from './named.ts'
import { need } from './need.ts'

describe('our own name at a name server (RFC 2136, TSIG): BIND', function () {
  this.timeout(60_000)
  let named: Named
  before(async function () {
    need(this, 'named', 'bind9')
    need(this, 'dig', 'bind9-dnsutils')
    need(this, 'nsupdate', 'bind9-dnsutils')
    named = await startNamed()
  })
  after(() => named?.stop())

  const ask = (name: string, type: string) => named.ask(name, type)
  const update = (own: Own, more: { name?: string; key?: string; zone?: string; now?: () => number } = {}) =>
    updateByRfc2136(
      more.name ?? 'home.example.org',
      {
        server: { host: '127.0.0.1', port: named.port },
        zone: more.zone ?? 'example.org',
        keyFile: named.file(more.key ?? 'key'),
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
    const child = run('nsupdate', ['-k', named.file('key')])
    child.child.stdin?.end(
      `server 127.0.0.1 ${named.port}\nzone example.org\nupdate add other.example.org 60 A 192.0.2.9\nsend\n`,
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
    await chmod(named.file('key'), 0o640)
    const error = await update({ v4: '203.0.113.5' }).catch(String)
    await chmod(named.file('key'), 0o600)
    expect(error).to.match(/open to others.*chmod 600/)
  })

  it('where nobody answers, the fault is named', async () => {
    const free = await freePort()
    const server = { host: '127.0.0.1', port: free }
    const way = { server, zone: 'example.org', keyFile: named.file('key'), ttlMs: 1000 }
    expect(await updateByRfc2136('home.example.org', way, { v4: '192.0.2.1' }, Date.now).catch(String)).to.match(
      /127\.0\.0\.1, port \d+: ECONNREFUSED/,
    )
  })
})
