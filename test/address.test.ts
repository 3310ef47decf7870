import { expect } from 'chai'
import fc from 'fast-check'
import {
  altDomain,
  base32,
  canonical,
  domainOf,
  isEnvelopeId,
  isId,
  localOf,
  targetOfAddress,
  targetOfEntity,
} from '../src/address.ts'
import { Refusal } from '../src/refusal.ts'
import { growsEvenly } from './fixture/growth.ts'

describe('address', () => {
  const good: [what: string, typed: string, spelled: string][] = [
    ['case does not matter, on either side', 'Alice@Example.ORG', 'alice@example.org'],
    ['a plus-tag is part of the name', 'alice+news@example.org', 'alice+news@example.org'],
    ['every atext is welcome', "!#$%&'*+/=?^_`{|}~-@a.test", "!#$%&'*+/=?^_`{|}~-@a.test"],
    ['needless quotes come off', '"Alice"@a.test', 'alice@a.test'],
    ['needed quotes stay', '"a b"@a.test', '"a b"@a.test'],
    ['an @ within quotes is no separator', '"a@b"@a.test', '"a@b"@a.test'],
    ['needless backslashes go, needed ones stay', '"a\\b\\"\\\\"@a.test', '"ab\\"\\\\"@a.test'],
    ['an internationalised address keeps its letters', 'JÖRG@Bücher.Example', 'jörg@bücher.example'],
    ['composed and decomposed letters are one', 'jo\u0308rg@a.test', 'jörg@a.test'],
    ['an A-label stays one', 'x@XN--bcher-kva.example', 'x@xn--bcher-kva.example'],
    ['a domain may be one label', 'root@localhost', 'root@localhost'],
    ['64 octets before the @', `${'a'.repeat(64)}@a.test`, `${'a'.repeat(64)}@a.test`],
    ['64 octets with the quotes they need', `"a ${'b'.repeat(60)}"@a.test`, `"a ${'b'.repeat(60)}"@a.test`],
    ['a label of 63 octets', `a@${'b'.repeat(63)}.test`, `a@${'b'.repeat(63)}.test`],
  ]
  for (const [what, typed, spelled] of good) it(what, () => expect(canonical(typed)).to.equal(spelled))

  const bad: [what: string, typed: string][] = [
    ['nothing', ''],
    ['a bare word', 'alice'],
    ['an empty local part', '@a.test'],
    ['an empty domain', 'a@'],
    ['a space', 'a b@a.test'],
    ['a line break, even in quotes', '"a\nb"@a.test'],
    ['two dots in a row', 'a..b@a.test'],
    ['a dot at the end', 'a.@a.test'],
    ['a domain with a dot at the end', 'a@a.test.'],
    ['an empty label', 'a@a..test'],
    ['a label that begins with a hyphen', 'a@-a.test'],
    ['an address literal', 'a@[127.0.0.1]'],
    ['angle brackets', '<a@a.test>'],
    ['an unseen character', 'a\u200bb@a.test'],
    ['a change of writing direction', 'a\u202eb@a.test'],
    ['a lone surrogate', 'a\ud800@a.test'],
    ['65 octets before the @', `${'a'.repeat(65)}@a.test`],
    ['65 octets with the quotes they need', `"a ${'b'.repeat(61)}"@a.test`],
    ['33 letters of two octets before the @', `${'ö'.repeat(33)}@a.test`],
    ['a label of 64 octets', `a@${'b'.repeat(64)}.test`],
    ['more than 254 octets in all', `${'a'.repeat(60)}@${`${'b'.repeat(60)}.`.repeat(3)}${'c'.repeat(11)}`],
    ['a megabyte', `${'a'.repeat(1e6)}@a.test`],
  ]
  for (const [what, typed] of bad)
    it(`${what} is refused by name`, () =>
      expect(() => canonical(typed))
        .to.throw(Refusal)
        .with.property('code', 'address-malformed'))

  it('marks without end are refused before they are put in order, which takes time by their square', () =>
    growsEvenly(30_000, (count) =>
      expect(() => canonical(`a${'\u0315\u0300'.repeat(count)}@a.test`)).to.throw('too long'),
    ))

  it('254 octets in all are taken', () => {
    const address = `${'a'.repeat(60)}@${`${'b'.repeat(60)}.`.repeat(3)}${'c'.repeat(10)}`
    expect(address).to.have.length(254)
    expect(canonical(address)).to.equal(address)
  })

  it('whatever is typed: an address in its one spelling, or a refusal by name', () => {
    const odd = fc.constantFrom(...'"\\@.-+ aAßİΣΌ\u0345ſK\u00ad', '\u0130', '\ud800')
    const part = fc.string({
      unit: fc.oneof(odd, fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })),
      maxLength: 12,
      size: 'max',
    })
    fc.assert(
      fc.property(
        fc.oneof(
          fc.emailAddress(),
          fc.tuple(part, part).map((both) => both.join('@')),
          part,
        ),
        (typed) => {
          let spelled: string
          try {
            spelled = canonical(typed)
          } catch (error) {
            expect(error).to.be.instanceOf(Refusal).with.property('code', 'address-malformed')
            return
          }
          expect(canonical(spelled)).to.equal(spelled)
          expect(`${localOf(spelled)}@${domainOf(spelled)}`).to.equal(spelled)
          expect(Buffer.byteLength(spelled)).to.be.at.most(254)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('an agent without a domain lends one that is a single label below vouchsafe.alt', () => {
    const id = base32(Buffer.alloc(32, 7))
    expect(canonical(`Bob@${altDomain(id)}`)).to.equal(`bob@${id}.vouchsafe.alt`)
    expect(id).to.have.length(52)
  })

  it('a search for an address does not depend on how it was typed', () =>
    expect(targetOfAddress('ALICE@a.test')).to.equal(targetOfAddress('alice@A.test')))

  it('an address and an entity of the same letters are different targets', () =>
    expect(targetOfAddress('a@b')).to.not.equal(targetOfEntity('a@b')))
})

describe('base32', () => {
  // RFC 4648 §10, lower case and without padding
  const vectors: [string, string][] = [
    ['', ''],
    ['f', 'my'],
    ['fo', 'mzxq'],
    ['foo', 'mzxw6'],
    ['foob', 'mzxw6yq'],
    ['fooba', 'mzxw6ytb'],
    ['foobar', 'mzxw6ytboi'],
  ]
  for (const [plain, text] of vectors)
    it(`"${plain}" is "${text}"`, () => expect(base32(Buffer.from(plain))).to.equal(text))

  it('holds every bit: what is written can be read back', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70, size: 'max' }), (bytes) => {
        const bits = [...base32(bytes)].map((c) =>
          'abcdefghijklmnopqrstuvwxyz234567'.indexOf(c).toString(2).padStart(5, '0'),
        )
        const back = (bits.join('').match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2))
        expect(back).to.deep.equal([...bytes])
      }),
    ))

  it('every hash is an id, and of its letters only the true spelling', () =>
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const id = base32(bytes)
        expect(isId(id)).to.equal(true)
        expect(isId(id.toUpperCase())).to.equal(false)
        expect(isId(`${id.slice(0, -1)}b`)).to.equal(false) // bits that no hash has
      }),
    ))

  it('an envelope id is 32 hex characters, lower case', () => {
    expect(isEnvelopeId('00ff'.repeat(8))).to.equal(true)
    for (const no of ['00FF'.repeat(8), '00ff'.repeat(7), 7, null]) expect(isEnvelopeId(no)).to.equal(false)
  })
})
