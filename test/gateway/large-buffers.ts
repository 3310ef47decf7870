/**
 * In a process of its own, for malloc.test.ts: by how many bytes the heap of malloc grows with 13 MB of buffers as a link
 * has them, before a link is made, while one is, and after. Other tests of the same process make links of their own.
 */
import { readFileSync } from 'node:fs'
import { expectLongLived } from '../../gateway/malloc.ts'
import { until } from '../../scripts/neighbourhood.ts'

/** What the heap of malloc spans; what is mapped for itself lies elsewhere. */
const heapBytes = (): number => {
  const [, from = '', to = ''] =
    /^([0-9a-f]+)-([0-9a-f]+) .*\[heap\]$/m.exec(readFileSync('/proc/self/maps', 'utf8')) ?? []
  return Number.parseInt(to, 16) - Number.parseInt(from, 16)
}

const kept: Buffer[] = []
const growth = (): number => {
  const before = heapBytes()
  for (let i = 0; i < 200; i++) kept.push(Buffer.allocUnsafeSlow(64 * 1024))
  return heapBytes() - before
}

// In one start of a hundred V8 lays its code right above the heap, which can't grow then: whoever started this does so
// again.
await until('what is free of it is taken', async () => growth() > 10e6, 5_000).catch(() => {
  console.log('walled in')
  process.exit()
})
expectLongLived()
const meanwhile = growth()
await until('it is over', async () => growth() > 10e6)
console.log(meanwhile)
