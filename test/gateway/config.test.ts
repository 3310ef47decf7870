import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { configPath, parseConfig, readConfig } from '../../gateway/config/config.ts'
import { configText, defaultPorts, portsFrom } from '../../gateway/config/text.ts'
import { readHostPort, writeHostPort } from '../../gateway/config/value.ts'
import { createLog } from '../../gateway/log.ts'
import { hearHangups, reconfigure } from '../../gateway/reconfigure.ts'

const acme = '[tls.acme]\ndirectory = "https://ca.test/dir"\nnames = ["a.test"]'

describe('configuration', () => {
  it('an empty file is a good one', () => {
    const config = parseConfig('')
    expect(config.smtp.listeners).to.deep.equal([
      { host: '127.0.0.1', port: 2587, security: 'starttls' },
      { host: '127.0.0.1', port: 2465, security: 'tls' },
    ])
    expect(config.smtp.sizeLimit).to.equal(64 * 1024 ** 2)
    expect(config.custody.expiresMs).to.equal(5 * 86_400_000)
    expect(config.login.plainLoopback).to.equal(false)
    expect(config.smtp.trusted).to.equal(null)
  })

  it('what init writes says what the defaults are', () => {
    expect(parseConfig(configText({ ports: defaultPorts }))).to.deep.equal(parseConfig(''))
  })

  it('what init writes shows every key, and each as it may stand', () => {
    const all = configText({ ports: defaultPorts }).replace(/^# (?=\[|[a-z_]+ = )/gm, '')
    // A certificate of one's own or an authority's: never both.
    const own = parseConfig(all.replace(/^\[tls\.acme\](?:\n.+)*/m, ''))
    expect(own.tls).to.have.all.keys('certificate', 'key')
    const config = parseConfig(all.replace(/^(?:certificate|key) = .*/gm, ''))
    expect(config.gateway.domain).to.equal('example.org')
    expect(config.smtp.trusted?.accounts.get('192.0.2.7')).to.equal('scanner@example.org')
    const { gateway, smtp, setup, delivery, tls, dns, ...rest } = config
    expect(delivery).to.deep.equal({ lmtp: { path: '/run/dovecot/lmtp' } })
    expect([setup.https[0]?.port, setup.http[0]?.port, setup.imap?.port]).to.deep.equal([2443, 2408, 993])
    expect([dns?.rfc2136?.zone, dns?.dyndns2?.user, dns?.addresses]).to.deep.equal(['example.org', 'ann', []])
    const {
      gateway: _gateway,
      smtp: _smtp,
      setup: off,
      delivery: none,
      tls: _tls,
      dns: _dns,
      ...defaults
    } = parseConfig('')
    expect([off, none]).to.deep.equal([{ https: [], http: [] }, {}])
    expect(rest).to.deep.equal(defaults)
    expect(tls.acme).to.deep.equal({
      directory: 'https://acme-v02.api.letsencrypt.org/directory',
      termsAgreed: false,
      names: ['mail.example.org'],
      http: { host: '0.0.0.0', port: 80 },
      contact: 'ann@example.com',
    })
  })

  it('etc/vouchsafe.toml is that text', () => {
    expect(readFileSync('etc/vouchsafe.toml', 'utf8')).to.equal(configText({ ports: defaultPorts }))
  })

  it('etc/vouchsafe.service lets Node start: it asks for memory protection keys, which @system-service has not', () => {
    const allowed = /^SystemCallFilter=@.*$/m.exec(readFileSync('etc/vouchsafe.service', 'utf8'))
    expect(allowed?.[0].split(/[= ]/)).to.include.members(['@system-service', '@pkey'])
  })

  it('the choices of init are in it, whatever they hold', () => {
    const name = 'Ann "the baker" \\ & söhne'
    const text = configText({
      domain: 'a.test',
      name,
      net: 'trial',
      host: '127.0.0.1',
      ports: portsFrom(2000),
      plainLoopback: true,
    })
    const config = parseConfig(text)
    expect(config.gateway).to.deep.equal({ domain: 'a.test', name, net: 'trial' })
    expect(config.login.plainLoopback).to.equal(true)
    expect(config.link).to.deep.include({
      listen: { host: '127.0.0.1', port: 2040 }, // a loopback name keeps links on this machine
      announce: [{ host: '127.0.0.1', port: 2040 }],
    })
    expect(config.imap.listeners.map(({ port }) => port)).to.deep.equal([2014, 2093])
  })

  it('addresses for the DNS are spelled as it says them', () => {
    const dns = (addresses: string) =>
      parseConfig(`[dns]
name = "home.a.test"
addresses = ${addresses}
dyndns2 = { url = "https://dns.test", user = "ann", password_file = "p" }`).dns?.addresses
    expect(dns('["2001:DB8:0::7", "::ffff:192.0.2.7"]')).to.deep.equal(['2001:db8::7', '192.0.2.7'])
    for (const none of ['["fe80::1%eth0"]', '["192.0.2.7", "::ffff:192.0.2.7"]'])
      expect(() => dns(none), none).to.throw('dns.addresses')
  })

  it('an IPv6 address that neighbours dial is listened at', () => {
    const listening = (host?: string) => parseConfig(configText({ host, ports: defaultPorts })).link.listen.host
    expect(listening('2001:db8::1')).to.equal('::')
    expect(['192.0.2.1', 'mail.a.test', undefined].map(listening)).to.deep.equal(Array(3).fill('0.0.0.0'))
    expect(['::1', '127.0.0.1'].map(listening)).to.deep.equal(['::1', '127.0.0.1'])
  })

  it('a domain in letters of its own is announced as it stands in the DNS', () => {
    const announced = (choices: { domain: string; host?: string }) =>
      parseConfig(configText({ ...choices, ports: defaultPorts })).link.announce
    const münchen = [{ host: 'xn--mnchen-3ya.test', port: 2740 }]
    expect(announced({ domain: 'münchen.test' })).to.deep.equal(münchen)
    expect(announced({ domain: 'a.test', host: 'münchen.test' })).to.deep.equal(münchen)
    expect(announced({ domain: 'a.test', host: '2001:db8::1' })).to.deep.equal([{ host: '2001:db8::1', port: 2740 }])
  })

  const complaints: [what: string, text: string, said: string][] = [
    ['a size without a unit', '[smtp]\nsize_limit = "64"', 'smtp.size_limit = "64": not a size'],
    ['a duration in words', '[custody]\nexpires = "soon"', 'custody.expires = "soon": not a duration'],
    ['a listener without a port', '[imap]\ntls = ["localhost"]', 'imap.tls.0 = "localhost": not an address and port'],
    [
      'an address that is everywhere',
      '[link]\nannounce = ["0.0.0.0:2740"]',
      'link.announce.0 = "0.0.0.0:2740": neighbours would dial themselves',
    ],
    [
      'more addresses than neighbours take',
      `[link]\nannounce = ["auto:2740", ${Array.from({ length: 7 }, (_, i) => `"m${i}.a.test:2740"`).join()}]`,
      'neighbours take 8 addresses at most; "auto" may be two',
    ],
    ['mail of no size', '[smtp]\nsize_limit = "0 B"', 'smtp.size_limit = "0 B": write more than nothing'],
    ['a size beyond all counting', '[smtp]\nsize_limit = "9000000 GiB"', 'smtp.size_limit = "9000000 GiB": not a size'],
    ['a time beyond all counting', '[custody]\nkeep_for = "1000000000 d"', '"1000000000 d": not a duration'],
    ['a value for a table', 'smtp = "127.0.0.1:25"', 'smtp = "127.0.0.1:25": write a table: [smtp], and its keys'],
    ['a table twice over', '[[smtp]]', 'smtp = [{}]: write a table: [smtp]'],
    ['too many directories', `[directory]\nask = [${'"a@b:1",'.repeat(9)}]`, ': name 8 at most'],
    ['a number too large', '[smtp]\nrecipients = 100000', 'smtp.recipients = 100000: write a whole number from 1'],
    ['a key nobody knows', '[gateway]\ncolour = "red"', 'gateway.colour: no such key'],
    ['a table nobody knows', '[colours]', 'colours: no such key'],
    [
      'health for everybody',
      '[health]\nlisten = "0.0.0.0:80"',
      'health.listen = "0.0.0.0:80": only a loopback address',
    ],
    [
      'set-up without TLS for everybody',
      '[setup]\nhttp = ["0.0.0.0:80"]',
      'setup.http.0 = "0.0.0.0:80": only a loopback address',
    ],
    ['a page with a path', '[setup]\nurl = "https://a.test/mail"', 'not an http(s):// address without a path'],
    ['a mail server that is none', '[delivery]\nlmtp = "dovecot"', 'delivery.lmtp = "dovecot": not a server'],
    ['half a certificate', '[tls]\nkey = "k.pem"', 'certificate and key go together'],
    ['two certificates', `[tls]\ncertificate = "c"\nkey = "k"\n${acme}`, 'a certificate of your own, or [tls.acme]'],
    [
      'an authority without TLS',
      acme.replace('https', 'http'),
      'tls.acme.directory = "http://ca.test/dir": not an https',
    ],
    ['a wildcard', acme.replace('"a.test"', '"*.a.test"'), 'tls.acme.names.0 = "*.a.test": write the names'],
    [
      'an address for a name',
      acme.replace('"a.test"', '"192.0.2.7"'),
      'tls.acme.names.0 = "192.0.2.7": write the names',
    ],
    ['no names', acme.replace('"a.test"', ''), 'tls.acme.names = []: write the names'],
    [
      'a device that sends as nobody',
      '[smtp.trusted]\nlisten = "127.0.0.1:25"\naccounts = { "192.0.2.7" = "printer" }',
      ' = "printer": write the address of the account',
    ],
    ['a domain that is none', '[gateway]\ndomain = "a b"', 'gateway.domain = "a b": not a domain'],
    ['a number for a domain', '[gateway]\ndomain = "1.2.3.999"', 'gateway.domain = "1.2.3.999": not a domain'],
    ['a domain of no letters', '[gateway]\ndomain = "xn--a.test"', 'gateway.domain = "xn--a.test": not a domain'],
    [
      'a host that nobody can name',
      '[setup]\nimap = "192.0.2.999:993"',
      'setup.imap = "192.0.2.999:993": not an address and port',
    ],
    ['mail that never lives', '[custody]\nexpires = "0 s"', 'custody.expires = "0 s": write more than nothing'],
    [
      'mail that others refuse as too old',
      '[custody]\nexpires_unknown = "31 d"',
      'custody.expires_unknown = "31 d": not longer than "30 d"',
    ],
    ['mail that is late at once', '[custody]\ndelayed = "0 s"', 'custody.delayed = "0 s": write more than nothing'],
    [
      'neighbours that are never heard',
      '[custody]\nhop_deadline = "0 s"',
      'hop_deadline = "0 s": write more than nothing',
    ],
    [
      'questions that are never answered',
      '[path]\nquery_every = "0 s"',
      'query_every = "0 s": write more than nothing',
    ],
    ['accounts that are full at once', '[accounts]\nquota = "0 B"', 'accounts.quota = "0 B": not a limit'],
    ['a throttle that forgives all', '[login]\nwindow = "0 s"', 'login.window = "0 s": write more than nothing'],
    ['links without payloads', '[link]\npayload_limit = "0 B"', 'link.payload_limit = "0 B": write more than nothing'],
    ['a web whose name is too long', `[gateway]\nnet = "${'n'.repeat(65)}"`, 'it has 64 characters at most'],
    [
      'a password in an address',
      '[dns]\nname = "a.test"\ndyndns2 = { url = "https://ann:secret@dns.test", user = "ann", password_file = "p" }',
      'dns.dyndns2.url = "https://…@dns.test": take the login out of the address: write user and password_file instead',
    ],
    [
      'a login in the address of an authority',
      '[tls.acme]\ndirectory = "https://ann:secret@ca.test/dir"\nnames = ["a.test"]',
      'tls.acme.directory = "https://…@ca.test/dir": take the login out of the address',
    ],
    ['a text for a yes', '[login]\nplain_loopback = "yes"', 'login.plain_loopback = "yes": write true or false'],
    ['a name no neighbour takes', `[gateway]\nname = "${'n'.repeat(81)}"`, 'neighbours take no name longer than 80'],
    [
      'one port for two',
      '[smtp]\nstarttls = ["127.0.0.1:2465"]',
      'smtp.starttls = "127.0.0.1:2465" and smtp.tls = "127.0.0.1:2465": one port can\'t serve both',
    ],
    ['and for every address', '[imap]\ntls = ["0.0.0.0:2780"]', 'imap.tls = "0.0.0.0:2780" and health.listen'],
    [
      'a step that comes after the last',
      '[complaints]\nslow_at = 20',
      'complaints.slow_at = 20: slow_at (20) is above stop_at (10), so nobody would be slowed first; write 10 or less',
    ],
    ['and the step before it left out', '[complaints]\nstop_at = 2', 'slow_at (3) is above stop_at (2)'],
    ['what is no TOML', 'a = = b', 'is not TOML'],
    ['a section put below the one that is there', '[tls]\n[delivery]\n[tls]', 'Each section and each key stands once'],
    ['an older encoding', Buffer.from('[gateway]\nname = "Müller"', 'latin1').toString(), 'is not UTF-8: save it'],
    ['that of an older editor', Buffer.from('\ufeff[gateway]', 'utf16le').toString(), 'is not UTF-8: save it'],
  ]
  for (const [what, text, said] of complaints)
    it(`${what} is named with its fix`, () => expect(() => parseConfig(text)).to.throw(said))

  it('one port serves two addresses, and any that is free is free', () => {
    const [two, free] = ['["127.0.0.1:25", "[::1]:25", "192.0.2.7:25"]', '["127.0.0.1:0", "127.0.0.1:0"]']
    expect(parseConfig(`[smtp]\ntls = ${two}\n[imap]\ntls = ${free}`).smtp.listeners).to.have.length(4)
  })

  it('a gateway without a name is called by its domain', () => {
    expect(parseConfig('[gateway]\ndomain = "a.test"').gateway.name).to.equal('a.test')
    expect(parseConfig('').gateway.name).to.equal('Vouchsafe')
  })

  it('a domain is kept as the addresses in it are', () => {
    const text = `[gateway]\ndomain = "${'Übung.test'.normalize('NFD')}"`
    expect(parseConfig(text).gateway.domain).to.equal('übung.test'.normalize('NFC'))
  })

  it('all complaints come at once', () => {
    const text = '[smtp]\nsize_limit = "x"\nrecipients = 0\n[log]\nlevel = "loud"'
    expect(() => parseConfig(text)).to.throw(/size_limit.*recipients.*log\.level/s)
  })

  it('a folder that is no home says how to make one', async () => {
    const error = await readConfig('/nonexistent').catch((error: unknown) => error)
    expect(String(error)).to.include('vouchsafe init')
  })

  it('while the gateway runs, one whose certificate is not there is refused, and one that can be opened taken', async () => {
    const home = mkdtempSync(join(tmpdir(), 'config-'))
    const log = createLog({ level: 'silent', format: 'json' })
    const taken: string[] = []
    for (const text of ['[tls]\ncertificate = "/nonexistent/c"\nkey = "/nonexistent/k"', '', '[login]\nfailures = 7']) {
      writeFileSync(configPath(home), text)
      await reconfigure(home, parseConfig(''), log, () => taken.push(text))
    }
    expect(taken).to.deep.equal(['[login]\nfailures = 7'])
    rmSync(home, { recursive: true })
  })

  it('a hang-up waits while there is nobody to read it again', () => {
    const before = process.listeners('SIGHUP')
    const onHangup = hearHangups()
    const heard: string[] = []
    const hangUp = () => process.emit('SIGHUP')
    hangUp()
    onHangup(() => heard.push('opened'))
    hangUp()
    onHangup(undefined)
    hangUp()
    hangUp()
    expect(heard).to.deep.equal(['opened', 'opened'])
    onHangup(() => heard.push('anew'))
    expect(heard).to.deep.equal(['opened', 'opened', 'anew'])
    for (const listener of process.listeners('SIGHUP')) if (!before.includes(listener)) process.off('SIGHUP', listener)
  })

  it('addresses read and write', () => {
    for (const text of ['127.0.0.1:25', '[::1]:25', 'mail.example.org:2740']) {
      const at = readHostPort(text)
      expect(at && writeHostPort(at)).to.equal(text)
    }
    for (const text of [
      '',
      ':25',
      '127.0.0.1',
      '::1:25',
      'a b:25',
      '[::1]',
      'host:70000',
      'host:2x',
      '[1:2:3]:25',
      'a/b:25',
      'a@b:25',
    ])
      expect(readHostPort(text), text).to.equal(undefined)
  })
})
