/**
 * Client set-up without typing: each kind of client asks at the place it knows. HTTPS, and HTTP for a proxy on
 * this machine. Nothing here needs a login, so nothing tells whether an address exists: it only has to end in a
 * domain of this gateway.
 *
 *   GET  /                                               a page for people
 *   GET  /mail/config-v1.1.xml                           Thunderbird and others
 *   GET  /.well-known/autoconfig/mail/config-v1.1.xml    the same
 *   POST /autodiscover/autodiscover.xml                  Outlook; upper and lower case are one
 *   GET  /autodiscover/autodiscover.json[/v1.0/ADDRESS]  Outlook, before that
 *   GET  /mail.mobileconfig?email=                       Apple
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { domainOf } from '../../src/address.ts'
import { pageUrl, type Way, waysIn } from '../config/settings.ts'
import { type HostPort, writeHostPort } from '../config/value.ts'
import type { Log } from '../log.ts'
import { createPlaces, type Places } from '../places.ts'
import { spelledHere } from '../spelled.ts'
import { isSelfSigned, type TlsFiles, type TlsPair, tlsTerms } from '../tls.ts'
import { autoconfig } from './autoconfig.ts'
import { askedFor, notUnderstood, settingsFor, whereToAsk } from './autodiscover.ts'
import { PAGE_POLICY, page } from './page.ts'
import { profile } from './profile.ts'
import { signed } from './sign.ts'

type SetupOptions = {
  config: Parameters<typeof waysIn>[0] & { setup: { https: HostPort[]; http: HostPort[]; url?: string | undefined } }
  /** How the gateway is called. */
  name: string
  /** Of the addresses here, and all that addresses here may end in. */
  domain: string
  domains: ReadonlySet<string>
  tls: Pick<TlsFiles, 'current' | 'fingerprint'>
  log: Log
  now(): number
}

export type SetupEdge = {
  /** `host:port` of each listener, HTTPS first. */
  addresses: string[]
  /** New connections get this certificate. */
  useTls(pair: TlsPair): void
  close(): Promise<void>
}

/** Requests are a few hundred bytes; Outlook's is the longest. */
const BODY_MAX = 16 << 10
const limits = {
  requestTimeout: 10_000,
  headersTimeout: 5_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000, // how often it is seen that the time is over
}
const HANDSHAKE_MS = 5_000
/** Of a listener: far more than a household sets up at once; each may take some 20 kB. */
const CONNECTIONS_MAX = 100
const CONNECTIONS_EACH = 20

export const startSetup = async (options: SetupOptions): Promise<SetupEdge> => {
  const { setup } = options.config
  const { certificate, key } = options.tls.current()
  const tlsServers = setup.https.map(() =>
    createTlsServer({ ...limits, handshakeTimeout: HANDSHAKE_MS, cert: certificate, key, ...tlsTerms }),
  )
  const servers = [...tlsServers, ...setup.http.map(() => createServer(limits))]
  const places = [...setup.https, ...setup.http]
  const close = async () => void (await Promise.all(servers.map(stop)))
  try {
    for (const [i, server] of servers.entries()) await listen(server, places[i] ?? { host: '', port: 0 })
  } catch (error) {
    await close()
    throw error
  }
  const listening = servers.map((server): HostPort => {
    const { address, port } = server.address() as AddressInfo
    return { host: address, port }
  })
  const url = listening[0] ? pageUrl(options.config, listening[0]) : '' // without a listener nobody asks
  const room = { ...options, url, ways: waysIn(options.config) }
  for (const server of servers) server.on('request', (request, response) => void serve(room, request, response))
  return {
    addresses: listening.map(writeHostPort),
    useTls: ({ certificate, key }) => {
      for (const server of tlsServers) server.setSecureContext({ cert: certificate, key, ...tlsTerms })
    },
    close,
  }
}

type Room = SetupOptions & { url: string; ways: Way[] }
type Answer = { status?: number; type: string; body: string | Buffer; headers?: Record<string, string> }

const XML = 'text/xml; charset=utf-8'
const TEXT = 'text/plain; charset=utf-8'

const serve = async (room: Room, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  try {
    const { status = 200, type, body, headers } = await answer(room, request)
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      ...headers,
    })
    response.end(request.method === 'HEAD' ? undefined : body)
  } catch (error) {
    room.log.error({ area: 'setup', event: 'failed', err: error }, 'a request for settings failed')
    if (!response.headersSent) response.writeHead(500)
    response.end()
  }
}

/** What people are asked to compare, where programs ask them at all. */
const asked = (tls: SetupOptions['tls']): string | undefined =>
  isSelfSigned(tls.current().certificate) ? tls.fingerprint() : undefined

const answer = async (room: Room, request: IncomingMessage): Promise<Answer> => {
  const base = 'http://setup.invalid' // only path and query count
  if (!URL.canParse(request.url ?? '/', base)) return missing
  const { pathname, searchParams } = new URL(request.url ?? '/', base)
  const path = pathname.toLowerCase()
  if (path === '/autodiscover/autodiscover.xml' && request.method === 'POST') return outlook(room, request)
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return { status: 405, type: TEXT, body: 'GET only.\n', headers: { allow: 'GET, HEAD' } }

  const { name, domain, ways, url } = room
  if (`${path}/`.startsWith('/autodiscover/autodiscover.json/')) {
    const { status, answer } = whereToAsk(parameter(searchParams, 'protocol'), url)
    return { status, type: 'application/json', body: `${JSON.stringify(answer)}\n` }
  }
  switch (path) {
    case '/':
      return {
        type: 'text/html; charset=utf-8',
        body: page({ name, domain, ways, url, fingerprint: asked(room.tls) }),
        headers: { 'content-security-policy': PAGE_POLICY },
      }
    case '/mail/config-v1.1.xml':
    case '/.well-known/autoconfig/mail/config-v1.1.xml': {
      const address = addressIn(searchParams, 'emailaddress')
      if (address !== undefined && ours(room, address) === undefined) return missing
      return { type: XML, body: autoconfig({ domain, name, ways }) }
    }
    case '/mail.mobileconfig':
      return apple(room, addressIn(searchParams, 'email') ?? '')
    default:
      return missing
  }
}

const missing: Answer = {
  status: 404,
  type: TEXT,
  body: 'There are no settings here for that. The page at / tells what there is.\n',
}

/** As it is kept, if it ends in a domain of this gateway. */
const ours = ({ domains }: Room, text: string): string | undefined => {
  try {
    const address = spelledHere(domains, text)
    return domains.has(domainOf(address)) ? address : undefined
  } catch {
    return undefined // no address at all
  }
}

/** Many clients write it as it is, and then its plus is read as a blank, which no address here has. */
const addressIn = (parameters: URLSearchParams, name: string): string | undefined =>
  parameters.get(name)?.replaceAll(' ', '+')

/** Outlook writes `Protocol`, others `protocol`. */
const parameter = (parameters: URLSearchParams, name: string): string | null =>
  [...parameters].find(([key]) => key.toLowerCase() === name)?.[1] ?? null

const outlook = async (room: Room, request: IncomingMessage): Promise<Answer> => {
  const text = await bodyOf(request)
  const address = text === undefined ? undefined : ours(room, askedFor(text) ?? '')
  return { type: XML, body: address === undefined ? notUnderstood() : settingsFor(address, room.ways) }
}

/** @returns undefined if it is longer than any request, or the client has gone */
const bodyOf = async (request: IncomingMessage): Promise<string | undefined> => {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > BODY_MAX) return undefined
      chunks.push(chunk)
    }
  } catch {
    return undefined
  }
  return Buffer.concat(chunks).toString('utf8')
}

const apple = ({ name, ways, tls, now, ...room }: Room, email: string): Answer => {
  const address = ours({ name, ways, tls, now, ...room }, email)
  const text = address === undefined ? undefined : profile(address, name, ways)
  if (text === undefined) return missing
  return {
    type: 'application/x-apple-aspen-config',
    body: signed(text, tls.current(), now()) ?? text,
    headers: { 'content-disposition': 'attachment; filename="mail.mobileconfig"' },
  }
}

const listen = async (server: Server, { host, port }: HostPort): Promise<void> => {
  server.maxConnections = CONNECTIONS_MAX
  const places = createPlaces(CONNECTIONS_MAX, CONNECTIONS_EACH)
  server.on('connection', (socket: Socket) => admit(places, socket))
  server.listen(port, host)
  await once(server, 'listening')
}

const admit = (places: Places, socket: Socket): void => {
  const remote = socket.remoteAddress ?? 'unknown'
  if (places.take(remote)) socket.once('close', () => places.give(remote))
  else socket.destroy()
}

const stop = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
