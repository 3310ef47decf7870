/**
 * Gateways as processes on this machine, driven by the real commands: what the demo, the crash
 * test and the benchmarks stand on. Everything is on loopback and below one temporary folder.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Ports, portsFrom } from '../gateway/config/text.ts'
import { callControl, controlPath } from '../gateway/control.ts'

/** scripts/vouchsafe, whether this runs from scripts/ or from dist/scripts/. It wants a build as new as the sources. */
const here = fileURLToPath(new URL('.', import.meta.url))
const top = here.includes('/dist/') ? join(here, '../..') : join(here, '..')
const vouchsafe = join(top, 'scripts/vouchsafe')

export type Person = { address: string; password: string }

export class Gateway {
  readonly name: string
  readonly domain: string
  readonly home: string
  readonly portBase: number
  readonly ports: Ports
  private process: ChildProcess | undefined

  constructor(folder: string, name: string, domain: string, portBase: number) {
    this.name = name
    this.domain = domain
    this.home = join(folder, name.toLowerCase())
    this.portBase = portBase
    this.ports = portsFrom(portBase)
  }

  /** Runs a command on this home. @returns its JSON answer @throws Error with what it said on standard error */
  async run<Result>(args: string[], input = ''): Promise<Result> {
    const answer = await this.command([...args, '--json'], input)
    return JSON.parse(answer) as Result
  }

  /** Runs a command on this home. @param heard what it says on standard error, as it comes @returns what a person sees */
  command(args: string[], input = '', heard: (text: string) => void = () => {}): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = execFile(
        vouchsafe,
        [...args, '--home', this.home],
        { maxBuffer: 64 * 1024 ** 2 },
        (error, out, said) => (error ? reject(new Error(said.trim() || error.message)) : resolve(out)),
      )
      child.stderr?.on('data', (chunk) => heard(String(chunk)))
      child.stdin?.on('error', () => {}) // a command that reads no input may end before it is written
      child.stdin?.end(input)
    })
  }

  /** As `run`, for a command whose answer may be that something is wrong: it exits with 1 then. */
  answer<Result>(args: string[]): Promise<Result> {
    return new Promise((resolve, reject) => {
      execFile(vouchsafe, [...args, '--json', '--home', this.home], (_error, out, said) =>
        out === '' ? reject(new Error(said.trim())) : resolve(JSON.parse(out) as Result),
      )
    })
  }

  /** Asks the running gateway as a command does, and spares its start-up. */
  async ask<Result>(operation: string, args: object): Promise<Result> {
    const answer = await callControl(controlPath(this.home), operation, args, () => {})
    if (answer === undefined) throw new Error(`${this.name} does not run`)
    return answer.result as Result
  }

  init(...options: string[]): Promise<unknown> {
    const [domain, host, base] = [this.domain, '127.0.0.1', String(this.portBase)]
    return this.run(['init', '--domain', domain, '--name', this.name, '--host', host, '--port-base', base, ...options])
  }

  /** Changes one key of the configuration, by its line in the file that `init` wrote; counts from the next start. */
  set(key: string, value: string): void {
    const path = join(this.home, 'vouchsafe.toml')
    const text = readFileSync(path, 'utf8')
    const line = new RegExp(`^(?:# )?${key} = .*$`, 'm')
    if (!line.test(text)) throw new Error(`${path} has no line for ${key}`)
    writeFileSync(path, text.replace(line, `${key} = ${value}`))
  }

  async addUser(name: string, password: string): Promise<Person> {
    const made = await this.run<{ address: string }>(['user', 'add', name, '--password-stdin'], `${password}\n`)
    return { address: made.address, password }
  }

  /** Starts the process and resolves when it answers. Its log goes beside the home, which may lie on a disk that is full. */
  async start(): Promise<void> {
    const log = openSync(this.logFile, 'a', 0o600)
    const child = spawn(vouchsafe, ['serve', '--home', this.home], { stdio: ['ignore', log, log] })
    closeSync(log)
    this.process = child
    running.add(child)
    child.once('exit', () => running.delete(child))
    const ended = new Promise<never>((_resolve, reject) =>
      child.once('exit', () => reject(new Error(`${this.name} did not start:\n${this.log().slice(-32_000)}`))),
    )
    ended.catch(() => {})
    await Promise.race([this.answers(), ended])
  }

  /** SIGTERM by default. Resolves when the process has gone. @returns its exit code, null after a signal that killed it */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const child = this.process
    this.process = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    const gone = new Promise<number | null>((resolve) => child.once('exit', resolve))
    child.kill(signal)
    return gone
  }

  get pid(): number | undefined {
    return this.process?.pid
  }

  get logFile(): string {
    return `${this.home}.log`
  }

  log(): string {
    return readFileSync(this.logFile, 'utf8')
  }

  /** The certificate its mail clients see, PEM. */
  certificate(): string {
    return readFileSync(join(this.home, 'tls/certificate.pem'), 'utf8')
  }

  private async answers(): Promise<void> {
    const isWell = async () =>
      (await fetch(`http://127.0.0.1:${this.ports.health}/health`).catch(() => undefined))?.ok === true
    await until(`${this.name} answers`, isWell).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.log().slice(-32_000)}`)
    })
  }
}

/**
 * `inviter` and `accepter` become neighbours, and both have the link up when it resolves: who dialled has it first, and
 * what is asked then would not go on from the other.
 */
export const befriend = async (inviter: Gateway, accepter: Gateway): Promise<void> => {
  const { code } = await inviter.ask<{ code: string }>('link.invite', { hours: 1 })
  await accepter.ask('link.accept', { code })
  const isUp = async (one: Gateway, other: Gateway) =>
    (await one.ask<{ name: string; up: boolean }[]>('link.list', {})).some(({ name, up }) => up && name === other.name)
  await until(
    `${accepter.name} and ${inviter.name} connect`,
    async () => (await isUp(accepter, inviter)) && isUp(inviter, accepter),
  )
}

/**
 * Somebody lets another's mail in: it goes to INBOX, and after the first letter needs no credit. Who sends much
 * to a stranger waits for it to be read.
 */
export const trust = (gateway: Gateway, person: Person, other: string): Promise<unknown> =>
  gateway.run(['contact', 'add', other, '--as', person.address])

/** However this process exits, after a test that failed before its `after` say, it leaves no gateway behind. */
const running = new Set<ChildProcess>()
const temporary = new Set<string>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  for (const folder of temporary) rmSync(folder, { recursive: true, force: true })
})

/** A folder that is gone when the process ends. */
export const temporaryFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'vouchsafe-'))
  temporary.add(folder)
  return folder
}

/** Waits for a claim to become true. @throws Error that names it, after `limitMs` */
export const until = async (claim: string, isTrue: () => Promise<boolean>, limitMs = 40_000): Promise<void> => {
  const end = Date.now() + limitMs
  while (!(await isTrue())) {
    if (Date.now() > end) throw new Error(`it did not happen within ${limitMs / 1000} s: ${claim}`)
    await sleep(50)
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
