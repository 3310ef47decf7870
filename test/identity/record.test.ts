import { sign } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { CompactSign, compactVerify, importJWK } from 'jose'
import { agentFromPem, agentIdOf, agentIdOfSpki, agentToPem, generateAgent } from '../../src/identity/agent.ts'
import { RECORD_LIMIT, signRecord, signShared, verifyRecord } from '../../src/identity/record.ts'
import { leafOf, rootBy } from '../../src/identity/tree.ts'
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
  const forge = (header: object, payload: string | Buffer): string => {
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
    ['whose payload is null', () => forge(header, 'null'), 'record-malformed'],
    [
      'whose payload is not UTF-8',
      () => forge(header, Buffer.from('{"v":1,"x":"\xff"}', 'latin1')),
      'record-malformed',
    ],
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

describe('records signed together', () => {
  const agent = generateAgent()
  const said = (count: number) => Array.from({ length: count }, (_, i) => ({ id: `${i}` }))
  const signedTogether = (count: number, by = agent) =>
    Promise.all(said(count).map((body) => signShared(by, NET, 'STAMP', body)))
  const partsOf = (jws = '') => {
    const [header = '', payload = '', signature = ''] = jws.split('.')
    return { header, payload, signature: Buffer.from(signature, 'base64url') }
  }
  const joined = ({ header, payload, signature }: ReturnType<typeof partsOf>) =>
    `${header}.${payload}.${signature.toString('base64url')}`
  const verdict = (jws: string) => refusalOf(verifyRecord(jws, NET, 'STAMP'))

  for (const count of [1, 2, 3, 16, 64, 65, 150])
    it(`${count} say each what it says, whoever reads them alone`, async () => {
      const all = await signedTogether(count)
      for (const [i, jws] of all.entries())
        expect(await verifyRecord(jws, NET, 'STAMP')).to.deep.equal({ by: agent.id, body: { id: `${i}`, v: 1 } })
    })

  it('share one signature, and show the way to what it signs: six hashes for 64', async () => {
    const all = (await signedTogether(64)).map((jws) => partsOf(jws).signature)
    expect(new Set(all.map((bytes) => bytes.subarray(0, 64).toString('hex'))).size).to.equal(1)
    expect(new Set(all.map((bytes) => bytes.length))).to.deep.equal(new Set([64 + 6 * 32]))
  })

  it('one that is alone is signed alone', async () => {
    const [jws = ''] = await signedTogether(1)
    expect(jws).to.equal(await signRecord(agent, NET, 'STAMP', { id: '0' }))
  })

  it('of two agents in one turn are signed by each', async () => {
    const other = generateAgent()
    const [mine, theirs] = await Promise.all([signedTogether(2), signedTogether(2, other)])
    for (const jws of mine) expect((await verifyRecord(jws, NET, 'STAMP')).by).to.equal(agent.id)
    for (const jws of theirs) expect((await verifyRecord(jws, NET, 'STAMP')).by).to.equal(other.id)
  })

  it('one too large is not made, and the others are', async () => {
    const big = signShared(agent, NET, 'STAMP', { big: 'x'.repeat(RECORD_LIMIT) })
    const small = signShared(agent, NET, 'STAMP', { id: '0' })
    expect(await refusalOf(big)).to.equal('record-too-large')
    expect((await verifyRecord(await small, NET, 'STAMP')).by).to.equal(agent.id)
  })

  it('a body that is no JSON fails whoever asked, and not the process', async () => {
    const asked = [{ id: 1n }, { id: '0' }].map((body) => signShared(agent, NET, 'STAMP', body))
    const ends = await Promise.allSettled(asked)
    expect(ends.map(({ status }) => status)).to.deep.equal(['rejected', 'rejected'])
  })

  const bad: [what: string, make: (all: string[]) => string, code: string][] = [
    [
      'with the way of another',
      ([a, b]) => joined({ ...partsOf(a), signature: partsOf(b).signature }),
      'signature-wrong',
    ],
    ['with what another says', ([a, b]) => joined({ ...partsOf(a), payload: partsOf(b).payload }), 'signature-wrong'],
    ['without the way', ([a]) => joined(shortened(partsOf(a), 64)), 'record-malformed'],
    ['with a shorter way', ([a]) => joined(shortened(partsOf(a), 96)), 'signature-wrong'],
    ['with half a hash', ([a]) => joined(shortened(partsOf(a), 112)), 'record-malformed'],
    ['with a way of seven', ([a]) => joined(lengthened(partsOf(a), 64 + 7 * 32)), 'record-malformed'],
    [
      'that claims to be signed alone',
      ([a]) => joined({ ...partsOf(a), header: headerOf(a, 'EdDSA') }),
      'record-malformed',
    ],
  ]
  for (const [what, make, code] of bad)
    it(`${what} is refused: ${code}`, async () => expect(await verdict(make(await signedTogether(4)))).to.equal(code))

  it('one signed alone that claims to be of many is refused', async () => {
    const alone = await signRecord(agent, NET, 'STAMP', { id: '0' })
    expect(await verdict(joined({ ...partsOf(alone), header: headerOf(alone, 'EdDSA-tree') }))).to.equal(
      'record-malformed',
    )
  })

  it('a signature of a root alone is none of a record that hashes to it', async () => {
    const [a = ''] = await signedTogether(2)
    const { header, payload, signature } = partsOf(a)
    const root = rootBy(leafOf(`${header}.${payload}`), [signature.subarray(64)])
    const own = sign(null, root, agent.privateKey) // as if the agent had signed 32 bytes of somebody's choice
    expect(
      await verdict(joined({ header, payload, signature: Buffer.concat([own, signature.subarray(64)]) })),
    ).to.equal('signature-wrong')
  })

  it('is not believed for a root that was seen, if the signature is another', async () => {
    const [a = ''] = await signedTogether(2)
    await verifyRecord(a, NET, 'STAMP')
    const { signature, ...rest } = partsOf(a)
    const forged = Buffer.from(signature)
    forged[0] = (forged[0] ?? 0) ^ 1
    expect(await verdict(joined({ ...rest, signature: forged }))).to.equal('signature-wrong')
  })

  it('with any bit of the signature or the way changed is refused by name', async () => {
    const all = await signedTogether(64)
    await fc.assert(
      fc.asyncProperty(fc.nat(63), fc.nat(256 * 8 - 1), async (which, bit) => {
        const { signature, ...rest } = partsOf(all[which])
        signature[bit >> 3] = (signature[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(await verdict(joined({ ...rest, signature }))).to.equal('signature-wrong')
      }),
      { numRuns: 300 },
    )
  })

  const shortened = ({ signature, ...rest }: ReturnType<typeof partsOf>, bytes: number) => ({
    ...rest,
    signature: signature.subarray(0, bytes),
  })
  const lengthened = ({ signature, ...rest }: ReturnType<typeof partsOf>, bytes: number) => ({
    ...rest,
    signature: Buffer.concat([signature, Buffer.alloc(bytes)]).subarray(0, bytes),
  })
  const headerOf = (jws = '', alg: string): string => {
    const header = JSON.parse(Buffer.from(partsOf(jws).header, 'base64url').toString())
    return Buffer.from(JSON.stringify({ ...header, alg })).toString('base64url')
  }
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
