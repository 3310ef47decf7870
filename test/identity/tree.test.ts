import { createHash } from 'node:crypto'
import { expect } from 'chai'
import fc from 'fast-check'
import { DEPTH, leafOf, rootBy, treeOf } from '../../src/identity/tree.ts'

describe('tree', () => {
  const leavesOf = (count: number): Buffer[] => Array.from({ length: count }, (_, i) => leafOf(`text ${i}`))
  const sha256 = (...parts: (string | Buffer)[]): Buffer =>
    createHash('sha256')
      .update(Buffer.concat(parts.map((part) => Buffer.from(part))))
      .digest()

  it('of one leaf is that leaf, and the way is none', () => {
    const [leaf] = leavesOf(1)
    expect(treeOf(leavesOf(1))).to.deep.equal({ root: leaf, ways: [[]] })
  })

  it('of three, made by hand', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((text) => sha256('\0', text)) as [Buffer, Buffer, Buffer]
    const node = (one: Buffer, other: Buffer) => sha256('\x01', ...[one, other].sort(Buffer.compare))
    const root = node(node(a, b), c)
    expect(treeOf(['a', 'b', 'c'].map(leafOf))).to.deep.equal({ root, ways: [[b, c], [a, c], [node(a, b)]] })
  })

  it('leads from every leaf to its root, by no more hashes than its depth', () => {
    for (let count = 1; count <= 2 ** DEPTH; count++) {
      const leaves = leavesOf(count)
      const { root, ways } = treeOf(leaves)
      for (const [i, leaf] of leaves.entries()) {
        const way = ways[i] ?? []
        expect(way.length).to.be.at.most(Math.ceil(Math.log2(count)))
        expect(rootBy(leaf, way).equals(root), `leaf ${i} of ${count}`).to.equal(true)
      }
    }
  })

  it('leads elsewhere from any other leaf, and by any other way', () => {
    const bit = fc.record({
      count: fc.integer({ min: 2, max: 64 }),
      leaf: fc.nat(63),
      hash: fc.nat(5),
      bit: fc.nat(255),
    })
    fc.assert(
      fc.property(bit, ({ count, leaf, hash, bit }) => {
        const { root, ways } = treeOf(leavesOf(count))
        const way = (ways[leaf % count] ?? []).map((one) => Buffer.from(one))
        expect(rootBy(leafOf('another'), way).equals(root)).to.equal(false)
        const one = way[hash % way.length]
        if (one) one[bit >> 3] = (one[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(rootBy(leafOf(`text ${leaf % count}`), way).equals(root)).to.equal(false)
      }),
    )
  })

  it('takes no node for a leaf: a text made of two hashes is another', () => {
    const [one, other] = leavesOf(2) as [Buffer, Buffer]
    const text = Buffer.concat([one, other].sort(Buffer.compare)).toString('latin1')
    expect(leafOf(text).equals(treeOf([one, other]).root)).to.equal(false)
  })
})
