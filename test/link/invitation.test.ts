import { createHash, randomBytes } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { base32 } from '../../src/address.ts'
import { generateAgent } from '../../src/identity/agent.ts'
import {
  decodeInvitation,
  encodeInvitation,
  type Invitation,
  linkOfInvitation,
  tokenHash,
} from '../../src/link/invitation.ts'
import { isRefusalCode, Refusal } from '../../src/refusal.ts'

const agentId = generateAgent().id
const sample: Invitation = {
  agentId,
  addresses: ['192.0.2.7:2740', '[2001:db8::7]:2740', 'mail.example.org:65535', 'bücher.example:1'],
  token: Buffer.from('00112233445566778899aabbccddeeff', 'hex'),
  expires: 1_800_000_000_000,
}

const refusalOf = (code: string): string => {
  try {
    decodeInvitation(code)
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
  return 'read'
}

const port = fc.integer({ min: 0, max: 65_535 })
const ipv4 = fc.tuple(fc.ipV4(), port).map(([host, at]) => `${host}:${at}`)
const ipv6 = fc.tuple(fc.ipV6(), port).map(([host, at]) => `${new URL(`http://[${host}]`).hostname}:${at}`)
const name = fc.tuple(fc.domain(), port).map(([host, at]) => `${host}:${at}`)
const invitation = fc.record({
  agentId: fc.constantFrom(...Array.from({ length: 5 }, () => generateAgent().id)),
  addresses: fc.array(fc.oneof(ipv4, ipv6, name), { maxLength: 8 }),
  token: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
  expires: fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((seconds) => seconds * 1000),
})

describe('an invitation code', () => {
  it('is read back as it was made', () => expect(decodeInvitation(encodeInvitation(sample))).to.deep.equal(sample))

  it('is read back as it was made, whatever it holds', () =>
    fc.assert(
      fc.property(invitation, (made) => {
        expect(decodeInvitation(encodeInvitation(made))).to.deep.equal(made)
      }),
    ))

  it('begins with vs1- and fits one line and a half of paper', () => {
    const code = encodeInvitation({ ...sample, addresses: ['192.0.2.7:2740'] })
    expect(code).to.match(/^vs1-[a-z2-7]{100,110}$/)
  })

  it('survives line breaks, quoting, capitals and dashes', () => {
    const code = encodeInvitation(sample)
    const wrapped = (code.match(/.{1,40}/g) ?? []).map((line) => `> ${line} \r\n`).join('')
    const grouped = code.toUpperCase().replace(/.{8}/g, '$& - ')
    expect(decodeInvitation(wrapped)).to.deep.equal(sample)
    expect(decodeInvitation(`  ${grouped}\n`)).to.deep.equal(sample)
  })

  it('is a link, too, in any case of letters', () => {
    const link = linkOfInvitation(encodeInvitation(sample))
    expect(link).to.match(/^vouchsafe:vs1-/)
    for (const written of [link, link.toUpperCase(), `<${link}>`])
      expect(decodeInvitation(written)).to.deep.equal(sample)
  })

  it('with one wrong character is a typo, never another invitation', () => {
    const code = encodeInvitation(sample)
    for (let at = 4; at < code.length; at++) {
      const other = code[at] === 'q' ? 'r' : 'q'
      expect(refusalOf(code.slice(0, at) + other + code.slice(at + 1)), `at ${at}`).to.equal('record-malformed')
    }
  })

  it('cut short, or with neighbouring characters exchanged, is a typo', () => {
    const code = encodeInvitation(sample)
    for (let at = 4; at < code.length - 1; at++) {
      expect(refusalOf(code.slice(0, at))).to.equal('record-malformed')
      if (code[at] !== code[at + 1])
        expect(refusalOf(`${code.slice(0, at)}${code[at + 1]}${code[at]}${code.slice(at + 2)}`)).to.equal(
          'record-malformed',
        )
    }
  })

  it('of a later version says so', () => expect(refusalOf('vs2-abcdefgh')).to.equal('record-version'))

  /** As somebody would make it who knows how, whatever they put in. */
  const crafted = (addresses: number[], more: { count?: number; agent?: number } = {}): string => {
    const head = Buffer.concat([Buffer.alloc(more.agent ?? 32), Buffer.alloc(16), Buffer.alloc(4)])
    const body = Buffer.concat([head, Buffer.of(more.count ?? 1), Buffer.from(addresses)])
    const checksum = createHash('sha256').update('vs1-checksum').update(body).digest().subarray(0, 4)
    return `vs1-${base32(Buffer.concat([body, checksum]))}`
  }
  const name = (text: string) => [1, text.length, ...Buffer.from(text)]
  const made: [what: string, code: string, outcome: string][] = [
    ['a name', crafted([...name('a.test'), 0, 1]), 'read'],
    ['a name that speaks to the terminal', crafted([...name('a\x1b[2J'), 0, 1]), 'record-malformed'],
    ['a name that is two words', crafted([...name('a b'), 0, 1]), 'record-malformed'],
    ['an empty name', crafted([...name(''), 0, 1]), 'record-malformed'],
    ['an address of no kind', crafted([9, 1, 2, 3, 4, 0, 1]), 'record-malformed'],
    ['an address that is cut off', crafted([4, 1, 2, 3]), 'record-malformed'],
    ['less than it says', crafted([4, 1, 2, 3, 4, 0, 1], { count: 2 }), 'record-malformed'],
    ['more than it says', crafted([4, 1, 2, 3, 4, 0, 1, 0]), 'record-malformed'],
    ['nine addresses', crafted(Array(9).fill([4, 1, 2, 3, 4, 0, 1]).flat(), { count: 9 }), 'record-malformed'],
    ['nothing of it', crafted([], { agent: 0 }).slice(0, 12), 'record-malformed'],
    ['half an agent', crafted([], { agent: 11 }), 'record-malformed'],
  ]
  for (const [what, code, expected] of made)
    it(`with ${what} inside, and a checksum that fits: ${expected}`, () => expect(refusalOf(code)).to.equal(expected))

  it('is not made of what does not fit into it', () => {
    const wrong: Partial<Invitation>[] = [
      { agentId: 'me' },
      { token: Buffer.alloc(15) },
      { addresses: Array(9).fill('a.test:1') },
      { addresses: ['a.test'] },
      { addresses: [`${'a'.repeat(254)}:1`] },
      { addresses: ['a.test:65536'] },
    ]
    for (const change of wrong) expect(() => encodeInvitation({ ...sample, ...change })).to.throw(Error)
  })

  it('is refused by name for any other text', () =>
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `vs1-${text}`),
        ),
        (text) => {
          expect(refusalOf(text)).to.satisfy(isRefusalCode)
        },
      ),
    ))

  it('far too long is not even decoded', () =>
    expect(refusalOf(`vs1-${'a'.repeat(10_000_000)}`)).to.equal('record-malformed'))

  it('is kept by the inviter as a hash that another token does not have', () => {
    const [one, other] = [randomBytes(16), randomBytes(16)]
    expect(tokenHash(one))
      .to.match(/^[0-9a-f]{64}$/)
      .and.not.include(one.toString('hex'))
    expect(tokenHash(one))
      .to.equal(tokenHash(Buffer.from(one)))
      .and.not.equal(tokenHash(other))
  })
})
