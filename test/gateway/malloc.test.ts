import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { expectLongLived, trimmer } from '../../gateway/malloc.ts'
import { until } from '../../scripts/neighbourhood.ts'

/** What the heap of malloc spans; what is mapped for itself lies elsewhere. */
const heapBytes = (): number => {
  const [, from = '', to = ''] =
    /^([0-9a-f]+)-([0-9a-f]+) .*\[heap\]$/m.exec(readFileSync('/proc/self/maps', 'utf8')) ?? []
  return Number.parseInt(to, 16) - Number.parseInt(from, 16)
}

const kept: Buffer[] = []
/** By how much the heap grows with 13 MB of buffers as a link has them. */
const growth = (): number => {
  const before = heapBytes()
  for (let i = 0; i < 200; i++) kept.push(Buffer.allocUnsafeSlow(64 * 1024))
  return heapBytes() - before
}

describe('large buffers', function () {
  this.timeout(30_000)

  before(function () {
    if (trimmer()) return
    console.log('      skipped: this C library is not glibc')
    this.skip()
  })
  after(() => kept.splice(0))

  it('lie in the heap, but for those of the time when a link is made', async () => {
    await until('what is free of it is taken', async () => growth() > 10e6)
    expectLongLived()
    expect(growth(), 'while it is').to.be.below(1e6)
    await until('it is over', async () => growth() > 10e6)
  })
})
