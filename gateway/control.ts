/**
 * The control socket: how the command line speaks to the running gateway.
 *
 * A Unix socket, mode 0600 in a home of mode 0700: whoever may open it may read the
 * keys as well, so there is no further login. JSON lines, one call per connection:
 *
 *   → {"version":"0.1.0","name":"user.add","args":{…}}
 *   ← {"progress":{…}}            any number of times
 *   ← {"result":…}                or
 *   ← {"refused":{"code":…,"detail":…}}
 *
 * A caller that goes away does not stop an operation: what was begun is finished.
 */
import { chmod, unlink } from 'node:fs/promises'
import { createConnection, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { isRefusalCode, Refusal } from '../src/refusal.ts'
import { unlessThere } from '../store/file.ts'
import { version } from './version.ts'

export type Progress = (event: object) => void
export type ServedOperation = (args: object, progress: Progress) => Promise<unknown>
export type Control = { close(): Promise<void> }

/** A call that did not succeed for a reason of its own: a sentence for the person who asked. */
export class ControlError extends Error {
  override readonly name = 'ControlError'
}

type Call = { version: string; name: string; args: object }
type Answer =
  | { progress: object }
  | { result: unknown }
  | { refused: { code: string; detail: string } }
  | { failed: string }

const requestLimitBytes = 4 * 1024 * 1024 // a pasted key or card fits many times over
const socketPathLimit = 107 // sun_path of unix(7), less its NUL

export const controlPath = (home: string): string => join(home, 'control.sock')

/** Serves operations by name until closed. `failed` hears what went wrong inside (for the log). */
export const serveControl = async (
  path: string,
  operations: Record<string, ServedOperation>,
  failed: (name: string, error: unknown) => void,
): Promise<Control> => {
  if (Buffer.byteLength(path) > socketPathLimit)
    throw new ControlError(
      `The path of the control socket is longer than ${socketPathLimit} bytes: ${path}. Use a shorter --home.`,
    )
  await unlink(path).catch(unlessThere) // left by a crash: the home's lock says that nobody serves it
  const silent = new Set<Socket>() // connected, and has not asked for anything yet
  const running = new Set<Promise<void>>()

  const server = createServer((socket) => {
    silent.add(socket)
    socket.on('close', () => silent.delete(socket))
    socket.on('error', () => socket.destroy()) // the caller went away
    firstLine(socket, (line) => {
      silent.delete(socket)
      const call = callOf(line)
      if (!call) return void socket.destroy()
      const done = answer(socket, call, operations, failed).finally(() => running.delete(done))
      running.add(done)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    const mask = process.umask(0o177) // never open to others, not even for a moment
    server.listen(path, resolve)
    process.umask(mask)
  })
  await chmod(path, 0o600)

  return {
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of silent) socket.destroy()
      await Promise.all(running)
      await closed
    },
  }
}

/** A connection that ends without a line was somebody who looked whether we are here. */
const firstLine = (socket: Socket, then: (line: string) => void): void => {
  const decoder = new TextDecoder()
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += decoder.decode(chunk, { stream: true })
    const end = text.indexOf('\n')
    if (end < 0 && text.length > requestLimitBytes) socket.destroy()
    if (end < 0) return
    socket.removeAllListeners('data').resume() // what follows is of no interest, but its end is
    then(text.slice(0, end))
  })
}

const callOf = (line: string): Call | undefined => {
  try {
    const call: unknown = JSON.parse(line)
    const { version, name, args } = call as Record<string, unknown>
    const isCall = typeof version === 'string' && typeof name === 'string' && typeof args === 'object' && args !== null
    return isCall ? { version, name, args } : undefined
  } catch {
    return undefined
  }
}

const answer = async (
  socket: Socket,
  call: Call,
  operations: Record<string, ServedOperation>,
  failed: (name: string, error: unknown) => void,
): Promise<void> => {
  const write = (line: Answer) => {
    if (socket.writable) socket.write(`${JSON.stringify(line)}\n`)
  }
  const operation = Object.hasOwn(operations, call.name) ? operations[call.name] : undefined
  if (call.version !== version)
    write({
      failed: `The running gateway is version ${version}, this command is ${call.version}. Restart the gateway first.`,
    })
  else if (!operation) write({ failed: `The running gateway knows no operation ${call.name}.` })
  else
    try {
      write({ result: (await operation(call.args, (event) => write({ progress: event }))) ?? null })
    } catch (error) {
      if (error instanceof Refusal) write({ refused: { code: error.code, detail: error.detail } })
      else {
        failed(call.name, error)
        write({ failed: error instanceof Error ? error.message : String(error) })
      }
    }
  socket.destroySoon() // when all is written, whatever the caller does
}

/**
 * Calls an operation of the running gateway.
 *
 * @returns undefined if no gateway listens there, else `{ result }`
 * @throws Refusal as the operation threw it, ControlError for any other failure
 */
export const callControl = async (
  path: string,
  name: string,
  args: object,
  progress: Progress = () => {},
): Promise<{ result: unknown } | undefined> => {
  const socket = await dial(path)
  if (!socket) return undefined
  try {
    socket.write(`${JSON.stringify({ version, name, args } satisfies Call)}\n`)
    for await (const line of createInterface({ input: socket })) {
      const said = JSON.parse(line) as Answer
      if ('progress' in said) progress(said.progress)
      else if ('result' in said) return said
      else if ('refused' in said) throw refusalOf(said.refused)
      else throw new ControlError(said.failed)
    }
    throw new ControlError('The gateway stopped before it answered. Look at its log, and ask again.')
  } finally {
    socket.destroy()
  }
}

/** Whether a gateway answers there. */
export const isServed = async (path: string): Promise<boolean> => {
  const socket = await dial(path)
  socket?.destroy()
  return socket !== undefined
}

/** Undefined if nobody listens: no socket, or one that a crash left behind. */
const dial = (path: string): Promise<Socket | undefined> =>
  new Promise((resolve, reject) => {
    const socket = createConnection(path)
    socket.once('connect', () => {
      socket.removeAllListeners('error').on('error', () => socket.destroy())
      resolve(socket)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED' || error.code === 'EINVAL') resolve(undefined)
      else if (error.code === 'EACCES')
        reject(new ControlError(`No permission to open ${path}: run this as the user the gateway runs as.`))
      else reject(error)
    })
  })

const refusalOf = ({ code, detail }: { code: string; detail: string }): Error =>
  isRefusalCode(code) ? new Refusal(code, detail) : new ControlError(detail)
