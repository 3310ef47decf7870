/** Certificates from an authority that is not ours: Pebble, by Let's Encrypt. */
import type { X509Certificate } from 'node:crypto'
import { appendFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { expect } from 'chai'
import { Gateway, temporaryFolder, until } from '../../scripts/neighbourhood.ts'
import { freePort, freePortBase } from '../../scripts/ports.ts'
import { need } from './need.ts'
import { type Pebble, startPebble } from './pebble.ts'

/** Long enough to look at it, short enough to see it renewed. */
const LIFE_SECONDS = 15

describe('a certificate by ACME, from Pebble', function () {
  this.timeout(120_000)
  let pebble: Pebble | undefined
  let gateway: Gateway
  let root = ''

  before(async function () {
    need(this, 'pebble', 'pebble')
    const http = await freePort()
    pebble = await startPebble(http, LIFE_SECONDS)
    root = await pebble.root()
    gateway = new Gateway(temporaryFolder(), 'C', 'c.test', await freePortBase(1))
    await gateway.init()
    gateway.set('https', `["127.0.0.1:${gateway.ports.https}"]`)
    appendFileSync(
      join(gateway.home, 'vouchsafe.toml'),
      `[tls.acme]
directory = "${pebble.directory}"
names = ["mail.c.test", "bücher.c.test"]
http = "127.0.0.1:${http}"
contact = "ann@example.com"
`,
    )
    process.env.NODE_EXTRA_CA_CERTS = pebble.trust // of the gateways that are started from here on
  })
  after(async () => {
    delete process.env.NODE_EXTRA_CA_CERTS
    await gateway?.stop()
    await pebble?.stop()
  })

  const dial = (port: number, ca = root): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, servername: 'mail.c.test', ca, rejectUnauthorized: ca !== '' })
      socket.once('secureConnect', () => resolve(socket)).once('error', reject)
    })
  const seenAt = async (port: number, ca = root): Promise<X509Certificate> => {
    const socket = await dial(port, ca)
    const certificate = socket.getPeerX509Certificate()
    socket.destroy()
    if (certificate === undefined) throw new Error('no certificate')
    return certificate
  }
  const isTrusted = (port: number): Promise<boolean> =>
    seenAt(port).then(
      () => true,
      () => false,
    )
  const ports = () => [gateway.ports.imaps, gateway.ports.smtps, gateway.ports.https]
  const setAgreed = () => {
    const path = join(gateway.home, 'vouchsafe.toml')
    appendFileSync(path, 'terms_agreed = true\n')
  }
  type Found = { findings: { what: string; state: string; detail: string; fix?: string }[] }
  const ofAuthority = async () =>
    (await gateway.answer<Found>(['doctor'])).findings.find(({ what }) => what.includes('from localhost'))

  it('without consent to its terms the gateway runs, with its own certificate, and says where they are', async () => {
    await gateway.start()
    await until('it is told', async () => (await ofAuthority()) !== undefined)
    expect(await ofAuthority()).to.include({ state: 'wrong' })
    expect((await ofAuthority())?.detail).to.match(/read the terms at \S+; if you agree/)
    const { problems } = await gateway.answer<{ problems: string[] }>(['status'])
    expect(problems.join()).to.include('terms_agreed = true')
    expect((await seenAt(gateway.ports.imaps, '')).subject).to.include('c.test')
    expect(await isTrusted(gateway.ports.imaps)).to.equal(false)
    await gateway.stop()
  })

  it('with it a certificate comes and is in service at every port, without a restart', async () => {
    setAgreed()
    await gateway.start()
    for (const port of ports()) await until('it is trusted', () => isTrusted(port), 60_000)
    const { subjectAltName } = await seenAt(gateway.ports.imaps)
    expect(subjectAltName?.split(', ')).to.have.members(['DNS:mail.c.test', 'DNS:xn--bcher-kva.c.test'])
    for (const name of ['acme.pem', 'acme-account.pem'])
      expect(statSync(join(gateway.home, 'tls', name)).mode & 0o777, name).to.equal(0o600)
    expect(await ofAuthority()).to.equal(undefined)
  })

  it('in the last third of its life there is another one, and sessions stay as they are', async () => {
    const session = await dial(gateway.ports.imaps)
    const { serialNumber, validTo } = await seenAt(gateway.ports.imaps)
    await until('it is late', async () => Date.now() > Date.parse(validTo) - (LIFE_SECONDS / 4) * 1000, 60_000)
    process.kill(gateway.pid ?? 0, 'SIGHUP') // what the clock does every few minutes
    await until('another one is shown', async () => (await seenAt(gateway.ports.imaps)).serialNumber !== serialNumber)
    session.write('a NOOP\r\n')
    await until('the session goes on', async () => String(session.read() ?? '').includes('a OK'))
    session.destroy()
  })

  it('while the authority is away the gateway starts, and says what is wrong', async () => {
    await pebble?.stop()
    const { validTo } = await seenAt(gateway.ports.imaps, '')
    await until('it has ended', async () => Date.now() > Date.parse(validTo), 60_000)
    await gateway.stop()
    await gateway.start()
    expect((await seenAt(gateway.ports.imaps, '')).subject).to.include('c.test')
    await until('it is told', async () => (await ofAuthority()) !== undefined)
    expect((await ofAuthority())?.detail).to.include('can not be reached')
    expect(gateway.log()).to.include('"event":"certifying-failed"')
  })
})
