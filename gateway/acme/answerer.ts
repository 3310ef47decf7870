/**
 * Answers the authority at the port that its names lead to (http-01, RFC 8555 §8.3): open only while it asks, so that
 * the port is free for others the rest of the time.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type HostPort, writeHostPort } from '../config/value.ts'

type Answerer = {
  /** From now on `token` is answered with this text. */
  answer(token: string, text: string): void
  close(): Promise<void>
}

const PLACE = '/.well-known/acme-challenge/'
/** An authority asks from a handful of places; whoever else comes by is gone soon. */
const limits = { requestTimeout: 10_000, headersTimeout: 5_000, keepAliveTimeout: 1 }
const CONNECTIONS_MAX = 50

/** @throws Error that says what to do when the port can't be opened */
export const openAnswerer = async (at: HostPort): Promise<Answerer> => {
  const answers = new Map<string, string>()
  const server = createServer(limits, ({ url = '' }, response) => {
    const text = url.startsWith(PLACE) ? answers.get(url.slice(PLACE.length)) : undefined
    response.writeHead(text === undefined ? 404 : 200, { 'content-type': 'application/octet-stream' })
    response.end(text ?? 'Nothing here.\n')
  })
  server.maxConnections = CONNECTIONS_MAX
  try {
    server.listen(at.port, at.host)
    await once(server, 'listening')
  } catch (error) {
    throw new Error(whyClosed(at, error))
  }
  return {
    answer: (token, text) => void answers.set(token, text),
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

const whyClosed = (at: HostPort, error: unknown): string => {
  const code = (error as NodeJS.ErrnoException).code ?? String(error)
  const where = `tls.acme.http = "${writeHostPort(at)}" can not be opened (${code})`
  if (code === 'EACCES') return `${where}: ports below 1024 need AmbientCapabilities, see etc/vouchsafe.service`
  if (code === 'EADDRINUSE')
    return `${where}: another program has it; let that one pass ${PLACE} on to a loopback port, and name that port`
  return `${where}: name an address of this machine`
}
