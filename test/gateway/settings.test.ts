import { expect } from 'chai'
import { parseConfig } from '../../gateway/config/config.ts'
import { certificateOf, clientSettings, waysIn } from '../../gateway/config/settings.ts'
import { srvRecords, writeSrv } from '../../gateway/config/srv.ts'

describe('settings of mail clients', () => {
  const everywhere = parseConfig(
    '[gateway]\ndomain = "a.test"\n[imap]\nstarttls = []\ntls = ["0.0.0.0:993"]\n[smtp]\nstarttls = ["0.0.0.0:587"]\ntls = ["[::]:465"]',
  )
  const named = parseConfig(
    '[gateway]\ndomain = "münchen.test"\n[setup]\nimap = "mail.a.test:993"\nsmtp = "Mail.a.test:465"',
  )

  it('are the listeners; one that listens everywhere is reached by the domain', () => {
    expect(clientSettings(everywhere)).to.deep.equal({
      'IMAP SSL/TLS': 'server a.test, port 993, normal password',
      'SMTP SSL/TLS': 'server a.test, port 465, normal password',
      'SMTP STARTTLS': 'server a.test, port 587, normal password',
    })
  })

  it('are none on loopback where another is open to others: a telephone would look for it in itself', () => {
    const config = parseConfig('[imap]\ntls = ["192.0.2.1:993"]\n[smtp]\nstarttls = ["192.0.2.1:587"]')
    expect(clientSettings(config)).to.deep.equal({
      'IMAP SSL/TLS': 'server 192.0.2.1, port 993, normal password',
      'SMTP STARTTLS': 'server 192.0.2.1, port 587, normal password',
    })
  })

  it('name the page that tells them, where there is one', () => {
    const page = (text: string) => clientSettings(parseConfig(`[setup]\n${text}`))['set-up page']
    expect(page('')).to.equal(undefined)
    expect(page('https = ["127.0.0.1:2443"]\nhttp = ["127.0.0.1:2408"]')).to.equal('https://127.0.0.1:2443')
    expect(page('http = ["127.0.0.1:2408"]')).to.equal('http://127.0.0.1:2408')
    expect(page('https = ["[::1]:443"]')).to.equal('https://[::1]:443')
    expect(page('http = ["127.0.0.1:2408"]\nurl = "https://mail.a.test/"')).to.equal('https://mail.a.test')
  })

  it('name that page by the domain, too, where it listens everywhere', () => {
    const config = parseConfig('[gateway]\ndomain = "münchen.test"\n[setup]\nhttps = ["0.0.0.0:443"]')
    expect(clientSettings(config)['set-up page']).to.equal('https://xn--mnchen-3ya.test:443')
  })

  it('say what the certificate has to be good for', () => {
    const hosts = (config: ReturnType<typeof parseConfig>) => certificateOf('/home', config).hosts
    expect(hosts(everywhere)).to.deep.equal(['a.test'])
    expect(hosts(named)).to.deep.equal(['mail.a.test'])
    expect(
      hosts(parseConfig('[setup]\nurl = "https://[::1]:8443"\nimap = "x.test:993"\nsmtp = "x.test:465"')),
    ).to.deep.equal(['x.test', '::1'])
  })

  it('as DNS records, TLS first: RFC 6186, RFC 8314', () => {
    expect(srvRecords('a.test', waysIn(everywhere)).map(writeSrv)).to.deep.equal([
      '_imaps._tcp.a.test. 3600 IN SRV 0 1 993 a.test.',
      '_submissions._tcp.a.test. 3600 IN SRV 0 1 465 a.test.',
      '_submission._tcp.a.test. 3600 IN SRV 10 1 587 a.test.',
    ])
  })

  it('what the configuration names goes before the listeners; names are ASCII in the DNS', () => {
    expect(srvRecords('münchen.test', waysIn(named)).map(writeSrv)).to.deep.equal([
      '_imaps._tcp.xn--mnchen-3ya.test. 3600 IN SRV 0 1 993 mail.a.test.',
      '_submissions._tcp.xn--mnchen-3ya.test. 3600 IN SRV 0 1 465 mail.a.test.',
    ])
  })

  it('an address is no target of a record', () => {
    expect(srvRecords('a.test', waysIn(parseConfig('')))).to.deep.equal([])
    const local = parseConfig('[setup]\nimap = "localhost:993"\nsmtp = "[::1]:465"')
    expect(srvRecords('a.test', waysIn(local))).to.deep.equal([])
  })
})
