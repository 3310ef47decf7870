import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Control, ControlError, callControl, serveControl } from '../../gateway/control.ts'
import { Refusal } from '../../src/refusal.ts'

describe('control socket', () => {
  const folder = mkdtempSync(join(tmpdir(), 'control-'))
  const path = join(folder, 'control.sock')
  const failed: unknown[] = []
  let begun = () => {}
  let control: Control | undefined

  const operations = {
    echo: async (args: object) => args,
    nothing: async () => undefined,
    count: async (_args: object, progress: (event: object) => void) => {
      for (let done = 1; done <= 3; done++) progress({ done })
      return 'counted'
    },
    refuse: async () => {
      throw new Refusal('link-unknown', 'nobody of that name')
    },
    fail: async () => {
      throw new TypeError('a bug')
    },
    slow: () => {
      begun()
      return new Promise((resolve) => setTimeout(resolve, 100, 'late'))
    },
  }

  beforeEach(async () => {
    control = await serveControl(path, operations, (name, error) => failed.push([name, error]))
  })
  afterEach(() => control?.close())
  after(() => rmSync(folder, { recursive: true }))

  it('is for its owner alone', () => expect(statSync(path).mode & 0o777).to.equal(0o600))

  it('carries arguments and answers of any text and size', async () => {
    const args = { text: 'line\nbreak ü 🂡', many: Array.from({ length: 50_000 }, (_, at) => `row ${at}`) }
    expect(await callControl(path, 'echo', args)).to.deep.equal({ result: args })
  })

  it('an operation without an answer answers null', async () =>
    expect(await callControl(path, 'nothing', {})).to.deep.equal({ result: null }))

  it('tells progress in order', async () => {
    const seen: object[] = []
    await callControl(path, 'count', {}, (event) => seen.push(event))
    expect(seen).to.deep.equal([{ done: 1 }, { done: 2 }, { done: 3 }])
  })

  it('a refusal arrives as one', async () => {
    const error = await callControl(path, 'refuse', {}).catch((error: unknown) => error)
    expect(error).to.be.instanceOf(Refusal).and.include({ code: 'link-unknown', detail: 'nobody of that name' })
  })

  it('a bug is told to both sides, and ends nothing', async () => {
    const error = await callControl(path, 'fail', {}).catch((error: unknown) => error)
    expect(error).to.be.instanceOf(ControlError)
    expect(failed.at(-1)).to.have.property('0', 'fail')
    expect(await callControl(path, 'echo', {})).to.deep.equal({ result: {} })
  })

  it('an unknown name is no way into the object behind', async () => {
    for (const name of ['toString', '__proto__', 'constructor', 'none']) {
      const error = await callControl(path, name, {}).catch((error: unknown) => error)
      expect(String(error)).to.include(`no operation ${name}`)
    }
  })

  it('another version is told so', async () => {
    const line = await speak(path, '{"version":"9.9.9","name":"echo","args":{}}\n')
    expect(line).to.match(/is version .*, this command is 9\.9\.9/)
  })

  it('garbage, and a caller who says nothing, end their own call alone', async () => {
    for (const text of ['GET / HTTP/1.1\n', 'null\n', '{"name":"echo"}\n', '[]\n', '\n'])
      expect(await speak(path, text), text).to.equal('')
    createConnection(path).end()
    createConnection(path) // stays, and does not hold the close
    expect(await callControl(path, 'echo', { x: 1 })).to.deep.equal({ result: { x: 1 } })
  })

  it('is undefined where nobody listens', async () => {
    expect(await callControl(join(folder, 'none.sock'), 'echo', {})).to.equal(undefined)
    await control?.close()
    expect(await callControl(path, 'echo', {})).to.equal(undefined)
  })

  it('what a crash left behind is taken over', async () => {
    const stale = join(folder, 'stale.sock')
    const crashed = createServer().listen(stale)
    await new Promise((resolve) => crashed.once('listening', resolve))
    crashed.unref() // its file stays, as after SIGKILL
    const again = await serveControl(stale, operations, () => {})
    expect(await callControl(stale, 'echo', { x: 2 })).to.deep.equal({ result: { x: 2 } })
    await again.close()
  })

  it('closing waits for what was begun', async () => {
    const isBegun = new Promise<void>((resolve) => (begun = resolve))
    const call = callControl(path, 'slow', {})
    await isBegun
    await control?.close()
    expect(await call).to.deep.equal({ result: 'late' })
  })

  it('a path too long for a socket is refused with the fix', async () => {
    const error = await serveControl(join(folder, 'x'.repeat(120)), {}, () => {}).catch((error: unknown) => error)
    expect(String(error)).to.include('shorter --home')
  })
})

/** Sends bytes and gathers what comes until the other side closes. */
const speak = (path: string, text: string): Promise<string> =>
  new Promise((resolve) => {
    let heard = ''
    createConnection(path)
      .on('data', (chunk) => {
        heard += String(chunk)
      })
      .on('error', () => {})
      .on('close', () => resolve(heard))
      .write(text)
  })
