/** The last line of every run says how many tests there were: people read it, and machines do. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'

describe('the count of a run', function () {
  this.timeout(60_000) // a process of Mocha's with two workers
  const folder = mkdtempSync(join(tmpdir(), 'reporter-'))
  after(() => rmSync(folder, { recursive: true }))

  const spec = (name: string, text: string): string => {
    writeFileSync(join(folder, `${name}.test.mjs`), text)
    return join(folder, `${name}.test.mjs`)
  }
  const lastLine = (files: string[], env: NodeJS.ProcessEnv = {}): Promise<string | undefined> =>
    new Promise((resolve) => {
      const options = ['--no-config', '--exit', '--parallel', '--jobs', '2', '--node-option', 'import=tsx']
      const args = [...options, '--reporter', './test/reporter.ts', ...files]
      const child = spawn('node_modules/.bin/mocha', args, {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let out = ''
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk) => {
          out += String(chunk)
        })
      child.once('close', () => resolve(out.trimEnd().split('\n').at(-1)))
    })

  it('is its last line, behind the failures and whatever tests have said', async () => {
    const files = [
      spec('one', "it('passes', () => console.log('said'))\nit('is left out')"),
      spec('two', "it('fails', () => { throw new Error('as it should') })\nit('passes', () => {})"),
    ]
    expect(await lastLine(files)).to.equal('2 passed, 1 failed, 1 skipped')
    expect(await lastLine(files, { REPORT: 'dot' })).to.equal('2 passed, 1 failed, 1 skipped')
  })

  it('is told by every script that runs tests', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
    const running = Object.entries(scripts).filter(([, text]) => text.includes('mocha'))
    expect(running.length).to.be.above(1)
    for (const [name, text] of running) expect(text, name).to.include('--reporter ./test/reporter.ts')
  })
})
