import { sign } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { CompactSign, compactVerify, importJWK } from 'jose'
import { agentFromPem, agentIdOf, agentIdOfSpki, agentToPem, generateAgent } from '../../src/identity/agent.ts'
import { RECORD_LIMIT, signRecord, verifyRecord } from '../../src/identity/record.ts'
import { NET, refusalOf } from './people.ts'

describe('agent', () => {
  const agent = generateAgent()

  it('is the same after a journey through PEM', () => {
    const again = agentFromPem(agentToPem(agent))
    expect(again.id).to.equal(agent.id)
    expect(again.publicRaw.equals(agent.publicRaw)).to.equal(true)
  })

  it('has one id, whether told from 32 bytes or from what a certificate carries', () => {
    expect(agentIdOf(agent.publicRaw)).to.equal(agent.id)
    expect(agentIdOfSpki(agent.publicKey.export({ type: 'spki', format: 'der' }))).to.equal(agent.id)
  })

  it('keeps its id for good: the id of a known key', () =>
    expect(agentIdOf(Buffer.alloc(32, 1))).to.equal('dax7twtqd7iujyx5ftkb3kg5xklz5ma3fp37zqzxn5frwlwo4ttq'))
})

describe('record', () => {
  const agent = generateAgent()
  const who = { target: 'x', ttl: 3, deep: { list: [1, 'zwei', null] } }
  let record: string
  before(async () => {
    record = await signRecord(agent, NET, 'WHO', who)
  })

  /** Signs any header and payload with the agent's key, as nobody honest would. */
  const forge = (header: object, payload: string): string => {
    const text = [JSON.stringify(header), payload].map((part) => Buffer.from(part).toString('base64url')).join('.')
    return `${text}.${sign(null, Buffer.from(text), agent.privateKey).toString('base64url')}`
  }
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: agent.publicRaw.toString('base64url') }
  const header = { alg: 'EdDSA', typ: 'vouchsafe/WHO', net: NET, jwk }

  it('says who signed it and gives back what was said', async () =>
    expect(await verifyRecord(record, NET, 'WHO')).to.deep.equal({ by: agent.id, body: { ...who, v: 1 } }))

  it('made by hand from RFC 7515 is one of ours', async () =>
    expect(await verifyRecord(forge(header, '{"v":1}'), NET, 'WHO')).to.deep.equal({ by: agent.id, body: { v: 1 } }))

  it('is a JWS to others, and theirs is a record to us', async () => {
    const { payload, protectedHeader } = await compactVerify(record, await importJWK(jwk, 'EdDSA'))
    expect(JSON.parse(Buffer.from(payload).toString())).to.deep.equal({ ...who, v: 1 })
    expect(protectedHeader).to.deep.equal(header)
    const theirs = await new CompactSign(payload).setProtectedHeader(header).sign(agent.privateKey)
    expect(theirs).to.equal(record) // Ed25519 signs the same bytes the same way
  })

  it('is not taken for another kind', async () =>
    expect(await refusalOf(verifyRecord(record, NET, 'PATH'))).to.equal('record-type'))

  it('means nothing in another net', async () =>
    expect(await refusalOf(verifyRecord(record, 'trial', 'WHO'))).to.equal('net-mismatch'))

  it('by another key is by another agent', async () => {
    const other = generateAgent()
    expect((await verifyRecord(await signRecord(other, NET, 'WHO', who), NET, 'WHO')).by).to.equal(other.id)
  })

  it('too large is not even made', async () =>
    expect(await refusalOf(signRecord(agent, NET, 'WHO', { big: 'x'.repeat(RECORD_LIMIT) }))).to.equal(
      'record-too-large',
    ))

  const other = generateAgent()
  const bad: [what: string, make: () => string, code: string][] = [
    ['too large', () => `${record}${'A'.repeat(RECORD_LIMIT)}`, 'record-too-large'],
    ['empty', () => '', 'record-malformed'],
    ['of two parts', () => record.slice(0, record.lastIndexOf('.')), 'record-malformed'],
    [
      'with a second spelling of its signature',
      () => `${record.slice(0, -1)}${after(record.at(-1))}`,
      'record-malformed',
    ],
    ['unsigned, alg none', () => forge({ ...header, alg: 'none' }, '{"v":1}'), 'record-malformed'],
    ['with a MAC by the public key', () => forge({ ...header, alg: 'HS256' }, '{"v":1}'), 'record-malformed'],
    ['with a crit header', () => forge({ ...header, crit: ['b64'], b64: false }, '{"v":1}'), 'record-malformed'],
    ['with a private key in it', () => forge({ ...header, jwk: { ...jwk, d: jwk.x } }, '{"v":1}'), 'record-malformed'],
    [
      'with a key of 31 bytes',
      () => forge({ ...header, jwk: { ...jwk, x: jwk.x.slice(1) } }, '{"v":1}'),
      'record-malformed',
    ],
    ['without a key', () => forge({ ...header, jwk: undefined }, '{"v":1}'), 'record-malformed'],
    ['whose payload is no JSON', () => forge(header, '{v:1}'), 'record-malformed'],
    ['whose payload is a list', () => forge(header, '[1]'), 'record-malformed'],
    ['of version 2', () => forge(header, '{"v":2}'), 'record-version'],
    ['without a version', () => forge(header, '{}'), 'record-version'],
    [
      'with the key of another agent',
      () => forge({ ...header, jwk: { ...jwk, x: other.publicRaw.toString('base64url') } }, '{"v":1}'),
      'signature-wrong',
    ],
    ['with another payload', () => swapPayload(record, '{"ttl":9,"v":1}'), 'signature-wrong'],
  ]
  for (const [what, make, code] of bad)
    it(`${what} is refused: ${code}`, async () =>
      expect(await refusalOf(verifyRecord(make(), NET, 'WHO'))).to.equal(code))

  it('with any character changed is refused by name', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(record.length - 1), fc.string({ minLength: 1, maxLength: 1 }), async (at, character) => {
        fc.pre(record[at] !== character)
        await refusalOf(verifyRecord(record.slice(0, at) + character + record.slice(at + 1), NET, 'WHO'))
      }),
      { numRuns: 300 },
    )
  })

  it('of any text at all is refused by name', async () => {
    const text = fc.oneof(
      fc.string(),
      fc.array(fc.base64String(), { maxLength: 4 }).map((parts) => parts.join('.')),
    )
    await fc.assert(fc.asyncProperty(text, async (jws) => void (await refusalOf(verifyRecord(jws, NET, 'WHO')))))
  })
})

const swapPayload = (record: string, payload: string): string => {
  const [head, , signature] = record.split('.')
  return [head, Buffer.from(payload).toString('base64url'), signature].join('.')
}

/** The next character of base64url: the same two bits, and others that must be nought. */
const after = (character = ''): string => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return alphabet[alphabet.indexOf(character) + 1] ?? ''
}
