/** Streams lent, between a bare client and a bare server of HTTP/2. */
import { once } from 'node:events'
import { connect, createServer, type Http2Stream, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { type Borrowed, borrow, lend } from '../../gateway/link/lent.ts'
import { type LinkLimits, linkLimits } from '../../gateway/link/limits.ts'
import { until } from './agents.ts'

describe('streams lent by the dialler', () => {
  const ends: (() => void)[] = []
  afterEach(() => {
    for (const end of ends.splice(0)) end()
  })

  /** @param serve the dialler's answer to a call */
  const pair = async (serve: (stream: Http2Stream, path: string) => void, options: Partial<LinkLimits> = {}) => {
    const limits = { ...linkLimits, ...options }
    const server = createServer({ settings: { maxConcurrentStreams: limits.streams } })
    const opened: ServerHttp2Stream[] = []
    let borrowed: Borrowed | undefined
    const session = new Promise<ServerHttp2Session>((resolve) => server.once('session', resolve))
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => {})
      opened.push(stream)
      borrowed?.keep(stream)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    client.on('error', () => {})
    const host = await session
    borrowed = borrow(host, limits)
    lend(client, limits, serve)
    await until(() => opened.length === 1, 'one is lent')
    ends.push(() => {
      client.destroy()
      server.close()
    })
    const left = () => opened.filter((stream) => !stream.destroyed && !stream.headersSent).length
    return { client, borrowed, opened, left }
  }
  const answering = (stream: Http2Stream, path: string) => void stream.resume().end(path)
  const call = async ({ open }: Borrowed): Promise<string> => {
    const stream = await open('/records')
    if (!stream) return 'none'
    stream.end('request')
    let text = ''
    for await (const chunk of stream) text += String(chunk)
    return text
  }

  it('carry a call each, and one waits for the next', async () => {
    const { borrowed, opened, left } = await pair(answering)
    for (let i = 2; i < 6; i++) {
      expect(await call(borrowed)).to.equal('/records')
      await until(() => left() === 1, 'another is lent')
      expect(opened).to.have.length(i)
    }
  })

  it('come as many as there are calls that wait, and none too many', async () => {
    const held: Http2Stream[] = []
    const { borrowed, left } = await pair((stream) => void held.push(stream))
    for (const count of [50, 120]) {
      const calls = Array.from({ length: count }, () => call(borrowed))
      await until(() => held.length === count, 'all are under way at once')
      for (const stream of held.splice(0)) answering(stream, 'at last')
      expect(new Set(await Promise.all(calls))).to.deep.equal(new Set(['at last']))
      expect(left()).to.equal(1)
    }
  })

  it('are no more than the limit, whatever the listener asks for', async () => {
    const { opened } = await pair(answering, { lent: 20 })
    opened[0]?.respond({ ':status': 200, 'vouchsafe-call': '/records', 'vouchsafe-more': 1e9 })
    await until(() => opened.length === 20, 'the limit is reached')
    opened[1]?.respond({ ':status': 200, 'vouchsafe-call': '/records', 'vouchsafe-more': 1e9 })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(opened).to.have.length(20)
  })

  it('serve more calls than there may be at once, one after the other', async () => {
    const { borrowed } = await pair((stream, path) => void setTimeout(answering, 5, stream, path), { lent: 3 })
    const calls = Array.from({ length: 20 }, () => call(borrowed))
    expect(new Set(await Promise.all(calls))).to.deep.equal(new Set(['/records']))
  })

  it('that do not come are waited for only so long, and no longer than the session', async () => {
    const { client, borrowed } = await pair(() => {}, { idleMs: 50, lent: 1 })
    expect(await borrowed.open('/records'), 'the one there is').not.to.equal(undefined)
    expect(await call(borrowed)).to.equal('none')
    const waiting = call(borrowed)
    client.destroy()
    expect(await waiting).to.equal('none')
  })

  it('taken back meanwhile are no calls', async () => {
    const { client, borrowed, left } = await pair(answering)
    const stream = client.request({ ':method': 'POST', ':path': '/lend' })
    await until(() => left() === 2, 'another is lent')
    stream.close()
    await until(() => left() === 1, 'it is taken back')
    for (let i = 0; i < 3; i++) expect(await call(borrowed)).to.equal('/records')
  })
})
