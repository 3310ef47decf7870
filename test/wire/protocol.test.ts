/** docs/protocol.md says every field, request and code that the decoders know: whoever writes another implementation has only that. */
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import fc from 'fast-check'
import { isFinal, refusalCodes } from '../../src/refusal.ts'
import { decoders } from './whole.ts'

const text = readFileSync('docs/protocol.md', 'utf8')
/** The rows of all tables, by their first cell without what follows a comma. */
const rowsOf = (name: string): string =>
  text
    .split('\n')
    .filter((line) => line.startsWith('| ') && line.slice(2).split(/[ ,]/, 1)[0] === name)
    .join('\n')
const isNamed = (field: string, row: string): boolean => new RegExp(`[\`{ ]${field}[\`},; ?]`).test(row)

/** Where each decoder's fields stand, but for those that the text spells out in a sentence: complaintRecord, LINK1's resume. */
const rows: Record<string, string> = {
  envelopeRecord: 'ENVELOPE',
  stampRecord: 'STAMP',
  acceptedRecord: 'ACCEPTED',
  reportRecord: 'REPORT',
  pathRecord: 'PATH',
  cachedRecord: 'CACHED',
  hopRecord: 'HOP',
  rerrRecord: 'RERR',
  reachRecord: 'REACH',
  statementRecord: 'STATEMENT',
  revokedRecord: 'REVOKED',
  proceedMessage: 'PROCEED',
  commitMessage: 'COMMIT',
  arslMessage: 'ARSL',
  helloShape: '`/hello`',
  payloadShape: '`/offset`',
}

const wholeOf = (name: string): fc.Arbitrary<Record<string, unknown>> => decoders[name]?.whole ?? fc.constant({})

/** Enough that a field which may be missing is there once. */
const SAMPLES = 300

describe('docs/protocol.md', () => {
  for (const [name, row] of Object.entries(rows))
    it(`says every field of ${row}`, () => {
      const fields = new Set(fc.sample(wholeOf(name), SAMPLES).flatMap(Object.keys))
      expect(fields.size).to.be.greaterThan(0)
      expect([...fields].filter((field) => !isNamed(field, rowsOf(row)))).to.deep.equal([])
    })

  for (const name of ['decodeMessage', 'pairRequest', 'movedRequest'])
    it(`says every message of ${name}, and its fields`, () => {
      const missing = fc.sample(wholeOf(name), 20 * SAMPLES).flatMap(({ t, ...fields }) => {
        const row = rowsOf(String(t))
        return Object.keys(fields)
          .filter((field) => !isNamed(field, row))
          .map((field) => `${t}.${field}`)
      })
      expect([...new Set(missing)]).to.deep.equal([])
    })

  it('says every request of a link', () => {
    const [, union = ''] = /type Path =([\s\S]*?)\n\n/.exec(readFileSync('gateway/link/frame.ts', 'utf8')) ?? []
    const paths = [...union.matchAll(/'(\/[a-z]+)'/g)].map(([, path]) => `\`${path}\``)
    const table = text.slice(text.indexOf('### Requests'), text.indexOf('### Becoming neighbours'))
    expect(paths.filter((path) => !table.includes(`| ${path}`) && !table.includes(`, ${path} |`))).to.deep.equal([])
    expect(paths).to.have.lengthOf.above(8)
  })

  it('says every refusal code, and which are final', () => {
    const said = [...text.matchAll(/^\| `([a-z-]+)` \| (final)? ?\| \S/gm)].map(([, code, final]) => [
      code,
      final !== undefined,
    ])
    expect(said).to.deep.equal(refusalCodes.map((code) => [code, isFinal(code)]))
  })
})
