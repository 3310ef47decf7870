import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { constants, createInflateRaw, deflateRawSync } from 'node:zlib'
import { expect } from 'chai'
import { ImapFlow } from 'imapflow'
import { deflated } from '../dialogue/deflated.ts'
import { Client } from '../dialogue/run.ts'
import { mostHeld } from '../fixture/memory.ts'
import { letter, startTestImap, type TestImap } from './server.ts'

describe('IMAP COMPRESS=DEFLATE', () => {
  let imap: TestImap
  const opened: Socket[] = []
  beforeEach(async () => {
    imap = await startTestImap()
  })
  afterEach(async () => {
    for (const socket of opened.splice(0)) socket.destroy()
    await imap.close()
  })

  /** Logged in over TLS, and told to compress. */
  const open = async (): Promise<Client> => {
    const socket = connectTls({ port: imap.tlsPort, host: '127.0.0.1', rejectUnauthorized: false })
    opened.push(socket)
    await once(socket, 'secureConnect')
    const client = new Client(socket)
    await say(client, 'l LOGIN ann@a.test secret')
    expect(await say(client, 'c COMPRESS DEFLATE')).to.match(/^c OK/)
    return client
  }
  const say = async (client: Client, command: string): Promise<string> => {
    client.send(command)
    const tag = `${command.split(' ')[0]} `
    for (;;) {
      const line = await client.line()
      if (line === undefined || line.startsWith(tag)) return line ?? '(end)'
    }
  }

  it('answers, news and goodbye come compressed, in fewer octets', async () => {
    await imap.deliver('INBOX', [{ bytes: `Subject: long\r\n\r\n${'All work and no play\r\n'.repeat(5000)}` }])
    const client = await open()
    const raw = client.socket
    client.change(deflated)
    await say(client, 's SELECT INBOX')
    expect(await say(client, 'f FETCH 1 BODY.PEEK[]')).to.match(/^f OK/)
    expect(raw.bytesRead).to.be.below(20_000)
    client.send('i IDLE')
    await client.line()
    await imap.deliver('INBOX', [letter(1)])
    expect(await client.line()).to.equal('* 2 EXISTS')
    await client.line()
    client.send('DONE')
    await client.line()
    expect(await say(client, 'x COMPRESS DEFLATE')).to.match(/^x NO \[COMPRESSIONACTIVE\]/)
    expect(await say(client, 'x LOGOUT')).to.match(/^x OK/)
    expect(await client.line()).to.equal(undefined)
  })

  it('what does not inflate ends the session', async () => {
    const client = await open()
    client.socket.write(Buffer.alloc(100, 0xff))
    await once(client.socket, 'close')
  })

  it('a few octets that inflate to much are read past in little memory', async () => {
    const client = await open()
    const raw = client.socket
    const tenMegabytes = deflateRawSync(Buffer.alloc(10 << 20, 'a'), { finishFlush: constants.Z_SYNC_FLUSH })
    let said = ''
    const held = await mostHeld(async () => {
      raw.write(Buffer.concat(Array<Buffer>(20).fill(tenMegabytes)))
      const inflate = createInflateRaw()
      raw.pipe(inflate)
      for await (const chunk of inflate) {
        said += chunk.toString('latin1')
        if (said.includes('\n')) break
      }
    })
    expect(said).to.match(/ BAD /)
    expect(held).to.be.below(8 << 20) // of 200 MiB
  })

  it('what was sent before the answer is no compressed data', async () => {
    const socket = connect(imap.port, '127.0.0.1')
    opened.push(socket)
    const client = new Client(socket)
    await say(client, 'l LOGIN ann@a.test secret')
    client.send('c COMPRESS DEFLATE\r\nn NOOP')
    expect(await client.line()).to.match(/^c BAD/)
    expect(await client.line()).to.match(/^n OK/)
    expect(await say(client, 'z COMPRESS ZSTD')).to.match(/^z NO/)
  })

  it('imapflow, which compresses when it can, reads its mail', async () => {
    await imap.deliver('INBOX', [letter(1), letter(2)])
    const client = new ImapFlow({
      host: '127.0.0.1',
      port: imap.tlsPort,
      secure: true,
      auth: { user: 'ann@a.test', pass: 'secret' },
      tls: { rejectUnauthorized: false },
      logger: false,
    })
    await client.connect()
    expect(client.capabilities.has('COMPRESS=DEFLATE')).to.equal(true)
    const lock = await client.getMailboxLock('INBOX')
    const subjects = []
    for await (const message of client.fetch('1:*', { envelope: true })) subjects.push(message.envelope?.subject)
    expect(subjects).to.deep.equal(['Letter 1', 'Letter 2'])
    lock.release()
    await client.logout()
  })
})
