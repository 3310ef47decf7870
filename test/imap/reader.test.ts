import { expect } from 'chai'
import fc from 'fast-check'
import { Reader, type ReaderLimits, type Taken } from '../../gateway/imap/wire/reader.ts'

const limits: ReaderLimits = { line: 60, literal: 20, command: 100, skip: 500 }

/** Everything that comes out, literals kept when they fit and else skipped, or streamed where the line says APPEND. */
const readAll = (chunks: readonly Buffer[], within: ReaderLimits = limits): Taken[] => {
  const reader = new Reader(within)
  const all: Taken[] = []
  for (const chunk of chunks) {
    reader.push(chunk)
    for (let taken = reader.take(); taken; taken = reader.take()) {
      all.push(taken)
      if (taken.on === 'endless') return all
      if (taken.on !== 'literal') continue
      const [first] = taken.pieces
      if (first && 'text' in first && first.text.startsWith('APPEND')) reader.stream()
      else if (taken.fits) reader.keep()
      else reader.skip()
    }
  }
  return all
}

/** Streamed bytes come as they come: one event for them all makes runs comparable. */
const joined = (all: readonly Taken[]): unknown[] => {
  const out: unknown[] = []
  for (const taken of all) {
    const last = out.at(-1)
    if (taken.on === 'bytes' && typeof last === 'string') out[out.length - 1] = last + taken.bytes.toString('latin1')
    else out.push(taken.on === 'bytes' ? taken.bytes.toString('latin1') : taken)
  }
  return out
}

const text = (words: string) => ({ text: words })
const command = (...pieces: unknown[]) => ({ on: 'command', pieces })
const literal = (size: number, sync: boolean, fits: boolean, ...pieces: unknown[]) => ({
  on: 'literal',
  pieces,
  size,
  sync,
  fits,
})
const bytes = (content: string) => ({ literal: Buffer.from(content, 'latin1') })

const cases: [what: string, input: string, events: unknown[]][] = [
  ['a line is a command', 'a NOOP\r\n', [command(text('a NOOP'))]],
  ['a bare LF ends one, too', 'a NOOP\nb NOOP\n', [command(text('a NOOP')), command(text('b NOOP'))]],
  ['an empty line is an empty command', '\r\n', [command(text(''))]],
  ['a CR inside stays', 'a\rb\r\r\n', [command(text('a\rb\r'))]],
  [
    'a literal interrupts a line',
    'a LOGIN {3}\r\nann {2+}\r\n\r\n\r\n',
    [
      literal(3, true, true, text('a LOGIN ')),
      literal(2, false, true, text('a LOGIN '), bytes('ann'), text(' ')),
      command(text('a LOGIN '), bytes('ann'), text(' '), bytes('\r\n'), text('')),
    ],
  ],
  [
    'an empty literal is one',
    'x {0}\r\n\r\n',
    [literal(0, true, true, text('x ')), command(text('x '), bytes(''), text(''))],
  ],
  [
    'a literal too large is not waited for',
    'x {21}\r\ny\r\n',
    [literal(21, true, false, text('x ')), command(text('y'))],
  ],
  [
    'one that comes anyway is passed over with the rest of its command',
    `x {21+}\r\n${'z'.repeat(21)} more {2+}\r\n\r\n even more\r\ny\r\n`,
    [literal(21, false, false, text('x ')), command(text('y'))],
  ],
  [
    'octets of any kind are told apart',
    'x ~{2+}\r\n\0b y\r\n',
    [
      { ...literal(2, false, true, text('x ')), binary: true },
      command(text('x '), { ...bytes('\0b'), binary: true }, text(' y')),
    ],
  ],
  [
    'a streamed literal leaves the rest of the line',
    'APPEND {5}\r\nhello\r\nb\r\n',
    [literal(5, true, true, text('APPEND ')), 'hello', command(text('')), command(text('b'))],
  ],
  ['braces that announce nothing are text', 'a {x} {5} b{5}}\r\n', [command(text('a {x} {5} b{5}}'))]],
  ['a size beyond 32 bits announces nothing', 'a {4294967296}\r\n', [command(text('a {4294967296}'))]],
  [`a line of ${limits.line} octets is read`, `${'a'.repeat(60)}\r\n`, [command(text('a'.repeat(60)))]],
  [
    'a longer one is told by its head, and the next is read',
    `${'a'.repeat(61)}\r\nb\r\n`,
    [{ on: 'too-long', pieces: [text('a'.repeat(60))] }, command(text('b'))],
  ],
  [
    'lines and literals together have a limit',
    `a {20+}\r\n${'x'.repeat(20)} {20+}\r\n${'x'.repeat(20)}${'y'.repeat(55)}\r\nb\r\n`,
    [
      literal(20, false, true, text('a ')),
      literal(20, false, true, text('a '), bytes('x'.repeat(20)), text(' ')),
      { on: 'too-long', pieces: [text('a ')] },
      command(text('b')),
    ],
  ],
]

describe('IMAP reader', () => {
  for (const [what, input, events] of cases)
    it(what, () => expect(joined(readAll([Buffer.from(input, 'latin1')]))).to.deep.equal(events))

  it('an endless line is given up', () => {
    const events = readAll(Array.from({ length: 100 }, () => Buffer.alloc(100, 'a')))
    expect(events.map(({ on }) => on)).to.deep.equal(['too-long', 'endless'])
  })

  it('a bare line takes braces as they are, and null stands for one too long', () => {
    const reader = new Reader(limits)
    reader.push(Buffer.from(`x {5}\r\n${'a'.repeat(70)}\r\nDONE\r\n`))
    expect(reader.takeBareLine()).to.equal('x {5}')
    expect(reader.takeBareLine()).to.equal(null)
    expect(reader.takeBareLine()).to.equal('DONE')
    expect(reader.takeBareLine()).to.equal(undefined)
  })

  it('how the bytes are cut never shows', () => {
    const fragments = fc.constantFrom(
      'a',
      ' ',
      '\r\n',
      '\n',
      '\r',
      '{3}\r\n',
      '{4+}\r\n',
      '{30+}\r\n',
      'APPEND {6+}\r\n',
      'x'.repeat(59),
      '}',
      '{',
    )
    const input = fc.array(fragments, { maxLength: 40, size: 'max' }).map((all) => Buffer.from(all.join(''), 'latin1'))
    const cuts = fc.array(fc.nat(400), { maxLength: 30, size: 'max' })
    fc.assert(
      fc.property(input, cuts, (whole, at) => {
        const pieces = cutAt(whole, at)
        const apart = [...whole].map((octet) => Buffer.from([octet]))
        const expected = joined(readAll([whole]))
        expect(joined(readAll(pieces))).to.deep.equal(expected)
        expect(joined(readAll(apart))).to.deep.equal(expected)
      }),
      { numRuns: 500 },
    )
  })

  it('rubbish neither throws nor piles up', () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 300, size: 'max' }), { maxLength: 30, size: 'max' })
    fc.assert(
      fc.property(chunks, (all) => {
        const reader = new Reader(limits)
        let taken: Taken | undefined
        for (const chunk of all) {
          reader.push(Buffer.from(chunk))
          for (taken = reader.take(); taken && taken.on !== 'endless'; taken = reader.take())
            if (taken.on === 'literal') taken.fits ? reader.keep() : reader.skip()
          expect(reader.waiting).to.be.at.most(limits.line + 1)
          if (taken) return // the client has to go
        }
      }),
    )
  })
})

const cutAt = (whole: Buffer, at: readonly number[]): Buffer[] => {
  const places = [0, ...at.filter((place) => place < whole.length).sort((a, b) => a - b), whole.length]
  return places.slice(1).map((end, i) => whole.subarray(places[i], end))
}
