/**
 * A small web for trying things out: real gateways, each a process with a home of its own below one
 * temporary folder, on loopback, driven by the real command line. The demo, the crash test and the
 * benchmarks stand on it. Only processes started here are ever signalled, by their process id.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The command line as built beside this file: scripts/trial.js → gateway/cli/vouchsafe.js. */
const program = fileURLToPath(new URL('../gateway/cli/vouchsafe.js', import.meta.url))

export type Ports = { smtp: number; smtps: number; imap: number; imaps: number; link: number; health: number }

export type TrialGateway = {
  name: string
  domain: string
  home: string
  base: number
  ports: Ports
  /** Runs one command and reads its `--json` answer; rejects with what it said on standard error. */
  command<T>(words: string[], input?: string): Promise<T>
  /** Starts `serve` and resolves once /health answers. */
  serve(): Promise<void>
  /** SIGTERM, and waits for the orderly end. */
  stop(): Promise<void>
  /** SIGKILL, at once. */
  kill(): Promise<void>
  pid(): number | undefined
  /** The certificate mail clients see, PEM. */
  certificate(): Promise<string>
}

export type Trial = {
  folder: string
  gateway(name: string, options?: GatewayOptions): Promise<TrialGateway>
  close(): Promise<void>
}
export type GatewayOptions = { home?: string; extra?: string[] }

export const openTrial = async (): Promise<Trial> => {
  const folder = await mkdtemp(join(tmpdir(), 'vouchsafe-'))
  const gateways: TrialGateway[] = []
  return {
    folder,
    async gateway(name, options = {}) {
      const made = await makeGateway(folder, name, options)
      gateways.push(made)
      return made
    },
    async close() {
      await Promise.all(gateways.map((one) => one.stop()))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Makes two gateways neighbours with the commands an administrator would use. `a` accepts, so `a` dials. */
export const befriend = async (a: TrialGateway, host: TrialGateway): Promise<{ code: string }> => {
  const { code } = await host.command<{ code: string }>(['link', 'invite'])
  await a.command(['link', 'accept', code])
  return { code }
}

const makeGateway = async (
  folder: string,
  name: string,
  { home = join(folder, name), extra = [] }: GatewayOptions,
): Promise<TrialGateway> => {
  const domain = `${name}.test`
  const base = await freeBase()
  const ports = {
    smtp: base + 25,
    smtps: base + 46,
    imap: base + 14,
    imaps: base + 93,
    link: base + 40,
    health: base + 80,
  }
  let child: ChildProcess | undefined

  const command = <T>(words: string[], input = ''): Promise<T> =>
    new Promise((resolve, reject) => {
      const run = execFile(process.execPath, [program, ...words, '--home', home, '--json'], (error, out, err) => {
        if (error) reject(new Error(`vouchsafe ${words.join(' ')} at ${name}: ${err.trim() || error.message}`))
        else resolve(JSON.parse(out) as T)
      })
      run.stdin?.end(input)
    })

  const serve = async () => {
    const log = createWriteStream(join(folder, `${name}.log`), { flags: 'a' })
    const started = spawn(process.execPath, [program, 'serve', '--home', home], { stdio: ['ignore', 'pipe', 'pipe'] })
    started.stdout.pipe(log, { end: false })
    started.stderr.pipe(log, { end: false })
    child = started
    await untilHealthy(ports.health, started, join(folder, `${name}.log`))
  }

  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    const ending = child
    child = undefined
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return
    const ended = new Promise((resolve) => ending.once('exit', resolve))
    ending.kill(signal)
    await ended
  }

  const hosts = ['--host', '127.0.0.1', '--net', 'trial', '--name', `${name}.test`]
  await command(['init', '--domain', domain, '--port-base', String(base), ...hosts, ...extra])
  return {
    name,
    domain,
    home,
    base,
    ports,
    command,
    serve,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    pid: () => child?.pid,
    certificate: () => readFile(join(home, 'tls', 'certificate.pem'), 'utf8'),
  }
}

const untilHealthy = async (port: number, child: ChildProcess, log: string): Promise<void> => {
  const until = Date.now() + 20_000
  while (Date.now() < until) {
    if (child.exitCode !== null) break
    const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined)
    if (answer) return
    await pause(50)
  }
  throw new Error(`the gateway did not start; the end of its log:\n${(await readFile(log, 'utf8')).slice(-2000)}`)
}

/** A base from which every port that a gateway takes is free now. */
const freeBase = async (): Promise<number> => {
  for (;;) {
    const base = 20_000 + 100 * Math.floor(Math.random() * 120) // below the ports that the system hands out itself
    const free = await Promise.all([14, 25, 40, 46, 80, 93].map((offset) => isFree(base + offset)))
    if (free.every(Boolean)) return base
  }
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Asks until the answer is not undefined. @throws Error naming what was waited for */
export const until = async <T>(what: string, withinMs: number, ask: () => Promise<T | undefined>): Promise<T> => {
  const end = Date.now() + withinMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (Date.now() > end) throw new Error(`waited ${withinMs / 1000} s in vain: ${what}`)
    await pause(40)
  }
}
