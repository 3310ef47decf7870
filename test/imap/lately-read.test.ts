import { expect } from 'chai'
import { LatelyRead } from '../../gateway/imap/fetch/lately-read.ts'

describe('messages that were lately read', () => {
  it('are there, and those that were not are not', () => {
    const lately = new LatelyRead()
    expect(lately.get(1)).to.equal(undefined)
    expect(lately.keep(1, Buffer.from('a\0\xff', 'latin1')).equals(Buffer.from('a\0\xff', 'latin1'))).to.equal(true)
    expect(lately.get(1)?.toString('latin1')).to.equal('a\0\xff')
  })

  it('keep nothing of the page they came from, nor of the pool that small buffers are cut from', () => {
    const page = Buffer.alloc(100_000, 'x')
    for (const size of [10, 2000, 20_000])
      expect(new LatelyRead().keep(1, page.subarray(10, 10 + size)).buffer.byteLength).to.equal(size)
  })

  it('are forgotten when much came since, unless somebody asked', () => {
    const lately = new LatelyRead(2000)
    lately.keep(1, Buffer.alloc(1000, 'asked'))
    lately.keep(2, Buffer.alloc(1000, 'never'))
    lately.keep(3, Buffer.alloc(1000, '12345'))
    lately.get(1)
    const kept = [1, 2, 3].map((id) => lately.get(id)?.toString('latin1', 0, 5))
    expect(kept).to.deep.equal(['asked', undefined, '12345'])
    lately.keep(4, Buffer.alloc(2000))
    lately.keep(5, Buffer.alloc(2000))
    expect([1, 2, 3].map((id) => lately.get(id))).to.deep.equal([undefined, undefined, undefined])
  })

  it('are forgotten for many that are empty, too', () => {
    const lately = new LatelyRead(10_000)
    lately.keep(1, Buffer.alloc(10))
    for (let id = 2; id < 100; id++) lately.keep(id, Buffer.alloc(0))
    expect(lately.get(1)).to.equal(undefined)
  })
})
