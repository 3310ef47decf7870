import { expect } from 'chai'
import fc from 'fast-check'
import { challengeOf, checkProof, deriveKeys, readFinal, readFirst } from '../src/scram.ts'

describe('SCRAM-SHA-256', () => {
  it('the conversation of RFC 7677 §3 comes out as it stands there', async () => {
    const first = readFirst('n,,n=user,r=rOprNGfwEbeRWgbNEkqO')
    expect(first).to.deep.include({ binding: { by: 'none' }, gs2: 'n,,', user: 'user', authzid: '' })
    const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0'
    const challenge = challengeOf(nonce, 'W22ZaJ0SNY7soEsUEjb6gQ==', 4096)
    const final = readFinal(`c=biws,r=${nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`)
    if (!first || !final) throw new Error('it was not read')
    const keys = await deriveKeys('pencil', 'W22ZaJ0SNY7soEsUEjb6gQ==', 4096)
    const message = `${first.bare},${challenge},${final.withoutProof}`
    expect(checkProof(keys, message, final.proof)).to.equal('6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')
    expect(checkProof(keys, `${message} `, final.proof)).to.equal(undefined)
  })

  const firsts: [what: string, text: string, read: object | undefined][] = [
    [
      'binds by a name',
      'p=tls-exporter,,n=a,r=x',
      { binding: { by: 'data', name: 'tls-exporter' }, gs2: 'p=tls-exporter,,' },
    ],
    ['could bind', 'y,,n=a,r=x', { binding: { by: 'unoffered' } }],
    ['acts for another', 'n,a=bob,n=a,r=x', { authzid: 'bob', gs2: 'n,a=bob,' }],
    ['escapes', 'n,,n=a=2Cb=3Dc,r=x', { user: 'a,b=c' }],
    ['has extensions behind', 'n,,n=a,r=x,e=1', { nonce: 'x', bare: 'n=a,r=x,e=1' }],
    ['escapes wrongly', 'n,,n=a=2cb,r=x', undefined],
    ['wants an extension that must be known', 'n,,m=1,n=a,r=x', undefined],
    ['has no nonce', 'n,,n=a,r=', undefined],
    ['has no name', 'n,,n=,r=x', undefined],
    ['is something else', 'hello', undefined],
    ['is endless', `n,,n=${'a'.repeat(3000)},r=x`, undefined],
  ]
  for (const [what, text, read] of firsts)
    it(`a first message that ${what}`, () => {
      if (read) expect(readFirst(text)).to.deep.include(read)
      else expect(readFirst(text)).to.equal(undefined)
    })

  const proof = Buffer.alloc(32).toString('base64')
  const finals: [what: string, text: string, isRead: boolean][] = [
    ['as it is', `c=biws,r=x,p=${proof}`, true],
    ['with an extension', `c=biws,r=x,e=1,p=${proof}`, true],
    ['with half a proof', `c=biws,r=x,p=${proof.slice(0, 20)}`, false],
    ['without proof', 'c=biws,r=x', false],
    ['without nonce', `c=biws,r=,p=${proof}`, false],
    ['that is endless', `c=biws,r=${'x'.repeat(3000)},p=${proof}`, false],
  ]
  for (const [what, text, isRead] of finals)
    it(`a final message ${what} is ${isRead ? '' : 'not '}read`, () => expect(!!readFinal(text)).to.equal(isRead))

  it('whatever comes is read or is not, without a throw', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        readFirst(text)
        readFinal(text)
        readFirst(`n,,n=${text},r=${text}`)
        readFinal(`c=biws,r=x,p=${text}`)
      }),
    )
  })
})
