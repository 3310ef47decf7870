/** Our own DNS name: what is sent, what answers mean, when it is sent, and by whose word. */

import { createHmac } from 'node:crypto'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import { pino } from 'pino'
import { keepName } from '../../gateway/reach/name.ts'
import { openPlace } from '../../gateway/reach/place.ts'
import { updateByDyndns2 } from '../../gateway/reach/update.ts'
import { ipBytes, ipCanonical, isPublicIp } from '../../src/ip.ts'
import { encodeUpdate, readAnswer, readKeyFile, sign } from '../../src/reach/dns.ts'
import { verdictOf } from '../../src/reach/dyndns.ts'
import { isDue, type Keeping, tried, unkept } from '../../src/reach/name.ts'
import { announcedAt, ownAddresses } from '../../src/reach/seen.ts'

const now = 1_700_000_000_000
const MINUTE = 60_000
const DAY = 86_400_000
const key = { name: 'vouchsafe', secret: Buffer.alloc(32, 7) }

describe('reach: an update of the DNS', () => {
  const update = { zone: 'example.org', name: 'home.example.org', addresses: { v4: '192.0.2.7' }, ttlSeconds: 300 }

  it('is, byte by byte, what RFC 2136 says', () =>
    expect(encodeUpdate(update, 0x1234).toString('hex')).to.equal(
      [
        '1234 2800 0001 0000 0002 0000', // id, opcode 5, one zone, no prerequisites, two updates, nothing more
        '076578616d706c65036f726700 0006 0001', // example.org SOA IN
        '04686f6d65076578616d706c65036f726700 0001 00ff 00000000 0000', // home.example.org A ANY: delete
        '04686f6d65076578616d706c65036f726700 0001 0001 0000012c 0004 c0000207', // and add
      ]
        .join('')
        .replaceAll(' ', ''),
    ))

  it('a name that the DNS can’t hold is refused', () => {
    for (const name of ['a..org', `${'x'.repeat(64)}.org`, 'ä.org', 'a b.org'])
      expect(() => encodeUpdate({ ...update, name }, 1)).to.throw('no name of the DNS')
  })

  it('an answer is read or refused, whatever it is', () => {
    const { mac } = sign(encodeUpdate(update, 1), key, now)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200, size: 'max' }), (bytes) => {
        expect(readAnswer(Buffer.from(bytes), key, mac, now)).to.have.property('failed')
      }),
    )
  })

  it('a signed answer is done; with any bit of it turned it is not', () => {
    const { mac } = sign(encodeUpdate(update, 1), key, now)
    const answer = signedAnswer(mac)
    expect(readAnswer(answer, key, mac, now)).to.equal('done')
    expect(readAnswer(answer, { ...key, secret: Buffer.alloc(32, 8) }, mac, now)).to.not.equal('done')
    expect(readAnswer(answer, key, Buffer.alloc(32), now), 'the answer to another request').to.not.equal('done')
    expect(readAnswer(answer, key, mac, now + 301_000), 'one of long ago').to.not.equal('done')
    for (let bit = 0; bit < 8 * answer.length; bit++) {
      const turned = Buffer.from(answer)
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      // Letters of names are signed in lower case: either case is the same name (RFC 8945 §4.3.3).
      if (turned.toString('latin1').toLowerCase() === answer.toString('latin1').toLowerCase()) continue
      expect(readAnswer(turned, key, mac, now), `bit ${bit}`).to.not.equal('done')
    }
    for (let size = 0; size < answer.length; size++)
      expect(readAnswer(answer.subarray(0, size), key, mac, now)).to.not.equal('done')
  })

  it('an answer is believed only with the key’s signature over it and over our request', () => {
    const { signed, mac } = sign(encodeUpdate(update, 1), key, now)
    // Our own signed request, turned back at us as an answer: signed by the right key, but not over our MAC.
    expect(readAnswer(signed, key, mac, now)).to.deep.equal({ failed: 'the answer is signed by another key' })
    const bare = Buffer.from('0001a8000000000000000000', 'hex') // "done", by somebody who has no key
    expect(readAnswer(bare, key, mac, now))
      .to.have.property('failed')
      .that.matches(/not signed/)
  })

  it('an answer may say the update again, with names that point back (RFC 1035 §4.1.4)', () => {
    const { mac } = sign(encodeUpdate(update, 1), key, now)
    const zone = '076578616d706c65036f726700 0006 0001'
    const record = 'c00c 0002 0001 00000000 0002 c00c'
    expect(readAnswer(signedAnswer(mac, '0001 0000 0001', zone + record), key, mac, now)).to.equal('done')
  })

  it('what is wrong with our signature is told, by whoever knows the key and by whoever does not', () => {
    const { mac } = sign(encodeUpdate(update, 1), key, now)
    expect(readAnswer(signedAnswer(mac, undefined, undefined, '0012'), key, mac, now))
      .to.have.property('failed')
      .that.matches(/clocks differ/)
    const algorithm = '0b686d61632d73686132353600'
    const unknown = `09766f75636873616665 00 00fa 00ff 00000000 001d ${algorithm} 000000000000 0000 0000 0001 0011 0000`
    expect(readAnswer(hex(`0001 a809 0000 0000 0000 0001 ${unknown}`), key, mac, now))
      .to.have.property('failed')
      .that.matches(/does not know this key/)
  })

  it('a key file is read as tsig-keygen writes it, or refused with what to do', () => {
    const text = `key "a.b" {\n\talgorithm hmac-sha256;\n\tsecret "${key.secret.toString('base64')}";\n};\n`
    expect(readKeyFile(text)).to.deep.equal({ name: 'a.b', secret: key.secret })
    expect(() => readKeyFile('')).to.throw('tsig-keygen')
    expect(() => readKeyFile(text.replace('sha256', 'md5'))).to.throw('hmac-sha256')
  })
})

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

/**
 * "Done", to request 1, as a server signs it: written here from RFC 8945 §5.3 by itself.
 * @param counts of zones, prerequisites and updates that are said again in `body`
 */
const signedAnswer = (requestMac: Buffer, counts = '0000 0000 0000', body = '', error = '0000'): Buffer => {
  const name = Buffer.concat([Buffer.of(9), Buffer.from('vouchsafe'), Buffer.of(0)])
  const algorithm = Buffer.concat([Buffer.of(11), Buffer.from('hmac-sha256'), Buffer.of(0)])
  const time = Buffer.alloc(8)
  time.writeUIntBE(now / 1000, 0, 6)
  time.writeUInt16BE(300, 6)
  const header = (count: string) => hex(`0001 a800 ${counts} ${count} ${body}`)
  const mac = createHmac('sha256', key.secret)
    .update(Buffer.concat([hex('0020'), requestMac, header('0000')]))
    .update(Buffer.concat([name, hex('00ff 0000 0000'), algorithm, time, hex(`${error} 0000`)]))
    .digest()
  const data = Buffer.concat([algorithm, time, hex('0020'), mac, hex(`0001 ${error} 0000`)])
  const size = Buffer.alloc(2)
  size.writeUInt16BE(data.length)
  return Buffer.concat([header('0001'), name, hex('00fa 00ff 0000 0000'), size, data])
}

describe('reach: dyndns2', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vouchsafe-dyn-'))
    await writeFile(join(folder, 'password'), 'se cret:ä\n', { mode: 0o600 })
  })
  after(() => rm(folder, { recursive: true, force: true }))

  /** Answers as the provider's documentation says, and keeps what it was asked. */
  const provider = async (status: number, body: string) => {
    const asked: IncomingMessage[] = []
    const server = createServer((request, response) => {
      asked.push(request)
      response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end(body)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const at = server.address()
    const url = `http://127.0.0.1:${typeof at === 'object' && at ? at.port : 0}/nic/update`
    const close = () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    return { asked, way: { url, user: 'ann', passwordFile: join(folder, 'password') }, close }
  }

  it('asks once, by GET, with name, addresses, Basic authentication and who we are', async () => {
    const { asked, way, close } = await provider(200, 'good 192.0.2.7')
    expect(await updateByDyndns2('home.example.org', way, { v4: '192.0.2.7', v6: '2001:db8::7' })).to.deep.equal({
      do: 'done',
    })
    await close()
    const [request] = asked
    expect(asked).to.have.length(1)
    expect(request?.method).to.equal('GET')
    const { pathname, searchParams } = new URL(request?.url ?? '', way.url)
    expect(pathname).to.equal('/nic/update')
    expect(Object.fromEntries(searchParams)).to.deep.equal({
      hostname: 'home.example.org',
      myip: '192.0.2.7,2001:db8::7',
    })
    expect(request?.headers.authorization).to.equal(`Basic ${Buffer.from('ann:se cret:ä').toString('base64')}`)
    expect(request?.headers['user-agent']).to.match(/^Vouchsafe\/\d\S* \(.+\)$/)
  })

  it('follows nobody elsewhere with the password', async () => {
    const { asked, way, close } = await provider(302, '')
    expect(await updateByDyndns2('home.example.org', way, { v4: '192.0.2.7' }).catch(() => 'refused')).to.equal(
      'refused',
    )
    await close()
    expect(asked).to.have.length(1)
  })

  const words: [status: number, body: string, outcome: string][] = [
    [200, 'good 192.0.2.7', 'done'],
    [200, 'nochg 192.0.2.7\n', 'done'],
    [200, 'badauth', 'stop'],
    [401, '<html>', 'stop'],
    [200, '!donator', 'stop'],
    [200, 'notfqdn', 'stop'],
    [200, 'nohost', 'stop'],
    [200, 'numhost', 'stop'],
    [200, 'abuse', 'stop'],
    [200, 'badagent', 'stop'],
    [200, 'dnserr', 'later'],
    [200, '911', 'later'],
    [500, '', 'later'],
    [200, 'goodness', 'later'],
  ]
  for (const [status, body, outcome] of words)
    it(`${status} ${body || '(nothing)'}: ${outcome}`, () => expect(verdictOf(status, body).do).to.equal(outcome))

  it('the log and the status never tell the password', async () => {
    const lines: string[] = []
    const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })
    const { way, close } = await provider(200, 'badauth se cret:ä')
    const keeper = keepName(
      { name: 'home.example.org', addresses: ['192.0.2.7'], dyndns2: way },
      () => ({}),
      log,
      Date.now,
    )
    await keeper.check()
    expect(keeper.problems().join()).to.match(/user and password_file in \[dns\.dyndns2\]; once mended, restart/)
    await chmod(way.passwordFile, 0o644)
    await keeper.check()
    await chmod(way.passwordFile, 0o600)
    await close()
    expect(keeper.problems()).to.have.length(1)
    expect(lines.join()).to.match(/dns\.dyndns2/)
    expect(lines.join() + keeper.problems().join()).to.not.match(/se cret|c2UgY3JldD/)
  })

  it('is not sent a second time while nothing has changed', async () => {
    const { asked, way, close } = await provider(200, 'good')
    let own = { v4: '192.0.2.7' }
    const dns = { name: 'home.invalid', addresses: [], dyndns2: way }
    const keeper = keepName(dns, () => own, pino({ level: 'silent' }), Date.now)
    await keeper.check()
    await keeper.check()
    expect(asked).to.have.length(1)
    own = { v4: '192.0.2.8' }
    await keeper.check()
    await close()
    expect(asked).to.have.length(2)
  })
})

describe('reach: when our name is told', () => {
  const own = { v4: '192.0.2.7' }
  const told: Keeping = { told: own, at: now, failures: 0 }
  const failed = (failures: number): Keeping => ({ at: now, failures })
  const cases: [what: string, keeping: Keeping, own: object, at: number, due: boolean][] = [
    ['at once, when we know where we are', unkept, own, now, true],
    ['never, while we do not', unkept, {}, now, false],
    ['not again while nothing has changed', told, own, now + DAY, false],
    ['when we are elsewhere', told, { v4: '192.0.2.8' }, now, true],
    ['when there is one of the other kind', told, { ...own, v6: '2001:db8::1' }, now, true],
    ['not because one kind is not seen just now', { ...told, told: { ...own, v6: '2001:db8::1' } }, own, now, false],
    ['every 25 days, lest the provider forget it', told, own, now + 25 * DAY, true],
    ['a minute after a failure', failed(1), own, now + MINUTE - 1, false],
    ['and not later', failed(1), own, now + MINUTE, true],
    ['then two', failed(2), own, now + 2 * MINUTE - 1, false],
    ['at most an hour', failed(30), own, now + 60 * MINUTE, true],
    ['also by a clock that was set back since', failed(30), own, now - 3650 * DAY, true],
    ['and so it is every 25 days', told, own, now - 3650 * DAY, true],
    ['but not at once where it was told a moment ago', told, own, now - MINUTE, false],
    ['not at all when asking again were abuse', { ...failed(1), stopped: 'abuse' }, own, now + DAY, false],
  ]
  for (const [what, keeping, addresses, at, due] of cases)
    it(what, () => expect(isDue(keeping, addresses, at)).to.equal(due))

  it('success forgets the failures', () => {
    expect(tried(failed(3), own, { do: 'done' }, now)).to.deep.equal(told)
    expect(tried(told, own, { do: 'stop', why: 'abuse' }, now).stopped).to.equal('abuse')
  })
})

describe('reach: where we are, by the words of neighbours', () => {
  const by = (...words: [string, string | undefined, number?][]) =>
    ownAddresses(new Map(words.map(([from, address, at = now]) => [from, { at, ...(address && { address }) }])))
  const cases: [what: string, words: Parameters<typeof by>, own: object][] = [
    ['nobody says anything', [], {}],
    ['the only neighbour is believed', [['r', '203.0.113.7']], { v4: '203.0.113.7' }],
    [
      'two agree',
      [
        ['r', '203.0.113.7'],
        ['s', '203.0.113.7'],
        ['x', '198.51.100.1'],
      ],
      { v4: '203.0.113.7' },
    ],
    [
      'one liar among two is not followed',
      [
        ['r', '203.0.113.7'],
        ['x', '198.51.100.1'],
      ],
      {},
    ],
    [
      'home networks count for nothing',
      [
        ['r', '192.168.1.7'],
        ['s', '203.0.113.7'],
      ],
      { v4: '203.0.113.7' },
    ],
    [
      'nor do carriers’ ones, or this machine',
      [
        ['r', '100.64.0.1'],
        ['s', '127.0.0.1'],
        ['x', 'fe80::1%eth0'],
      ],
      {},
    ],
    [
      'both kinds, each by two',
      [
        ['r', '::ffff:203.0.113.7'],
        ['s', '2001:DB8:0::7'],
        ['x', '203.0.113.7'],
        ['y', '2001:db8::7'],
      ],
      { v4: '203.0.113.7', v6: '2001:db8::7' },
    ],
    [
      'one liar is not followed for the kind that no other sees',
      [
        ['r', '203.0.113.7'],
        ['s', '203.0.113.7'],
        ['x', '2001:db8::7'],
      ],
      { v4: '203.0.113.7' },
    ],
    [
      'nor while others that were dialled have not spoken',
      [
        ['x', '198.51.100.1'],
        ['r', undefined],
      ],
      {},
    ],
    [
      'the latest of two agreements',
      [
        ['r', '203.0.113.7', 1],
        ['s', '203.0.113.7', 2],
        ['x', '203.0.113.8', 3],
        ['y', '203.0.113.8', 4],
      ],
      { v4: '203.0.113.8' },
    ],
    ['nonsense counts for nothing', [['r', 'not an address']], {}],
  ]
  for (const [what, words, own] of cases) it(what, () => expect(by(...words)).to.deep.equal(own))

  const auto = { host: 'auto', port: 2740 }
  const named = { host: 'a.test', port: 2740 }
  const places: [what: string, announce: (typeof auto)[], own: object, last: string[], at: string[]][] = [
    ['what is configured, if nothing is left open', [named], { v4: '203.0.113.7' }, [], ['a.test:2740']],
    ['auto is what neighbours see', [auto], { v4: '203.0.113.7' }, ['203.0.113.1:2740'], ['203.0.113.7:2740']],
    ['both kinds', [auto], { v4: '203.0.113.7', v6: '2001:db8::7' }, [], ['203.0.113.7:2740', '[2001:db8::7]:2740']],
    [
      'until they say it, what it was before',
      [named, auto],
      {},
      ['a.test:2740', '203.0.113.1:2740'],
      ['a.test:2740', '203.0.113.1:2740'],
    ],
    ['but not what another configuration announced', [auto], {}, ['203.0.113.1:9999'], []],
    ['nothing, while nothing is known', [auto], {}, [], []],
  ]
  for (const [what, announce, own, last, expected] of places)
    it(what, () => expect(announcedAt(announce, own, last)).to.deep.equal(expected))

  it('a place that changes says so once', () => {
    const place = openPlace({ me: 'me', reaches: new Map() }, [auto], () => now)
    expect(place.seen('r', '203.0.113.7')).to.equal(true)
    expect(place.seen('r', '203.0.113.7')).to.equal(false)
    expect(place.seen('s', '203.0.113.7')).to.equal(false)
    expect(place.seen('r', '203.0.113.8'), 'one of two: nobody knows where we are').to.equal(true)
    expect(place.seen('s', '203.0.113.8')).to.equal(true)
    expect(place.addresses()).to.deep.equal(['203.0.113.8:2740'])
    place.seen('x', '203.0.113.9')
    for (const gone of ['r', 's']) place.unseen(gone)
    expect(place.addresses(), 'those who are gone do not outvote who is here').to.deep.equal(['203.0.113.9:2740'])
  })

  it('of what our end of the connection has one word is enough, as where one neighbour is reached by IPv4 and one by IPv6', () => {
    const place = openPlace({ me: 'me', reaches: new Map() }, [auto], () => now)
    for (const agent of ['r', 's']) place.dialled(agent)
    place.seen('r', '203.0.113.7', '192.168.1.7')
    place.seen('s', '2001:DB8:0::7', '2001:db8::7')
    expect(place.own()).to.deep.equal({ v6: '2001:db8::7' })
    place.seen('s', '2001:db8::8', '2001:db8::7')
    expect(place.own()).to.deep.equal({})
  })

  it('who is connected first is not believed alone, where others were dialled, too', () => {
    const place = openPlace({ me: 'me', reaches: new Map() }, [auto], () => now)
    for (const agent of ['x', 'r', 's']) place.dialled(agent)
    expect(place.seen('x', '198.51.100.1')).to.equal(false)
    expect(place.seen('r', '203.0.113.7')).to.equal(false)
    place.dialled('r') // again: it has spoken
    expect(place.seen('s', '203.0.113.7')).to.equal(true)
    expect(place.addresses()).to.deep.equal(['203.0.113.7:2740'])
    for (const gone of ['r', 's']) place.unseen(gone)
    expect(place.own()).to.deep.equal({ v4: '198.51.100.1' })
  })

  it('an address has one spelling, and 4 or 16 bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const canonical = ipCanonical(text) ?? ''
        expect(ipCanonical(canonical)).to.equal(canonical)
        expect(ipBytes(canonical)?.length).to.be.oneOf([4, 16])
      }),
    )
  })

  const words = (text: string): string[] => text.trim().split(/\s+/)
  // The last before each range that RFC 6890 keeps for something, its ends, and the first behind it.
  const publicIps = words(`
    1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255
    169.255.0.0 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 223.255.255.255 5.100.0.1
    5.254.0.1 5.20.0.1 5.168.0.1 2000:: 3fff::1
  `)
  const otherIps = words(`
    0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 169.254.0.0
    169.254.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255 224.0.0.0 255.255.255.255 ::1
    1fff::1 4000:: fd00::1 fe80::1
  `)
  it('whom anybody can dial has an address from outside of what is kept for networks of one’s own', () => {
    for (const text of publicIps) expect(isPublicIp(text), text).to.equal(true)
    for (const text of [...otherIps, '', 'b.test', '1.2.3']) expect(isPublicIp(text), text).to.equal(false)
    fc.assert(fc.property(fc.string(), (text) => void isPublicIp(text)))
  })
})
