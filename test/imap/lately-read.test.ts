import { expect } from 'chai'
import { LatelyRead } from '../../gateway/imap/fetch/lately-read.ts'

describe('messages that were lately read', () => {
  it('are there, and those that were not are not', () => {
    const lately = new LatelyRead()
    expect(lately.get(1)).to.equal(undefined)
    expect(lately.keep(1, Buffer.from('a\0\xff', 'latin1')).equals(Buffer.from('a\0\xff', 'latin1'))).to.equal(true)
    expect(lately.get(1)?.toString('latin1')).to.equal('a\0\xff')
  })

  it('keep nothing of the page they came from', () => {
    const page = Buffer.alloc(100_000, 'x')
    const own = new LatelyRead().keep(1, page.subarray(10, 20_010))
    expect(own.buffer === page.buffer).to.equal(false)
    expect(own.buffer.byteLength).to.be.lessThan(page.length)
  })

  it('are forgotten when much came since, unless somebody asked', () => {
    const lately = new LatelyRead(10)
    lately.keep(1, Buffer.from('asked'))
    lately.keep(2, Buffer.from('never'))
    lately.keep(3, Buffer.from('12345'))
    lately.get(1)
    expect([1, 2, 3].map((id) => lately.get(id)?.toString())).to.deep.equal(['asked', undefined, '12345'])
    lately.keep(4, Buffer.alloc(10))
    lately.keep(5, Buffer.alloc(10))
    expect([1, 2, 3].map((id) => lately.get(id))).to.deep.equal([undefined, undefined, undefined])
  })
})
