import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import { expect } from 'chai'
import { createLog } from '../../gateway/log.ts'
import { keepRenewed } from '../../gateway/renewal.ts'
import { acmePair, isFor, lifeLeft, openTls, selfSigned, type TlsPair } from '../../gateway/tls.ts'

describe('certificate for mail clients', () => {
  const home = mkdtempSync(join(tmpdir(), 'tls-'))
  after(() => rmSync(home, { recursive: true }))

  it('is made once, for every name a client may use', async () => {
    const files = await openTls({ home, domain: 'münchen.test' })
    const certificate = new X509Certificate(files.current().certificate)
    for (const name of ['localhost', hostname(), 'xn--mnchen-3ya.test'])
      expect(certificate.checkHost(name), name).to.equal(name)
    for (const address of ['127.0.0.1', '::1']) expect(certificate.checkIP(address), address).to.equal(address)
    expect((await openTls({ home, domain: 'münchen.test' })).fingerprint()).to.equal(files.fingerprint())
    expect(statSync(join(home, 'tls/key.pem')).mode & 0o077).to.equal(0)
  })

  it('lives as long as Apple takes it, and not longer', async () => {
    const { validFrom, validTo } = new X509Certificate((await openTls({ home })).current().certificate)
    const days = (Date.parse(validTo) - Date.parse(validFrom)) / 86_400_000
    expect(days).to.be.greaterThan(800).and.at.most(826)
  })

  it('is trusted by a client that was given it, over TLS 1.3', async () => {
    const pair = (await openTls({ home })).current()
    expect(await handshake(pair, pair.certificate)).to.equal('TLSv1.3')
  })

  it('is renewed with the same key: a client that pinned it notices nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tls-'))
    const before = (await openTls({ home: folder })).current()
    writeFileSync(join(folder, 'tls/certificate.pem'), nearlyOver)
    const now = (await openTls({ home: folder })).current()
    expect(now.key).to.equal(before.key)
    expect(new X509Certificate(now.certificate).checkPrivateKey(createPrivateKey(before.key))).to.equal(true)
    expect(Date.parse(new X509Certificate(now.certificate).validTo)).to.be.greaterThan(Date.now())
    rmSync(folder, { recursive: true })
  })

  it('is made anew, with the same key, where its file is damaged; a key that is damaged is named', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tls-'))
    const before = (await openTls({ home: folder })).current()
    for (const damaged of ['no certificate', (await selfSigned(['a.test'], [])).certificate]) {
      writeFileSync(join(folder, 'tls/certificate.pem'), damaged)
      const { certificate, key } = (await openTls({ home: folder })).current()
      expect(key).to.equal(before.key)
      expect(new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))).to.equal(true)
    }
    writeFileSync(join(folder, 'tls/key.pem'), 'no key')
    const told = await openTls({ home: folder }).catch(({ message }: Error) => message)
    expect(told).to.match(new RegExp(`^${folder}/tls/key.pem is damaged: put it back .* or remove it`))
    rmSync(folder, { recursive: true })
  })

  it('is made anew, with the same key, for a name that clients are told since', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tls-'))
    const before = (await openTls({ home: folder, domain: 'a.test' })).current()
    const hosts = ['mail.a.test', '192.0.2.7', '127.0.0.1']
    const files = await openTls({ home: folder, domain: 'a.test', hosts })
    const certificate = new X509Certificate(files.current().certificate)
    expect([certificate.checkHost('mail.a.test'), certificate.checkHost('a.test')]).to.not.include(undefined)
    for (const address of ['192.0.2.7', '127.0.0.1', '::1']) expect(certificate.checkIP(address)).to.equal(address)
    expect(files.current().key).to.equal(before.key)
    expect((await openTls({ home: folder, domain: 'a.test', hosts })).fingerprint()).to.equal(files.fingerprint())
    rmSync(folder, { recursive: true })
  })

  it('leaves out what no certificate can name, as the number of a container', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tls-'))
    const hosts = ['123456789012', 'a.test']
    const files = await openTls({ home: folder, hosts })
    expect(hosts.map((host) => isFor(files.current().certificate, host))).to.deep.equal([false, true])
    expect((await openTls({ home: folder, hosts })).fingerprint()).to.equal(files.fingerprint())
    rmSync(folder, { recursive: true })
  })

  it('of one’s own is read again on request; a wrong one leaves the old in service', async () => {
    const [first, second] = [await selfSigned(['one.test'], []), await selfSigned(['two.test'], [])]
    const [certificate, key] = [join(home, 'c.pem'), join(home, 'k.pem')]
    const write = (pair: TlsPair) => {
      writeFileSync(certificate, pair.certificate)
      writeFileSync(key, pair.key)
    }
    write(first)
    const files = await openTls({ home, certificate, key })
    expect(files.current()).to.deep.equal(first)

    write({ certificate: second.certificate, key: first.key })
    const error = await files.reload().catch((error: unknown) => error)
    expect(String(error)).to.include('no usable pair')
    expect(files.current()).to.deep.equal(first)

    write(second)
    await files.reload()
    expect(files.current()).to.deep.equal(second)
  })

  it('of one’s own that only another user may read is said to be so', async () => {
    const { certificate, key } = await selfSigned(['one.test'], [])
    const files = { certificate: join(home, 'c3.pem'), key: join(home, 'k3.pem') }
    writeFileSync(files.certificate, certificate)
    writeFileSync(files.key, key, { mode: 0o000 })
    const me = process.geteuid?.() ?? 0
    if (me === 0) process.seteuid?.(65_534) // root reads everything
    const said = await openTls({ home, ...files }).catch(String)
    if (me === 0) process.seteuid?.(me)
    expect(said).to.match(/Can't read \S+\.pem: EACCES\. Let the user that the gateway runs as read it/)
  })

  it('changed files are taken up by themselves, once both are whole', async () => {
    const [first, second] = [await selfSigned(['one.test'], []), await selfSigned(['two.test'], [])]
    const [certificate, key] = [join(home, 'c2.pem'), join(home, 'k2.pem')]
    writeFileSync(certificate, first.certificate)
    writeFileSync(key, first.key)
    const files = await openTls({ home, certificate, key })
    const used: TlsPair[] = []
    const log = createLog({ level: 'silent', format: 'json' })
    const renewal = keepRenewed(files, [(pair) => used.push(pair)], log)
    await renewal.look()
    expect(used).to.deep.equal([])

    writeFileSync(certificate, second.certificate)
    await renewal.look() // half of it: the pair does not fit
    await renewal.look() // and is not tried again as long as nothing changes
    expect([used, files.current()]).to.deep.equal([[], first])
    writeFileSync(key, second.key)
    await renewal.look()
    expect([used, files.current()]).to.deep.equal([[second], second])

    rmSync(key)
    await renewal.look()
    expect(files.current()).to.deep.equal(second)
    await renewal.close()
  })

  it('where the self-signed one has another key since, the log says that mail clients ask', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tls-'))
    const files = await openTls({ home: folder })
    const lines: string[] = []
    const log = createLog({ level: 'warn', format: 'json' }, { write: (line: string) => lines.push(line) })
    const renewal = keepRenewed(files, [], log)
    await renewal.reload()
    rmSync(join(folder, 'tls/certificate.pem'))
    await renewal.reload()
    expect(lines, 'with the same key').to.deep.equal([])
    rmSync(join(folder, 'tls'), { recursive: true })
    await renewal.reload()
    await renewal.close()
    expect(lines.map((line) => JSON.parse(line).event)).to.deep.equal(['certificate-unknown'])
    rmSync(folder, { recursive: true })
  })

  it('of one’s own that has ended serves where there is no other, and never takes the place of a good one', async () => {
    const [good, ended] = [await selfSigned(['one.test'], []), await endedPair()]
    const [certificate, key] = [join(home, 'c4.pem'), join(home, 'k4.pem')]
    const write = (pair: TlsPair) => {
      writeFileSync(certificate, pair.certificate)
      writeFileSync(key, pair.key)
    }
    write(ended)
    const files = await openTls({ home, certificate, key })
    expect(files.current()).to.deep.equal(ended)
    expect(lifeLeft(ended.certificate, 0).told).to.match(/^ended on \d{4}-\d\d-\d\d, and mail clients warn of it$/)
    write(good)
    await files.reload()
    write(ended)
    expect(await files.reload().catch(String)).to.match(/c4\.pem ended on .*Renew it/)
    expect(files.current()).to.deep.equal(good)
  })

  it('of an authority that has ended gives way to the self-signed one, also while the gateway runs', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tls-'))
    mkdirSync(join(folder, 'tls'))
    const good = await selfSigned(['one.test'], [])
    writeFileSync(acmePair(folder), `${good.key}${good.certificate}`)
    const files = await openTls({ home: folder, acme: {} })
    expect(files.current().certificate).to.include(good.certificate)
    expect(await files.isStale()).to.equal(false)

    const { now } = Date
    Date.now = () => now() + 900 * 86_400_000
    try {
      expect(await files.isStale()).to.equal(true)
      expect(lifeLeft((await files.reload()).certificate, 0).days).to.be.above(800)
      expect(await files.isStale()).to.equal(false)
    } finally {
      Date.now = now
    }
    rmSync(folder, { recursive: true })
  })

  it('one’s own is stale only near its end', async () => {
    const files = await openTls({ home })
    expect(await files.isStale()).to.equal(false)
  })

  it('that is not there is named', async () => {
    const error = await openTls({ home, certificate: '/no/c.pem', key: '/no/k.pem' }).catch((error: unknown) => error)
    expect(String(error)).to.match(/Can't read \/no\/[ck]\.pem: ENOENT/)
  })
})

const handshake = (pair: TlsPair, ca: string): Promise<string | null> =>
  new Promise((resolve, reject) => {
    const server = createServer({ cert: pair.certificate, key: pair.key }, (socket) => socket.end())
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca }, () => {
        resolve(socket.getProtocol())
        socket.destroy()
        server.close()
      })
      socket.on('error', reject)
    })
  })

const endedPair = async (): Promise<TlsPair> => {
  const { now } = Date
  Date.now = () => now() - 900 * 86_400_000
  return selfSigned(['one.test'], []).finally(() => {
    Date.now = now
  })
}

/** Any certificate that ended long ago. */
const nearlyOver = readFileSync(new URL('../fixture/ended.pem', import.meta.url), 'utf8')
