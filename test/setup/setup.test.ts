/**
 * What clients are told at the places where they ask, over a real listener. That the texts are well-formed and that the
 * signature holds is for others to say: Python's parsers and openssl.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect } from 'chai'
import { parseConfig } from '../../gateway/config/config.ts'
import { createLog } from '../../gateway/log.ts'
import { type SetupEdge, startSetup } from '../../gateway/setup/server.ts'
import { selfSigned, type TlsPair } from '../../gateway/tls.ts'
import { need } from '../peer/need.ts'

const NAME = `Ann's <b>"gate" & way</b>`
const now = Date.UTC(2026, 10, 21)

describe('set-up of mail clients', () => {
  let edge: SetupEdge
  let pair: TlsPair
  const log: string[] = []
  const folder = mkdtempSync(join(tmpdir(), 'setup-'))
  const terms = {
    name: NAME,
    tls: { current: () => pair, fingerprint: () => 'AA:BB' },
    log: createLog({ level: 'info', format: 'json' }, { write: (line: string) => log.push(line) }),
    now: () => now,
  }
  before(async () => {
    pair = await selfSigned(['localhost'], ['127.0.0.1'])
    edge = await startSetup({
      ...terms,
      config: parseConfig('[setup]\nhttps = ["127.0.0.1:0"]\nhttp = ["127.0.0.1:0"]\nimap = "mail.a.test:993"'),
      domain: 'a.test',
      domains: new Set(['a.test', 'x.vouchsafe.alt']),
    })
  })
  after(async () => {
    await edge.close()
    rmSync(folder, { recursive: true })
  })
  const get = (path: string, init?: RequestInit) => fetch(`http://${edge.addresses[1]}${path}`, init)
  const outlook = (body: string) =>
    get('/Autodiscover/Autodiscover.xml', { method: 'POST', body }).then((it) => it.text())
  const asking = (
    address: string,
    schema = 'http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a',
  ) =>
    `<?xml version="1.0"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">
      <Request><EMailAddress>${address}</EMailAddress><AcceptableResponseSchema>${schema}</AcceptableResponseSchema></Request></Autodiscover>`

  it('Thunderbird reads the same in both places: what is named, else the listeners, TLS first', async () => {
    const answer = await get('/mail/config-v1.1.xml?emailaddress=ann%40a.test')
    expect(answer.headers.get('content-type')).to.equal('text/xml; charset=utf-8')
    const text = await answer.text()
    const servers = text.matchAll(
      /<(?:incoming|outgoing)Server type="(\w+)">\s*<hostname>([^<]*)<\/hostname>\s*<port>(\d+)<\/port>\s*<socketType>(\w+)</g,
    )
    expect([...servers].map(([, ...server]) => server.join(' '))).to.deep.equal([
      'imap mail.a.test 993 SSL',
      'smtp 127.0.0.1 2465 SSL',
      'smtp 127.0.0.1 2587 STARTTLS',
    ])
    const wellKnown = await get('/.well-known/autoconfig/mail/config-v1.1.xml')
    expect(await wellKnown.text()).to.equal(text)
  })

  it('a domain in letters of its own is told in ASCII, and found in either spelling', async () => {
    const there = await startSetup({
      ...terms,
      config: parseConfig(
        '[gateway]\ndomain = "münchen.test"\n[setup]\nhttp = ["127.0.0.1:0"]\nimap = "münchen.test:993"',
      ),
      domain: 'münchen.test',
      domains: new Set(['münchen.test']),
    })
    const ask = (path: string, init?: RequestInit) => fetch(`http://${there.addresses[0]}${path}`, init)
    const autoconfig = await ask('/mail/config-v1.1.xml?emailaddress=zoe%40xn--mnchen-3ya.test')
    expect(await autoconfig.text())
      .to.include('<emailProvider id="xn--mnchen-3ya.test">')
      .and.include('<domain>xn--mnchen-3ya.test</domain>')
      .and.include('<hostname>xn--mnchen-3ya.test</hostname>')
    // What a browser makes of zoe@münchen.test in the form.
    expect((await ask('/mail.mobileconfig?email=zoe%40xn--mnchen-3ya.test')).status).to.equal(200)
    const body = asking('zoe@xn--mnchen-3ya.test')
    const said = await ask('/autodiscover/autodiscover.xml', { method: 'POST', body })
    expect(await said.text()).to.include('<LoginName>zoe@münchen.test</LoginName>')
    await there.close()
  })

  it('an address with a plus is one, written as it is or encoded', async () => {
    for (const address of ['ann+club@a.test', 'ann%2Bclub%40a.test'])
      for (const path of ['/mail/config-v1.1.xml?emailaddress=', '/mail.mobileconfig?email='])
        expect((await get(path + address)).status, path + address).to.equal(200)
  })

  it('nobody learns settings for addresses of other domains', async () => {
    for (const path of [
      '/mail/config-v1.1.xml?emailaddress=ann%40b.test',
      '/mail.mobileconfig?email=ann%40b.test',
      '/mail.mobileconfig?email=',
      '/mail.mobileconfig',
      '/mail.mobileconfig?email=%00',
    ])
      expect((await get(path)).status, path).to.equal(404)
    expect(await outlook(asking('ann@b.test'))).to.include('<ErrorCode>600</ErrorCode>')
  })

  it('Outlook gets settings for its user name, whatever the case of the path', async () => {
    const text = await outlook(asking('ann@a.test'))
    expect(text).to.include('<LoginName>ann@a.test</LoginName>').and.include('<Server>mail.a.test</Server>')
    expect(text.match(/<Type>\w+<\/Type>/g)).to.deep.equal([
      '<Type>IMAP</Type>',
      '<Type>SMTP</Type>',
      '<Type>SMTP</Type>',
    ])
    expect(await outlook(asking('ann@x.vouchsafe.alt'))).to.include('<LoginName>ann@x.vouchsafe.alt<')
    for (const address of ['ann&#64;a.test', 'ann&#x40;a.test', '&#x61;nn&#0064;a.test'])
      expect(await outlook(asking(address)), address).to.include('<LoginName>ann@a.test<')
    expect(await outlook(asking('ann&#x110000;@a.test'))).to.include('<ErrorCode>600</ErrorCode>')
  })

  it('what is no request for its settings gets error 600: another schema, no address, far too long', async () => {
    for (const body of [
      asking('ann@a.test', 'http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006'),
      '',
      'EMailAddress=ann@a.test',
      `${' '.repeat(20_000)}${asking('ann@a.test')}`,
    ])
      expect(await outlook(body)).to.include('<ErrorCode>600</ErrorCode>')
  })

  it('a client that goes before the end of its request is no failure', async () => {
    const client = connect(Number(edge.addresses[1]?.split(':')[1]), '127.0.0.1')
    client.write('POST /autodiscover/autodiscover.xml HTTP/1.1\r\nHost: a.test\r\nContent-Length: 9\r\n\r\n<Auto')
    await setTimeout(50)
    client.destroy()
    await setTimeout(50)
    expect(log).to.deep.equal([])
  })

  it('who connects and says nothing leaves room for others, and is gone after seconds', async function () {
    this.timeout(60_000)
    const from = { host: '127.0.0.1', localAddress: '127.0.0.1' }
    const ports = edge.addresses.map((address) => Number(address.split(':')[1]))
    const silent = ports.flatMap((port) => Array.from({ length: 100 }, () => connect({ ...from, port })))
    const gone = silent.map(
      (socket) =>
        new Promise((resolve) =>
          socket
            .resume()
            .on('error', () => {})
            .once('close', resolve),
        ),
    )
    await setTimeout(200)
    const answer = await new Promise<string>((resolve, reject) => {
      const other = connect({ ...from, port: ports[1] ?? 0, localAddress: '127.0.0.2' })
      other.once('data', (bytes) => resolve(bytes.toString())).once('close', () => reject(new Error('shut out')))
      other.end('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n')
    })
    expect(answer).to.match(/^HTTP\/1\.1 200 /)
    await Promise.all(gone)
  })

  it('before that, Outlook is told where to ask', async () => {
    const ask = (query: string) => get(`/autodiscover/autodiscover.json?Email=ann%40a.test&${query}`)
    const good = await ask('Protocol=AutodiscoverV1')
    const Url = `https://${edge.addresses[0]}/autodiscover/autodiscover.xml`
    expect([good.status, await good.json()]).to.deep.equal([200, { Protocol: 'AutodiscoverV1', Url }])
    expect((await ask('protocol=ActiveSync')).status).to.equal(400)
    const named = await get('/autodiscover/autodiscover.json/v1.0/ann@a.test?Protocol=Autodiscoverv1')
    expect([named.status, await named.json()]).to.deep.equal([200, { Protocol: 'AutodiscoverV1', Url }])
  })

  it('that listens everywhere is asked by its domain', async () => {
    const there = await startSetup({
      ...terms,
      config: parseConfig('[gateway]\ndomain = "a.test"\n[setup]\nhttp = ["127.0.0.1:0"]\nhttps = ["0.0.0.0:0"]'),
      domain: 'a.test',
      domains: new Set(['a.test']),
    })
    const port = there.addresses[0]?.split(':')[1]
    const ask = (path: string) => fetch(`http://${there.addresses[1]}${path}`)
    const told = await ask('/autodiscover/autodiscover.json?Protocol=AutodiscoverV1')
    expect(await told.json()).to.have.property('Url', `https://a.test:${port}/autodiscover/autodiscover.xml`)
    expect(await (await ask('/')).text()).to.include(`<code>https://a.test:${port}</code>`)
    await there.close()
  })

  it('the page holds the settings and no script, and nothing in it is taken for markup', async () => {
    const answer = await get('/')
    const text = await answer.text()
    expect(text)
      .to.include('Ann&#39;s &#60;b&#62;&#34;gate&#34; &#38; way')
      .and.include('mail.a.test')
      .and.include('AA:BB')
    expect(text).to.include('<svg').and.not.include('<script').and.not.include('<b>"')
    expect(answer.headers.get('content-security-policy')).to.include("default-src 'none'")
    const head = await get('/', { method: 'HEAD' })
    expect([head.status, Number(head.headers.get('content-length'))]).to.deep.equal([200, Buffer.byteLength(text)])
  })

  it('people are asked to compare the certificate only where no authority vouches for it', async function () {
    need(this, 'openssl', 'openssl')
    const own = pair
    expect(await (await get('/')).text()).to.include('AA:BB')
    const [made, ca] = [join(folder, 'issued.pem'), join(folder, 'authority.pem')]
    const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' })
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      '/CN=an authority',
      '-keyout',
      ca,
      '-out',
      `${ca}.crt`,
    )
    const request = [
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      '/CN=mail.a.test',
      '-keyout',
      `${made}.key`,
      '-out',
      made,
    ]
    openssl(...request)
    const issued = openssl('x509', '-req', '-in', made, '-CA', `${ca}.crt`, '-CAkey', ca, '-CAcreateserial')
    pair = { certificate: issued.toString(), key: readFileSync(`${made}.key`, 'utf8') }
    const text = await (await get('/')).text()
    pair = own
    expect(text).to.include('An authority vouches for it').and.not.include('AA:BB')
  })

  it('other paths and other verbs get no settings', async () => {
    expect((await get('/nothing')).status).to.equal(404)
    expect((await get('//')).status).to.equal(404)
    expect((await get('/', { method: 'POST' })).status).to.equal(405)
    expect((await get('/mail/config-v1.1.xml', { method: 'DELETE' })).status).to.equal(405)
  })

  it('over TLS the certificate is that of mail clients, and a new one is taken up', async () => {
    const [host = '', port] = (edge.addresses[0] ?? '').split(':')
    const trusts = (ca: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const asked = request({ host, port, path: '/', ca, agent: false }, (it) => resolve(it.resume().statusCode))
        asked.once('error', reject).end()
      })
    expect(await trusts(pair.certificate)).to.equal(200)
    const next = await selfSigned(['localhost'], ['127.0.0.1'])
    edge.useTls(next)
    expect(await trusts(next.certificate)).to.equal(200)
    edge.useTls(pair)
  })

  it('the profile for Apple is signed by it, and holds the account', async function () {
    need(this, 'openssl', 'openssl')
    need(this, 'python3', 'python3')
    const answer = await get('/mail.mobileconfig?email=Ann%40A.test')
    expect(answer.headers.get('content-type')).to.equal('application/x-apple-aspen-config')
    const [der, ca] = [join(folder, 'p.der'), join(folder, 'ca.pem')]
    writeFileSync(der, Buffer.from(await answer.arrayBuffer()))
    writeFileSync(ca, pair.certificate)
    const plist = execFileSync(
      'openssl',
      ['cms', '-verify', '-inform', 'DER', '-in', der, '-CAfile', ca, '-purpose', 'any'],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    )
    const reading = 'import plistlib,sys,json; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))'
    const profile = JSON.parse(execFileSync('python3', ['-c', reading], { input: plist, encoding: 'utf8' }))
    expect(profile.PayloadDisplayName).to.equal(`ann@a.test (${NAME})`)
    expect(profile.PayloadContent[0]).to.include({
      EmailAddress: 'ann@a.test',
      IncomingMailServerHostName: 'mail.a.test',
      IncomingMailServerPortNumber: 993,
      OutgoingMailServerPortNumber: 2465,
      OutgoingMailServerUsername: 'ann@a.test',
    })
    expect(profile.PayloadUUID).to.match(/^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/)
  })

  it('what is sent as XML is XML', async function () {
    need(this, 'python3', 'python3')
    const reading = 'import xml.dom.minidom,sys; xml.dom.minidom.parseString(sys.stdin.buffer.read())'
    for (const text of [
      await (await get('/mail/config-v1.1.xml')).text(),
      await outlook(asking('o&apos;neill@a.test')),
      await outlook(''),
    ])
      expect(() => execFileSync('python3', ['-c', reading], { input: text })).not.to.throw()
  })
})
