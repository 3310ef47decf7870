/**
 * `/health` and `/metrics` over plain HTTP, on loopback only (the configuration
 * refuses any other address): no login, so nothing here names a person or a message.
 *
 *   GET /health   200 {"status":"ok",…} or 503 {"status":"failing",…}: each check by name
 *   GET /metrics  Prometheus text
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'
import { isLinked } from '../src/link/standing.ts'
import type { State } from '../src/state.ts'
import type { Store } from '../store/store.ts'
import { countUnfinished } from '../store/web.ts'
import type { Log } from './log.ts'
import { version } from './version.ts'

type Health = {
  status: 'ok' | 'failing'
  version: string
  upSeconds: number
  /** Each check by name: `ok`, or what is wrong and what to do. */
  checks: Record<string, string>
}

type HealthEdge = { address: string; close(): Promise<void> }

export const startHealth = async (options: {
  listen: { host: string; port: number }
  health: () => Promise<Health>
  registry: Registry
  log: Log
}): Promise<HealthEdge> => {
  const { health, registry, log } = options

  const answer = async (path: string, response: ServerResponse): Promise<void> => {
    if (path === '/health') {
      const found = await health()
      response.writeHead(found.status === 'ok' ? 200 : 503, { 'content-type': 'application/json' })
      response.end(`${JSON.stringify(found)}\n`)
    } else if (path === '/metrics') {
      const text = await registry.metrics()
      response.writeHead(200, { 'content-type': registry.contentType })
      response.end(text)
    } else {
      response.writeHead(404, { 'content-type': 'text/plain' })
      response.end('There are /health and /metrics here.\n')
    }
  }

  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
    response.setHeader('cache-control', 'no-store')
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end()
      return
    }
    answer(request.url?.split('?')[0] ?? '/', response).catch((error: unknown) => {
      log.error({ area: 'health', event: 'failed', err: error }, 'a health request failed')
      if (!response.headersSent) response.writeHead(500)
      response.end()
    })
  })
  server.maxConnections = 20

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.listen.port, options.listen.host, resolve)
  })
  const { address, port } = server.address() as AddressInfo

  return {
    address: address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Whoever asks more often hears the last answer: a write is synced to the disk. */
const BEAT_MS = 5000

/**
 * Well as long as a durable write goes through: everything the gateway promises rests on it.
 *
 * @param clock in ms, one that is never set back: an old answer would stand until the time has come again
 */
export const watchHealth = ({ db }: Store, clock = () => performance.now()): (() => Promise<Health>) => {
  const since = clock()
  let last: { at: number; store: Promise<string> } | undefined
  const beat = (): Promise<string> =>
    db
      .transaction((tx) =>
        tx.run('INSERT INTO heartbeat (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at', [
          Date.now(),
        ]),
      )
      .then(
        () => 'ok',
        (error: unknown) => `can't write: ${error instanceof Error ? error.message : error}`,
      )
  return async () => {
    const now = clock()
    if (last === undefined || now - last.at >= BEAT_MS) last = { at: now, store: beat() }
    const store = await last.store
    return {
      status: store === 'ok' ? 'ok' : 'failing',
      version,
      upSeconds: Math.round((now - since) / 1000),
      checks: { store },
    }
  }
}

/** Envelopes under way, by state; for /metrics. */
export const countStates = async ({ db }: Store): Promise<Record<string, number>> => {
  const counts = await countUnfinished(db)
  return Object.fromEntries(['spooled', 'waiting', 'handing', 'handed'].map((state) => [state, counts.get(state) ?? 0]))
}

export const countLinks = ({ links }: State): { up: number; down: number } => {
  const active = [...links.values()].filter(isLinked)
  const up = active.filter((link) => link.up).length
  return { up, down: active.length - up }
}
