import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { expect } from 'chai'
import { mostHeld } from '../fixture/memory.ts'
import { alice, atTheEdge, type Edge, type Raw } from './edge.ts'

const MiB = 1 << 20

/** Writes as fast as the peer reads, `total` bytes or until it hangs up. @returns the bytes written */
const pour = async (socket: Socket, chunk: Buffer, total: number): Promise<number> => {
  let sent = 0
  let isOver = false
  let wake = () => {}
  socket.on('drain', () => wake())
  socket.once('close', () => {
    isOver = true
    wake()
  })
  while (sent < total && !isOver) {
    sent += chunk.length
    if (socket.write(chunk)) continue
    if (!isOver) await new Promise<void>((resolve) => (wake = resolve))
  }
  return sent
}

describe('smtp and hostile clients', () => {
  const { clients, open, dial, enter } = atTheEdge()
  const inData = async (edge: Edge): Promise<Raw> => {
    const client = await enter(edge)
    for (const line of ['MAIL FROM:<alice@a.test>', 'RCPT TO:<bob@b.test>', 'DATA']) await client.say(line)
    return client
  }
  /** A good message still goes through: whatever was done before has hurt nobody else. */
  const serves = async (edge: Edge): Promise<void> => {
    const client = await enter(edge)
    expect(await client.submit('Subject: still here\r\n\r\n.\r\n')).to.match(/^250 /)
  }

  it('a command line without end is cut off after 16 KiB, by name', async () => {
    const edge = await open()
    const client = await dial(edge.ports[0])
    const grown = await mostHeld(() => pour(client.socket, Buffer.alloc(65_536, 'x'), 200 * MiB))
    expect(client.received).to.match(/^500 5\.5\.6 The line is too long\r\n$/)
    expect(grown).to.be.below(16 * MiB)
    expect(edge.log.join('')).to.contain('Command line too long')
    await serves(edge)
  })

  it('a line of DATA may be long: it is the body, and streams', async () => {
    const edge = await open()
    const client = await inData(edge)
    client.write('Subject: one line\r\n\r\n')
    const sum = createHash('sha256')
    const chunk = Buffer.alloc(65_536, 'y')
    const grown = await mostHeld(() => pour(client.socket, chunk, 32 * MiB))
    client.write('\r\n.\r\n')
    expect(await client.reply()).to.match(/^250 /)
    expect(grown).to.be.below(16 * MiB)
    const [submission] = edge.submissions
    if (submission === undefined) return expect.fail('nothing came')
    expect(submission.body.size).to.equal(submission.header.length + 32 * MiB + 2)
    sum.update(submission.header)
    for (let at = 0; at < 32 * MiB; at += chunk.length) sum.update(chunk)
    expect(submission.body.sha256).to.equal(sum.update('\r\n').digest('hex'))
  })

  it('too large a message: nothing more is kept, 552 after its final dot, and the session goes on', async () => {
    const edge = await open({ sizeLimit: MiB })
    const client = await inData(edge)
    client.write('Subject: large\r\n\r\n')
    await pour(client.socket, Buffer.alloc(65_536, 'z'), 4 * MiB)
    while ((await edge.spools()).length > 0) await new Promise((resolve) => setTimeout(resolve, 10))
    expect(client.received).to.equal('')
    client.write('\r\n.\r\n')
    expect(await client.reply()).to.match(/^552 5\.3\.4 /)
    expect(await client.say('NOOP')).to.equal('250 2.0.0 OK')
  })

  it('a message without end is cut off, by name, in constant memory', async () => {
    const edge = await open({ sizeLimit: MiB })
    const client = await inData(edge)
    client.write('Subject: endless\r\n\r\n')
    const grown = await mostHeld(() => pour(client.socket, Buffer.alloc(65_536, 'z'), 1024 * MiB))
    expect(client.received).to.match(/^552 5\.3\.4 /)
    expect(grown).to.be.below(16 * MiB)
    expect(await edge.spools()).to.deep.equal([])
    await serves(edge)
  })

  it('a client that ends its message by LF . LF hears so, instead of waiting', async () => {
    const edge = await open({}, {}, { stallMs: 50 })
    const client = await inData(edge)
    client.write('Subject: old script\n\nhello\n.\n')
    expect(await client.reply()).to.match(/^554 5\.6\.0 Line 1 of the message holds an LF without CR/)
    await client.closed()
    expect(edge.submissions).to.deep.equal([])
  })

  it('a client that vanishes in its message leaves nothing behind but a line in the log', async () => {
    const edge = await open()
    const client = await inData(edge)
    client.write(`Subject: gone\r\n\r\n${'half a line'.repeat(20_000)}`)
    while ((await edge.spools()).length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    client.end()
    while ((await edge.spools()).length > 0) await new Promise((resolve) => setTimeout(resolve, 10))
    expect(edge.submissions).to.deep.equal([])
    const told = edge.log.map((line) => JSON.parse(line)).find(({ event }) => event === 'broken-off')
    expect([told?.account, told?.remote]).to.deep.equal([alice.address, '127.0.0.1'])
    await serves(edge)
  })

  it('whoever says nothing is sent away: sooner before the login than after it', async () => {
    const strict = await open({}, {}, { loginMs: 150, idleMs: 600_000 })
    const silent = await dial(strict.ports[0])
    expect(await silent.reply()).to.match(/^421 4\.4\.2 Timeout/)
    await silent.closed()
    const lenient = await open({}, {}, { loginMs: 600_000, idleMs: 150 })
    const known = await dial(lenient.ports[0])
    await known.logIn()
    expect(await known.reply()).to.match(/^421 4\.4\.2 Timeout/)
  })

  it('a TLS handshake that does not come is not waited for', async () => {
    const edge = await open({}, {}, { loginMs: 100 })
    const socket = connectTcp(edge.ports[1] ?? 0, '127.0.0.1').on('error', () => {})
    await new Promise((resolve) => socket.once('close', resolve))
  })

  it('garbage instead of TLS ends that connection, and is logged', async () => {
    const edge = await open()
    const socket = connectTcp(edge.ports[1] ?? 0, '127.0.0.1').on('error', () => {})
    socket.write('EHLO this is no TLS\r\n')
    await new Promise((resolve) => socket.once('close', resolve))
    const upgraded = await dial(edge.ports[0])
    await upgraded.say('EHLO client.test')
    await upgraded.say('STARTTLS')
    upgraded.write(Buffer.alloc(1000, 0xff))
    await upgraded.closed()
    const said = edge.log.filter((line) => line.includes('session-ended')).map((line) => JSON.parse(line))
    expect(said).to.have.length(2)
    for (const line of said) expect(line).to.include({ remote: '127.0.0.1', detail: 'wrong version number' })
    await serves(edge)
  })

  it('who speaks HTTP, or rambles without logging in, is sent away', async () => {
    const edge = await open()
    const page = await dial(edge.ports[0]) // a web page that makes its reader's browser talk to us
    expect(await page.say('POST / HTTP/1.1\r\nMAIL FROM:<anna@a.test>')).to.match(/^421 .*HTTP requests not allowed/)
    await page.closed()
    const rambler = await dial(edge.ports[0])
    const replies: string[] = []
    while (!replies.at(-1)?.startsWith('421')) replies.push(await rambler.say('NOOP'))
    expect(replies).to.have.length(10)
    await rambler.closed()
  })

  it('a client that pipelines and never reads does not fill the memory with replies', async () => {
    const edge = await open()
    const client = await enter(edge)
    client.socket.pause()
    const commands = Buffer.from('NOOP\r\n'.repeat(10_000))
    const grown = await mostHeld(async () => {
      const poured = pour(client.socket, commands, 100 * MiB)
      await Promise.race([poured, new Promise((resolve) => setTimeout(resolve, 700))])
      client.socket.destroy()
      await poured
    })
    expect(grown).to.be.below(16 * MiB)
    await serves(edge)
  })

  it('more sessions than there may be are told to wait, and room is found again', async () => {
    const edge = await open({ sessionLimit: 3, sessionsPerAddress: 10 })
    for (let i = 0; i < 3; i++) await dial(edge.ports[0])
    const fourth = await dial(edge.ports[0])
    expect(fourth.greeting).to.match(/^421 .*Too many connected clients/)
    clients.shift()?.end()
    await fourth.closed()
    await serves(edge)
  })

  it('one address has so many connections, before and after a handshake, and all listeners count', async () => {
    const edge = await open({ sessionLimit: 3, sessionsPerAddress: 1 }) // on loopback that makes two
    await dial(edge.ports[0])
    const inHandshake = connectTcp(edge.ports[1] ?? 0, '127.0.0.1')
    await once(inHandshake, 'connect')
    const third = await dial(edge.ports[0])
    expect(third.greeting).to.match(/^421 4\.7\.0 Too many connections from your address/)
    inHandshake.destroy()
    await third.closed()
    await serves(edge)
    expect(edge.log.join('')).to.contain('from your address')
  })

  it('nothing a client said comes back in a reply', async () => {
    const edge = await open()
    const client = await dial(edge.ports[0])
    const mark = 'zqxj'
    const lines = [
      `EHLO ${mark}.test`,
      `${mark} x`,
      `MAIL FROM:<${mark}@a.test>`,
      `AUTH ${mark}`,
      `AUTH PLAIN ${Buffer.from(`\0${mark}\0${mark}`).toString('base64')}`,
      `VRFY ${mark}`,
      `HELP ${mark}`,
    ]
    const replies: string[] = []
    for (const line of lines) replies.push(await client.say(line))
    client.end()
    const known = await dial(edge.ports[0])
    await known.logIn()
    const more = [
      `MAIL FROM:<${mark}@a.test>`,
      `MAIL FROM:<alice@a.test> ${mark}=1`,
      `MAIL FROM:<alice@a.test> BODY=${mark}`,
      `MAIL FROM:<alice@a.test> ENVID=${mark}`,
      `RCPT TO:<${mark}@nowhere.test>`,
      `RCPT TO:<${mark}`,
      `RCPT TO:<bob@b.test> NOTIFY=${mark}`,
      'RCPT TO:<bob@b.test>',
      'DATA',
    ]
    for (const line of more) replies.push(await known.say(line))
    known.write(`Subject: ${mark}\r\nMessage-ID: <${mark}@a.test>\r\n\r\n.\r\n`)
    replies.push(await known.reply())
    expect(replies.join('\n')).not.to.contain(mark)
    expect(replies.at(-1)).to.match(/^250 /)
  })
})
