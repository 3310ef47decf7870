/** A submission edge on ephemeral ports with a web of three addresses, and a raw client to talk to it. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { connect as connectTcp, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { createLog } from '../../gateway/log.ts'
import { createMetrics } from '../../gateway/metrics.ts'
import type { Account } from '../../gateway/smtp/connection.ts'
import {
  type Smtp,
  type SmtpConfig,
  type SmtpOptions,
  startSmtp,
  type Times,
  usualTimes,
} from '../../gateway/smtp/server.ts'
import type { Found } from '../../gateway/smtp/session.ts'
import type { Submission } from '../../gateway/smtp/submission.ts'
import { throttleLogins } from '../../gateway/throttle.ts'
import { selfSigned } from '../../gateway/tls.ts'
import { type BodyDraft, discardDraft, startBody } from '../../store/spool.ts'

export const alice: Account = { id: 1, address: 'alice@a.test', entityId: 'e'.repeat(52) }
export const password = 'correct horse'
/** What it has been given that password for. */
export const phone = { id: 1, label: 'phone' }

const web: Record<string, Found> = {
  'alice@a.test': 'here',
  'nobody@a.test': 'missing',
  'postmaster@a.test': 'here',
  'bob@b.test': 'known',
  'ülf@b.test': 'known',
  'max@köln.test': 'known',
  'zoe@xn--mnchen-3ya.test': 'known',
  'stranger@nowhere.test': 'unknown',
  'slow@far.test': 'undecided',
}

export type Edge = {
  /** Ports: STARTTLS, TLS, and the trusted one where there is one. */
  ports: number[]
  submissions: Submission[]
  log: string[]
  home: string
  /** The bytes that would be delivered. */
  body(draft: BodyDraft): Promise<Buffer>
  /** Spools on the disk that nobody finished. */
  spools(): Promise<string[]>
  metric(name: string): Promise<string[]>
  useTls: Smtp['useTls']
  stop(): Promise<void>
  close(): Promise<void>
}

const pair = selfSigned(['localhost', 'a.test'], ['127.0.0.1', '::1'])

export const openEdge = async (
  config: Partial<SmtpConfig> = {},
  options: Partial<Omit<SmtpOptions, 'config'>> = {},
  times: Partial<Times> = {},
): Promise<Edge> => {
  const home = await mkdtemp(join(tmpdir(), 'vouchsafe-smtp-'))
  const submissions: Submission[] = []
  const log: string[] = []
  const metrics = createMetrics()
  const judge = throttleLogins({ failures: 5, windowMs: 60_000 })
  const smtp = await startSmtp(
    {
      config: {
        listeners: [
          { host: '127.0.0.1', port: 0, security: 'starttls' },
          { host: '127.0.0.1', port: 0, security: 'tls' },
        ],
        domain: 'a.test',
        sizeLimit: 64 << 20,
        recipientLimit: 100,
        messagesPerMinute: 300,
        sessionLimit: 100,
        sessionsPerAddress: 100,
        plainLoopback: true,
        trusted: null,
        ...config,
      },
      tls: await pair,
      login: (address, given, remote) =>
        judge(address, remote, async () =>
          address === alice.address && given === password ? { account: alice, by: phone } : undefined,
        ),
      account: async (address) => (address === alice.address ? alice : undefined),
      isThere: () => true,
      levelOf: () => 'free',
      lookup: async (address) => web[address] ?? 'unknown',
      submit: async (submission) => {
        submissions.push(submission)
        return undefined
      },
      discard: (draft) => discardDraft(home, draft),
      startBody: () => startBody(home),
      log: createLog({ level: 'debug', format: 'json' }, { write: (line) => log.push(line) }),
      metrics,
      ...options,
    },
    { ...usualTimes, ...times },
  )
  return {
    ports: smtp.addresses.map(({ port }) => port),
    submissions,
    log,
    home,
    body: async (draft) => ('bytes' in draft ? draft.bytes : await readFile(join(home, 'blob', draft.file))),
    spools: () => readdir(join(home, 'blob', 'tmp')).catch(() => []),
    metric: async (name) => (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith(name)),
    useTls: smtp.useTls,
    stop: smtp.close,
    close: async () => {
      await smtp.close()
      await rm(home, { recursive: true, force: true })
    },
  }
}

/** Edges and clients of a test; both are gone after each. */
export const atTheEdge = () => {
  const edges: Edge[] = []
  const clients: Raw[] = []
  afterEach(async () => {
    for (const client of clients.splice(0)) client.end()
    for (const edge of edges.splice(0)) await edge.close()
  })
  const open: typeof openEdge = async (...args) => {
    const edge = await openEdge(...args)
    edges.push(edge)
    return edge
  }
  const dial = async (port = 0, isTls = false): Promise<Raw> => {
    const client = await Raw.dial(port, isTls)
    clients.push(client)
    return client
  }
  /** A client that has logged in. */
  const enter = async (edge: Edge): Promise<Raw> => {
    const client = await dial(edge.ports[0])
    await client.logIn()
    return client
  }
  return { clients, open, dial, enter }
}

/** A client that says exactly what it is told to, cut into writes as it is told. */
export class Raw {
  socket: Socket
  received = ''
  greeting = ''
  isClosed = false
  private waiting: (() => void)[] = []

  private constructor(socket: Socket) {
    this.socket = this.listen(socket)
  }

  /** Connected, and the greeting read. */
  static async dial(port: number, isTls = false, host = '127.0.0.1'): Promise<Raw> {
    const socket = isTls ? connectTls({ port, host, rejectUnauthorized: false }) : connectTcp(port, host)
    socket.setNoDelay(true)
    const raw = new Raw(socket)
    raw.greeting = await raw.reply()
    return raw
  }

  write(bytes: string | Buffer): void {
    this.socket.write(bytes)
  }

  /** Sends a line and reads the reply to it. */
  async say(line: string): Promise<string> {
    this.write(`${line}\r\n`)
    return this.reply()
  }

  /** The next whole reply, its lines joined by LF; throws at the end of the session. */
  async reply(): Promise<string> {
    for (;;) {
      const whole = /^(?:\d{3}-[^\n]*\n)*\d{3} [^\n]*\n/.exec(this.received)?.[0]
      if (whole !== undefined) {
        this.received = this.received.slice(whole.length)
        return whole.replaceAll('\r\n', '\n').trimEnd()
      }
      if (this.isClosed) throw new Error(`closed, with ${JSON.stringify(this.received)} left`)
      await this.change()
    }
  }

  async closed(): Promise<void> {
    while (!this.isClosed) await this.change()
  }

  async startTls(): Promise<void> {
    this.socket.removeAllListeners()
    const socket = connectTls({ socket: this.socket, rejectUnauthorized: false })
    this.socket = this.listen(socket)
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
  }

  /** EHLO and AUTH PLAIN. */
  async logIn(): Promise<void> {
    await this.say('EHLO client.test')
    const token = Buffer.from(`\0${alice.address}\0${password}`).toString('base64')
    const reply = await this.say(`AUTH PLAIN ${token}`)
    if (!reply.startsWith('235')) throw new Error(reply)
  }

  /** One message as it stands, its final dot included. @returns the last reply */
  async submit(data: string | Buffer, to = ['bob@b.test'], from = alice.address): Promise<string> {
    const lines = [`MAIL FROM:<${from}>`, ...to.map((address) => `RCPT TO:<${address}>`), 'DATA']
    for (const line of lines) {
      const reply = await this.say(line)
      if (!/^[23]/.test(reply)) return reply
    }
    this.write(data)
    return this.reply()
  }

  end(): void {
    this.socket.destroy()
  }

  private change(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve))
  }

  private listen(socket: Socket): Socket {
    const tell = () => {
      for (const wake of this.waiting.splice(0)) wake()
    }
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString()
      tell()
    })
    socket.on('close', () => {
      this.isClosed = true
      tell()
    })
    socket.on('error', () => {})
    return socket
  }
}
