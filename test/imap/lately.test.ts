import { expect } from 'chai'
import { Lately } from '../../gateway/imap/fetch/lately.ts'
import { lookedAt } from '../../gateway/imap/fetch/look.ts'
import type { Store } from '../../store/store.ts'

describe('what is at hand of very many messages', () => {
  it('is told in slices, so that others have their turn', async () => {
    const row = { id: 1, uid: 1, modseq: 1, flags: 0, keywords: '', internalDate: 0, size: 1 }
    const lately = new Lately()
    lately.keep('ENVELOPE', 1, 'ENVELOPE ()')
    const edge = { lately, store: {} as Store }
    for (const item of ['FLAGS', 'ENVELOPE'] as const) {
      let turns = 0
      let isOver = false
      const others = () => {
        turns++
        if (!isOver) setImmediate(others)
      }
      others()
      for await (const { page } of lookedAt(edge, Array(60_000).fill({ seq: 1, row }), [{ get: item }])) {
        expect(page).to.have.length(500)
        for (const until = performance.now() + 1; performance.now() < until; );
      }
      isOver = true
      expect(turns, item).to.be.greaterThan(4)
    }
  })
})

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
