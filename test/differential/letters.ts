/**
 * Awkward messages, many: those of the corpus, and others made of them by chance. Two in one, one in another, cut off
 * somewhere, the header of one above the body of another, lines that come twice.
 */
import { corpus, type Sample } from '../fixture/corpus.ts'
import { type Random, seeded } from '../village/random.ts'

/** Larger ones say nothing that small ones do not. */
const BYTES_MAX = 20_000

/** @param except names of the corpus that nothing is made of: what is odd about them would be odd about all */
export const manyLetters = (seed: number, count: number, except: ReadonlySet<string>): Sample[] => {
  const random = seeded(seed)
  const base = corpus.filter(({ name, bytes, isBare }) => !isBare && !except.has(name) && bytes.length < BYTES_MAX)
  const made = Array.from({ length: count }, (_, n) => {
    const { how, make } = random.pick(ways)
    const [one, two] = [random.pick(base), random.pick(base)]
    return { name: `${n}: ${one.name}, ${how} ${two.name}`, bytes: make(random, one.bytes, two.bytes) }
  })
  // APPEND takes no NUL (RFC 3501 §9, CHAR8).
  return [...corpus.filter(({ bytes }) => bytes.length < BYTES_MAX && !bytes.includes(0)), ...made]
}

const ways: { how: string; make(random: Random, one: Buffer, two: Buffer): Buffer }[] = [
  { how: 'beside', make: (_, one, two) => wrapped('mixed', [asMessage(one), asMessage(two)]) },
  { how: 'in a digest with', make: (_, one, two) => wrapped('digest', [`\r\n${text(one)}`, `\r\n${text(two)}`]) },
  { how: 'forwarded above', make: (_, one, two) => wrapped('mixed', [`${partOf(two)}`, asMessage(one)]) },
  { how: 'its parts among those of', make: (_, one, two) => wrapped('alternative', [partOf(one), partOf(two)]) },
  { how: 'its header above the body of', make: (_, one, two) => Buffer.from(headOf(one) + bodyOf(two), 'latin1') },
  {
    how: 'cut off, not like',
    make: (random, one) => {
      const lines = text(one).split('\r\n')
      return Buffer.from(`${lines.slice(0, random.between(1, lines.length)).join('\r\n')}\r\n`, 'latin1')
    },
  },
  {
    how: 'with a line twice, not like',
    make: (random, one) => {
      const lines = text(one).split('\r\n')
      const at = random.between(0, lines.length - 1)
      lines.splice(at, 0, lines[at] ?? '')
      return Buffer.from(lines.join('\r\n'), 'latin1')
    },
  },
]

const text = (bytes: Buffer): string => bytes.toString('latin1')
const headEnd = (bytes: Buffer): number => {
  const at = bytes.indexOf('\r\n\r\n')
  return at < 0 ? bytes.length : at + 4
}
const headOf = (bytes: Buffer): string => text(bytes.subarray(0, headEnd(bytes)))
const bodyOf = (bytes: Buffer): string => text(bytes.subarray(headEnd(bytes)))
const asMessage = (bytes: Buffer): string => `Content-Type: message/rfc822\r\n\r\n${text(bytes)}`

/** A message as a part: its MIME fields and its body. */
const partOf = (bytes: Buffer): string => {
  const fields = headOf(bytes).split(/\r\n(?![ \t])/)
  return `${fields.filter((field) => /^content-/i.test(field)).join('\r\n')}\r\n\r\n${bodyOf(bytes)}`.replace(
    /^\r\n\r\n/,
    '\r\n',
  )
}

const wrapped = (kind: string, parts: readonly string[]): Buffer => {
  const head = [
    'From: Anna Example <anna@a.test>',
    'Date: Tue, 01 Jul 2025 10:52:37 +0200',
    'MIME-Version: 1.0',
    `Content-Type: multipart/${kind}; boundary="=_around_all"`,
  ]
  const all = parts.map((part) => `--=_around_all\r\n${part}\r\n`).join('')
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${all}--=_around_all--\r\n`, 'latin1')
}
