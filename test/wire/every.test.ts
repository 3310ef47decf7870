/**
 * What holds for every decoder of what others send: the ones in src/wire, those of a link's frames, and those of
 * statements and letters in src/identity. One that is added and not held to it fails here.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { Refusal } from '../../src/refusal.ts'
import { decoders } from './whole.ts'

const names = new Set(['record-malformed', 'record-type', 'record-version'])

/** What was read, or the refusal's name; whatever else is thrown goes through, and is a bug. */
const outcome = (read: () => unknown): unknown => {
  try {
    return read()
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}
const isNamed = (got: unknown): boolean => (typeof got === 'string' ? names.has(got) : typeof got === 'object')

describe('wire: every decoder', function () {
  this.timeout(60_000)
  for (const [name, { read, whole }] of Object.entries(decoders)) {
    const travelled = whole.map((fields) => JSON.parse(JSON.stringify({ v: 1, ...fields })))

    it(`${name}: reads what has its shape as it was written, and leaves alone what it does not know`, () =>
      fc.assert(
        fc.property(whole, fc.dictionary(fc.string(), fc.jsonValue()), (fields, later) => {
          const unknown = Object.entries(later).map(([key, value]) => [`later ${key}`, value])
          const sent = JSON.stringify({ ...Object.fromEntries(unknown), v: 1, ...fields })
          expect(read(JSON.parse(sent))).to.deep.equal(fields)
        }),
      ))

    it(`${name}: refuses every other version as that`, () =>
      fc.assert(
        fc.property(travelled, fc.option(fc.jsonValue(), { nil: undefined }), (value, v) => {
          fc.pre(v !== 1)
          expect(outcome(() => read({ ...value, v }))).to.equal('record-version')
        }),
      ))

    it(`${name}: reads or refuses by name whatever it is given`, () =>
      fc.assert(
        fc.property(
          travelled,
          fc.jsonValue(),
          fc.nat(),
          fc.constantFrom('alone', 'in', 'out'),
          (value, other, at, how) => {
            const fields = Object.keys(value)
            const field = fields[at % fields.length] ?? 'v'
            const { [field]: _, ...without } = value
            const given = how === 'alone' ? other : how === 'in' ? { ...value, [field]: other } : without
            expect(isNamed(outcome(() => read(given)))).to.equal(true)
          },
        ),
        { numRuns: 300 },
      ))
  }
})

const sources = (folder: string): [name: string, text: string][] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => [name, readFileSync(`${folder}/${name}`, 'utf8')])

describe('wire: no decoder without its properties', () => {
  /** Neither reads what others sent. */
  const others = new Set(['encodeMessage', 'isHostPort', 'hostPort', 'isReachAsk', 'about'])

  it('in src/wire each export that is a function stands in the table', async () => {
    for (const [file] of sources('src/wire')) {
      if (file === 'shape.ts') continue // what they are made of
      const exported: Record<string, unknown> = await import(`../../src/wire/${file}`)
      for (const [name, one] of Object.entries(exported))
        if (typeof one === 'function' && !others.has(name)) expect(decoders, file).to.have.property(name)
    }
  })

  it('in gateway/link each shape of a frame does', async () => {
    const exported = Object.keys(await import('../../gateway/link/frame.ts'))
    for (const name of exported.filter((one) => one.endsWith('Shape'))) expect(decoders).to.have.property(name)
  })

  it('nobody else outside src/wire makes a shape that reads from outside', () => {
    const makers = [...sources('src'), ...sources('gateway')]
      .filter(
        ([name, text]) =>
          !name.startsWith('wire/') && /import \{[^}]*\brecord\b[^}]*\} from '[^']*wire\/shape/.test(text),
      )
      .map(([name]) => name)
    expect(makers).to.have.members(['link/frame.ts', 'link/call.ts']) // call.ts: a single number, `offset`
  })

  it('in src/identity and beside the links, each that reads a text or bytes has a test of properties', () => {
    const readers = [...sources('src/identity'), ...sources('src/link'), ...sources('gateway/link')].flatMap(
      ([, text]) =>
        [...text.matchAll(/^export const ((?:read|decode|verify|claim)[A-Z]\w*)/gm)].map(([, name = '']) => name),
    )
    const tests = sources('test').filter(([, text]) => text.includes("from 'fast-check'"))
    const tested = (name: string) => tests.some(([, text]) => text.includes(name))
    /** What the owner types; and what only takes bytes off a stream. */
    const no = ['readWords', 'readWhole']
    expect(readers).to.include.members(['readCard', 'readRekey', 'readComplaint', 'verifyRecord', 'decodeInvitation'])
    expect(readers.filter((name) => !tested(name) && !no.includes(name))).to.deep.equal([])
  })
})
