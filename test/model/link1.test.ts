/**
 * LINK1 as built, checked by Spin over all interleavings of a small scope: link1.pml says what it claims. Each
 * mutant leaves one thing out and must fail, or the model proves nothing.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import { need } from '../peer/need.ts'

const model = resolve('test/model/link1.pml')

/** @returns Spin's verdict: how many errors, and how many states it saw */
const check = (mutant: string | undefined): { errors: number; states: number } => {
  const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-spin-'))
  const run = (program: string, ...args: string[]) =>
    execFileSync(program, args, { cwd: folder, stdio: 'pipe' }).toString()
  try {
    run('spin', '-a', ...(mutant ? [`-D${mutant}`] : []), model)
    run('gcc', '-O1', '-w', '-DSAFETY', '-DNOFAIR', '-o', 'pan', 'pan.c')
    // -E: a world in which nothing is left to be done has ended well. -m: no search ends for its depth.
    const report = run('./pan', '-E', '-m10000')
    expect(report, 'the search was whole').not.to.match(/max search depth too small|out of memory/)
    const [, errors = ''] = /errors: (\d+)/.exec(report) ?? []
    const [, states = ''] = /(\d+) states, stored/.exec(report) ?? []
    return { errors: Number.parseInt(errors, 10), states: Number.parseInt(states, 10) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

describe('the model of LINK1', function () {
  this.timeout(300_000)
  before(function () {
    need(this, 'spin', 'spin')
    need(this, 'gcc', 'gcc')
  })

  it('holds: no false alarm, and a clone that had a link is found out at the next dial', () => {
    const { errors, states } = check(undefined)
    expect(errors).to.equal(0)
    expect(states, 'a world worth looking at').to.be.greaterThan(100_000)
  })

  const mutants: [name: string, what: string][] = [
    ['ONESTEP', 'the guest forgets the old secret before the host has moved on'],
    ['PLAINONLY', 'the guest does not show its tentative secret'],
    ['HOSTPLAIN', 'a host forgets that it was a guest itself'],
    ['EAGERHOST', 'the host moves on before the guest has the new secret'],
    ['LATEPROOF', 'a proof counts on a connection that has been given up'],
    ['LATECOMMIT', 'a COMMIT counts on a connection that has been given up'],
    ['STATIC', 'the secret never moves on'],
  ]
  for (const [name, what] of mutants)
    it(`does not hold if ${what}`, () => expect(check(name).errors).to.be.greaterThan(0))
})
