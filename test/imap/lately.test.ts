import { expect } from 'chai'
import { Lately } from '../../gateway/imap/fetch/lately.ts'

describe('what was lately told of messages', () => {
  it('is told again, by its name and message', () => {
    const lately = new Lately()
    expect(lately.of('ENVELOPE', [1, 2])).to.deep.equal([undefined, undefined])
    expect(lately.keep('ENVELOPE', 2, 'ENVELOPE (\xe4)')).to.equal('ENVELOPE (\xe4)')
    expect(lately.of('ENVELOPE', [1, 2])).to.deep.equal([undefined, 'ENVELOPE (\xe4)'])
    expect(lately.of('BODY', [1, 2])).to.deep.equal([undefined, undefined])
  })

  it('is forgotten when much came since, unless somebody asked', () => {
    const lately = new Lately()
    lately.keep('ENVELOPE', 1, 'asked for')
    lately.keep('ENVELOPE', 2, 'not asked for')
    const long = 'x'.repeat(1 << 20)
    for (let n = 10; n < 60; n++) {
      lately.keep('BODY', n, long)
      if (n < 50) lately.of('ENVELOPE', [1])
    }
    expect(lately.of('ENVELOPE', [1, 2])).to.deep.equal(['asked for', undefined])
    for (let n = 60; n < 120; n++) lately.keep('BODY', n, long)
    expect(lately.of('ENVELOPE', [1, 2])).to.deep.equal([undefined, undefined])
  })
})
