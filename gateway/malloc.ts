/**
 * Two calls of glibc's malloc that Node does not offer. With another C library they do nothing.
 *
 * A buffer from the heap lies where a former one was filled, and memory once filled is resident; one that is mapped
 * for itself takes only what is written to. A link has buffers of 64, 16 and 16 KiB (TLS in and out, HTTP/2) for its
 * life and hardly writes to them, a mail client over TLS the first two: while such connections are made, such buffers are
 * mapped. At other times it would only cost: a file read in chunks of 64 KiB takes twice the processor time.
 */
import { createRequire } from 'node:module'

type Malloc = { trim(): void; set(option: number, value: number): void }

/** malloc.h */
const M_TRIM_THRESHOLD = -1
const M_TOP_PAD = -2
const M_MMAP_THRESHOLD = -3
const LONG_LIVED_BYTES = 16 * 1024
/** The heap grows by so much more than is asked for; what lies there ready is taken before anything is mapped. The larger is glibc's. */
const PAD_BYTES = { making: 16 * 1024, else: 128 * 1024 }
/** From TCP to the first call, also on a machine that has others to serve. */
const MAKING_MS = 3000
/** glibc would move both by itself until it is told one: the first to the largest buffer it saw, the other to twice that. */
const ELSE_BYTES = 2 ** 20

const open = (): Malloc | undefined => {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi')
    const library = koffi.load(null)
    const trim = library.func('int malloc_trim(size_t)')
    const mallopt = library.func('int mallopt(int, int)')
    return { trim: () => void trim(0), set: (option, value) => void mallopt(option, value) }
  } catch {
    return undefined
  }
}
let opened: { malloc: Malloc | undefined } | undefined
const malloc = (): Malloc | undefined => {
  opened ??= { malloc: open() }
  return opened.malloc
}

/** @returns what gives free memory back to the system, also what lies below something in use; undefined where there is no such call */
export const trimmer = (): (() => void) | undefined => malloc()?.trim

let making: NodeJS.Timeout | undefined

/** A connection is being made: for the next seconds, large buffers are mapped. */
export const expectLongLived = (): void => {
  if (making) return void making.refresh()
  malloc()?.set(M_MMAP_THRESHOLD, LONG_LIVED_BYTES)
  malloc()?.set(M_TOP_PAD, PAD_BYTES.making)
  making = setTimeout(() => {
    making = undefined
    malloc()?.set(M_MMAP_THRESHOLD, ELSE_BYTES)
    malloc()?.set(M_TOP_PAD, PAD_BYTES.else)
    malloc()?.set(M_TRIM_THRESHOLD, 2 * ELSE_BYTES)
  }, MAKING_MS).unref()
}
