/** A running gateway keeps its own name: at BIND, and at a provider that speaks dyndns2. */
import { appendFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { expect } from 'chai'
import { Gateway, temporaryFolder, until } from '../../scripts/neighbourhood.ts'
import { freePortBase } from '../../scripts/ports.ts'
import { type Named, startNamed } from '../peer/named.ts'
import { need } from '../peer/need.ts'

describe('the DNS name of a running gateway', function () {
  this.timeout(60_000)
  let named: Named
  let provider: Server
  let gateway: Gateway
  const asked: string[] = []
  let word = 'good 192.0.2.7'

  before(async function () {
    need(this, 'named', 'bind9')
    need(this, 'dig', 'bind9-dnsutils')
    named = await startNamed()
    provider = createServer((request, response) => {
      asked.push(request.url ?? '')
      response.end(word)
    })
    await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve))
    const at = provider.address()
    const folder = temporaryFolder()
    gateway = new Gateway(folder, 'a', 'a.test', await freePortBase(1))
    await gateway.init('--net', 'journey')
    writeFileSync(join(gateway.home, 'password'), 'the provider password', { mode: 0o600 })
    appendFileSync(
      join(gateway.home, 'vouchsafe.toml'),
      `
[dns]
name = "home.example.org"
addresses = ["192.0.2.7", "2001:db8::7"]
[dns.rfc2136]
server = "127.0.0.1:${named.port}"
zone = "example.org"
key_file = "${named.file('key')}"
[dns.dyndns2]
url = "http://127.0.0.1:${typeof at === 'object' && at ? at.port : 0}/nic/update"
user = "ann"
password_file = "${join(gateway.home, 'password')}"
`,
    )
  })
  after(async () => {
    await gateway?.stop()
    provider?.close()
    await named?.stop()
  })

  it('stands at both as soon as the gateway runs', async () => {
    await gateway.start()
    await until('BIND knows the addresses', async () => (await named.ask('home.example.org', 'A')) === '192.0.2.7')
    expect(await named.ask('home.example.org', 'AAAA')).to.equal('2001:db8::7')
    await until('the provider was told', async () => asked.length > 0)
    expect(asked).to.deep.equal(['/nic/update?hostname=home.example.org&myip=192.0.2.7%2C2001%3Adb8%3A%3A7'])
    expect((await gateway.run<{ problems: string[] }>(['status'])).problems).to.deep.equal([])
  })

  it('what a provider refuses is said in status, and no secret anywhere', async () => {
    word = 'badauth'
    await gateway.stop()
    await gateway.start()
    await until('status says so', async () =>
      (await gateway.answer<{ problems: string[] }>(['status'])).problems.some((one) =>
        /password_file in \[dns\.dyndns2\]/.test(one),
      ),
    )
    expect(gateway.log()).to.match(/name-failed/)
    for (const secret of ['the provider password', Buffer.from('ann:the provider password').toString('base64')])
      expect(gateway.log()).to.not.include(secret)
  })
})
