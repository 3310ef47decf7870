/** The command line as a process: what people run, so it wants `npm run build`, as `npm test` does first. */
import { type ChildProcess, spawn } from 'node:child_process'

export type Said = { code: number | null; out: string; err: string }

/** Ten times what any command takes here: one that hangs is killed, and has no exit code. */
const MOST_MS = 60_000

const start = (args: string[], home: string, options: { env?: NodeJS.ProcessEnv; timeout?: number }): ChildProcess =>
  spawn('scripts/vouchsafe', [...args, '--home', home], {
    ...options,
    env: { ...process.env, ...options.env },
    killSignal: 'SIGKILL',
    stdio: ['pipe', 'pipe', 'pipe'],
  })

export const vouchsafe = (home: string, args: string[], input = '', env: NodeJS.ProcessEnv = {}): Promise<Said> =>
  new Promise((resolve) => {
    const child = start(args, home, { env, timeout: MOST_MS })
    const said: Said = { code: null, out: '', err: '' }
    child.stdout?.on('data', (chunk) => {
      said.out += String(chunk)
    })
    child.stderr?.on('data', (chunk) => {
      said.err += String(chunk)
    })
    child.stdin?.on('error', () => {}) // it may end without having read
    child.stdin?.end(input)
    child.once('close', (code) => resolve({ ...said, code }))
  })

/** @returns its JSON answer @throws Error with what it said */
export const ask = async <Result>(home: string, args: string[], input = ''): Promise<Result> => {
  const { code, out, err } = await vouchsafe(home, [...args, '--json'], input)
  if (code !== 0) throw new Error(`${args.join(' ')}: ${code} ${err}`)
  return JSON.parse(out) as Result
}

/** Starts the gateway; resolves when its log says that it runs. `stop` answers its exit code. */
export const serve = (
  home: string,
): Promise<{ stop(signal?: NodeJS.Signals): Promise<number | null>; log(): string }> =>
  new Promise((resolve, reject) => {
    const child = start(['serve'], home, {})
    let log = ''
    const gone = new Promise<number | null>((end) => child.once('exit', end))
    const stop = (signal: NodeJS.Signals = 'SIGTERM') => {
      child.kill(signal)
      return gone
    }
    const read = (chunk: unknown) => {
      log += String(chunk)
      if (log.includes('"event":"started"')) resolve({ stop, log: () => log })
    }
    child.stdout?.on('data', read)
    child.stderr?.on('data', read)
    gone.then(() => reject(new Error(`it did not start: ${log}`)))
  })
