/** What an authority refuses, and how little it is asked after that: against one of our own that says what it is told to. */
import 'reflect-metadata' // @peculiar/x509 registers its parts by decorators
import { webcrypto } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Pkcs10CertificateRequest, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509'
import { expect } from 'chai'
import { pino } from 'pino'
import { obtain } from '../../gateway/acme/authority.ts'
import { pauseOf, retryAfterMs } from '../../gateway/acme/conversation.ts'
import { type Certifying, keepCertified } from '../../gateway/acme/keep.ts'
import { makeKey } from '../../gateway/acme/signing.ts'
import { until } from '../../scripts/neighbourhood.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

describe('an authority that says no', () => {
  let server: Server
  let home = ''
  let asked = 0
  let now = 0
  let keeper: Certifying | undefined
  let onAccount: (response: ServerResponse) => void
  let meta: object
  /** Where it has no time. */
  let busy: string

  const problem =
    (status: number, type: string, detail: string, headers = {}) =>
    (response: ServerResponse) => {
      response.writeHead(status, { 'replay-nonce': 'n', ...headers })
      response.end(JSON.stringify({ type: `urn:ietf:params:acme:error:${type}`, detail }))
    }
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'vouchsafe-acme-'))
    now = Date.now()
    asked = 0
    meta = {}
    busy = ''
    onAccount = problem(403, 'unauthorized', 'no')
    server = createServer(({ url, method }, response) => {
      const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      if (url === '/dir') asked++
      if (url === busy) response.writeHead(503, { 'retry-after': '7200' }).end('<html>')
      else if (url === '/dir') {
        response.end(JSON.stringify({ newNonce: `${at}/nonce`, newAccount: `${at}/account`, newOrder: at, meta }))
      } else if (method === 'HEAD') response.writeHead(200, { 'replay-nonce': 'n' }).end()
      else if (url === '/account') onAccount(response)
      else response.end('<html>')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterEach(async () => {
    await keeper?.close()
    keeper = undefined
    server.closeAllConnections()
    server.close()
    await rm(home, { recursive: true })
  })

  const open = (path = '/dir', http = { host: '127.0.0.1', port: 0 }, atLatestMs?: number): Certifying => {
    const directory = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`
    const acme = { directory, names: ['a.test'], http, termsAgreed: false }
    const others = { log: pino({ level: 'silent' }), now: () => now, takeUp: async () => {} }
    keeper = keepCertified(home, acme, others, atLatestMs)
    return keeper
  }
  const told = async (keeper: Certifying): Promise<string> => {
    await keeper.check()
    const [finding] = keeper.problems()
    return `${finding?.detail}; ${finding?.fix}`
  }

  it('is asked again after ten minutes, a restart between or not', async () => {
    const first = open()
    expect(await told(first)).to.match(
      /^none since 1 try: the authority says no \("no"\): if it is about the account, take/,
    )
    await first.check()
    await first.close()
    expect(await told(open())).to.include('none since 1 try')
    expect(asked).to.equal(1)
    now += HOUR / 6
    expect(await told(open())).to.include('none since 2 tries')
    expect(asked).to.equal(2)
  })

  it('is asked again within the hour, though the time of day is set back', async () => {
    const keeper = open('/dir', undefined, 5)
    await keeper.check()
    now += HOUR / 6
    await until('it is asked', async () => asked === 2)
  })

  it('is asked at once when a person says so', async () => {
    await open().check()
    await keeper?.again()
    expect(asked).to.equal(2)
  })

  it('is asked once more when a person says so while it is asked', async () => {
    const first = open().check()
    await keeper?.again()
    await first
    expect(asked).to.equal(2)
  })

  it('and names a time is left alone until then', async () => {
    onAccount = problem(429, 'rateLimited', 'too many', { 'retry-after': '172800' })
    expect(await told(open())).to.include('asked too often')
    now += 47 * HOUR
    await keeper?.check()
    expect(asked).to.equal(1)
    await keeper?.again()
    expect(asked, 'whoever says so').to.equal(1)
    expect(keeper?.problems()[0]?.fix).to.match(/once mended, as soon as the authority allows it, .*Z, by SIGHUP/)
    now += 2 * HOUR
    await keeper?.check()
    expect(asked).to.equal(2)
  })

  for (const place of ['/dir', '/nonce'])
    it(`and is busy at ${place} is left alone as long as it wants`, async () => {
      busy = place
      expect(await told(open())).to.match(/^none since 1 try: the authority says no \("HTTP 503/)
      now += HOUR
      await keeper?.again()
      expect(asked).to.equal(1)
      now += 2 * HOUR
      await keeper?.check()
      expect(asked).to.equal(2)
    })

  it('a nonce that is too old is another try, and not for ever', async () => {
    let times = 0
    onAccount = (response) => {
      times++
      problem(400, 'badNonce', 'old')(response)
    }
    expect(await told(open())).to.include('"old"')
    expect(times).to.equal(5)
  })

  it('its terms are agreed to by a person, who is told where they are', async () => {
    meta = { termsOfService: 'https://ca.test/terms' }
    onAccount = () => expect.fail('nothing is agreed to')
    expect(await told(open())).to.include('read the terms at https://ca.test/terms; if you agree, set tls.acme.terms')
  })

  it('what is no directory is named, what does not answer, too, and a port that others have', async () => {
    expect(await told(open('/'))).to.include('is no directory of an authority')
    await keeper?.close()
    const taken = { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
    expect(await told(open('/dir', taken))).to.include('another program has it')
    await keeper?.close()
    server.closeAllConnections()
    server.close()
    const gone = { directory: `http://127.0.0.1:${taken.port}/dir`, names: ['a.test'], termsAgreed: false }
    keeper = keepCertified(
      home,
      { ...gone, http: { host: '127.0.0.1', port: 0 } },
      { log: pino({ level: 'silent' }), now: () => now, takeUp: async () => {} },
    )
    expect(await told(keeper)).to.include('can not be reached (ECONNREFUSED)')
  })

  it('the key of its account, where it is damaged, is named', async () => {
    const file = join(home, 'tls/acme-account.pem')
    await mkdir(join(home, 'tls'))
    await writeFile(file, 'no key')
    expect(await told(open())).to.include(
      `none since 1 try: ${file} is damaged: put it back from a backup, or remove it`,
    )
    expect(asked).to.equal(0)
  })

  it('what is kept of it and can not be read or written is told, until it can', async () => {
    const file = join(home, 'tls/acme.pem')
    await mkdir(file, { recursive: true })
    expect(await told(open())).to.include(`${file} can't be read (EISDIR): give it to the user`)
    await rm(file, { recursive: true })
    await mkdir(join(home, 'tls/acme-tries.json.new'))
    expect(await told(open())).to.include('acme-tries.json.new')
    expect(asked).to.equal(0)
    await rm(join(home, 'tls/acme-tries.json.new'), { recursive: true })
    expect(await told(open())).to.include('the authority says no')
  })

  it('its own words can’t steer a terminal, and what is kept is the owner’s alone', async () => {
    onAccount = problem(400, 'malformed', `\u001b[2J${'x'.repeat(5000)}`)
    const text = await told(open())
    expect(text).to.not.include('\u001b')
    expect(text.length).to.be.below(700)
    for (const name of ['acme-account.pem', 'acme-tries.json'])
      expect((await stat(join(home, 'tls', name))).mode & 0o777, name).to.equal(0o600)
    expect(await readFile(join(home, 'tls/acme-tries.json'), 'utf8')).to.include('"failures":1')
  })
})

describe('an authority that gives what is due as soon as it comes', () => {
  let orders = 0
  let names: string[] = []
  let chain = ''
  let home = ''
  const server = createServer(async (request, response) => {
    const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const order = { status: chain === '' ? 'ready' : 'valid', authorizations: [], finalize: `${at}/csr` }
    const places = { newNonce: at, newAccount: `${at}/account`, newOrder: `${at}/new` }
    const body = await text(request)
    if (request.url === '/new') orders++
    if (request.url === '/csr') chain = await certificateFor(body, names)
    response.writeHead(200, { 'replay-nonce': 'n', location: `${at}/order` })
    if (request.url === '/chain') response.end(chain)
    else response.end(JSON.stringify({ ...places, ...order, certificate: `${at}/chain` }))
    if (request.url === '/chain') chain = ''
  })
  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'vouchsafe-acme-'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  after(async () => {
    server.closeAllConnections()
    server.close()
    await rm(home, { recursive: true })
  })

  const cases: [what: string, names: string[], aheadMs: number, detail: RegExp | undefined][] = [
    ['for fewer names', ['a.test'], 0, /can not be used: it is not for b\.test: correct tls\.acme\.names/],
    ['by a clock that is ahead', ['a.test', 'b.test'], 61 * DAY, /it runs from .* to .*, here it is .*: set the clock/],
    ['not at all: that is kept', ['a.test', 'b.test'], 0, undefined],
  ]
  for (const [what, given, aheadMs, detail] of cases)
    it(`${what}, is asked once`, async () => {
      orders = 0
      names = given
      let now = Date.now() + aheadMs
      const directory = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${given.length}${aheadMs}`
      const acme = { directory, names: ['a.test', 'b.test'], http: { host: '127.0.0.1', port: 0 }, termsAgreed: false }
      const others = { log: pino({ level: 'silent' }), now: () => now, takeUp: async () => {} }
      const keeper = keepCertified(home, acme, others)
      await keeper.check()
      now += HOUR / 12
      await keeper.check()
      const [finding] = keeper.problems()
      await keeper.close()
      expect(orders).to.equal(1)
      if (detail) expect(finding?.detail).to.match(detail)
      else expect(finding).to.equal(undefined)
    })
})

/** As an authority makes one of the request in a signed body: for ninety days, and these names. */
const certificateFor = async (body: string, names: string[]): Promise<string> => {
  const payloadOf = (json: string) => JSON.parse(Buffer.from(JSON.parse(json).payload, 'base64url').toString())
  const { publicKey } = new Pkcs10CertificateRequest(Buffer.from(payloadOf(body).csr, 'base64url'))
  const signingAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const { privateKey } = await webcrypto.subtle.generateKey(signingAlgorithm, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.create(
    {
      notBefore: new Date(),
      notAfter: new Date(Date.now() + 90 * DAY),
      signingAlgorithm,
      publicKey,
      signingKey: privateKey,
      extensions: [new SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns' as const, value })))],
    },
    webcrypto,
  )
  return certificate.toString('pem')
}

describe('an order that comes to nothing', () => {
  let onOrder: (response: ServerResponse, at: string) => void
  const server = createServer(({ url }, response) => {
    const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    response.setHeader('replay-nonce', 'n')
    response.setHeader('location', `${at}/order`)
    if (url === '/order') onOrder(response, at)
    else response.end(JSON.stringify({ newNonce: at, newAccount: at, newOrder: `${at}/order` }))
  })
  before(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)))
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  const slow = /^AuthorityError: the authority did not come to an end in time$/
  const useless = /^AuthorityError: what the authority answers can not be used \(/
  const cases: [what: string, onOrder: typeof onOrder, told: RegExp][] = [
    ['without an answer', () => {}, slow],
    ['that stays pending', (response) => response.end('{"status":"pending","authorizations":[]}'), slow],
    ['answered by a page', (response) => response.end('<html>'), useless],
    ['answered by an order without its places', (response) => response.end('{}'), useless],
  ]
  for (const [what, answer, told] of cases)
    it(`${what} is told as that`, async () => {
      onOrder = answer
      const directory = `http://127.0.0.1:${(server.address() as AddressInfo).port}/dir`
      const given = { directory, names: ['a.test'], termsAgreed: true, account: makeKey(), csr: Buffer.alloc(1) }
      const why = obtain({
        ...given,
        answer: () => {},
        signal: AbortSignal.timeout(told === slow ? 400 : 20_000),
      }).then(
        () => 'obtained',
        (error) => `${error.name}: ${error.message}`,
      )
      expect(await why).to.match(told)
    })
})

describe('an authority that takes a while for each name', () => {
  it('looks at all of them at the same time', async () => {
    const names = Array.from({ length: 4 }, (_, n) => `n${n}.test`)
    const lookedAt = new Map<string, number>()
    const lookedWhenAsked: number[] = []
    const server = createServer(({ url = '' }, response) => {
      const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const [, what, name = ''] = url.split('/')
      if (what === 'look') lookedAt.set(name, Date.now() + 300)
      if (what === 'name' && lookedAt.has(name)) lookedWhenAsked.push(lookedAt.size)
      const isProved = (lookedAt.get(name) ?? Number.POSITIVE_INFINITY) < Date.now()
      const challenges = [{ type: 'http-01', url: `${at}/look/${name}`, token: 'x'.repeat(20) }]
      const places = { newNonce: at, newAccount: at, newOrder: `${at}/order`, finalize: at, certificate: `${at}/chain` }
      response.setHeader('replay-nonce', 'n')
      response.setHeader('location', `${at}/order`)
      const said =
        what === 'name'
          ? { status: isProved ? 'valid' : 'pending', identifier: { value: name }, challenges }
          : { ...places, status: 'valid', authorizations: names.map((each) => `${at}/name/${each}`) }
      response.end(what === 'chain' ? 'chain' : JSON.stringify(said))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const directory = `http://127.0.0.1:${(server.address() as AddressInfo).port}/dir`
    const given = { directory, names, termsAgreed: true, account: makeKey(), csr: Buffer.alloc(1), answer: () => {} }
    expect(await obtain({ ...given, signal: AbortSignal.timeout(20_000) })).to.equal('chain')
    expect(lookedWhenAsked[0], 'looked at before the first is waited for').to.equal(4)
    server.closeAllConnections()
    server.close()
  })
})

describe('Retry-After', () => {
  const cases: [string | null, number | undefined][] = [
    [null, undefined],
    ['120', 120_000],
    ['Sat, 21 Nov 2026 12:00:10 GMT', 10_000],
    ['Sat, 21 Nov 2026 11:00:00 GMT', 0],
    ['soon', undefined],
  ]
  for (const [value, ms] of cases)
    it(`${value} is ${ms} ms`, () => expect(retryAfterMs(value, Date.UTC(2026, 10, 21, 12))).to.equal(ms))
})

describe('a pause between two looks', () => {
  const cases: [what: string, askedMs: number | undefined, ms: number][] = [
    ['nothing', undefined, 1000],
    ['none', 0, 1000],
    ['two minutes', 120_000, 120_000],
    ['more than a timer can', 2 ** 31, HOUR],
  ]
  for (const [what, askedMs, ms] of cases)
    it(`where the authority asks for ${what} is ${ms} ms`, () => expect(pauseOf(askedMs)).to.equal(ms))
})
