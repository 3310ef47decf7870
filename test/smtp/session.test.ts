import { setTimeout as wait } from 'node:timers/promises'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { expect } from 'chai'
import type { Custodians } from '../../gateway/smtp/accept.ts'
import { selfSigned } from '../../gateway/tls.ts'
import { Refusal } from '../../src/refusal.ts'
import { alice, atTheEdge, openEdge, phone, Raw } from './edge.ts'

const message = 'From: Alice <alice@a.test>\r\nSubject: hello\r\n\r\nbody\r\n.\r\n'

describe('smtp session', () => {
  const { clients, open, dial, enter } = atTheEdge()

  it('250 is said when submit has resolved, and not before', async () => {
    let commit: (() => void) | undefined
    const edge = await open({}, { submit: () => new Promise((resolve) => (commit = () => resolve(undefined))) })
    const client = await enter(edge)
    let reply = ''
    const work = client.submit(message).then((text) => (reply = text))
    while (!commit) await wait(5)
    await wait(50)
    expect(reply).to.equal('')
    commit()
    expect(await work).to.match(/^250 2\.0\.0 Accepted as [0-9a-f]{32}$/)
  })

  it('the id in 250 is that of the submission, its log line and nothing of the client', async () => {
    const edge = await open()
    const client = await enter(edge)
    const reply = await client.submit('Subject: x\r\nMessage-ID: <mine@client.test>\r\n\r\n.\r\n')
    const [submission] = edge.submissions
    expect(reply).to.equal(`250 2.0.0 Accepted as ${submission?.id}`)
    expect(submission?.messageId).to.equal('<mine@client.test>')
    const line = edge.log.find((each) => each.includes('"accepted"')) ?? ''
    expect(JSON.parse(line)).to.include({ submission: submission?.id, messageId: '<mine@client.test>', recipients: 1 })
    expect(await edge.metric('vouchsafe_smtp_submissions_total')).to.deep.equal([
      'vouchsafe_smtp_submissions_total{outcome="accepted"} 1',
    ])
  })

  const agents = ['r', 's', 't', 'u', 'v', 'w'].map((letter) => letter.repeat(52))
  const five = agents.slice(0, 5).map((agent) => agent.slice(0, 12))
  const custody: [what: string, custodians: Custodians, told: string][] = [
    ['nobody else yet', { agents: [], signed: 0, envelopes: 2 }, ', in custody here'],
    ['nobody, for all of it was for people here', { agents: [], signed: 0, envelopes: 0 }, ''],
    ['a neighbour', { agents: agents.slice(0, 1), signed: 2, envelopes: 2 }, `, in custody of ${five[0]}`],
    [
      'a neighbour, of some of it',
      { agents: agents.slice(0, 1), signed: 1, envelopes: 2 },
      `, in custody of ${five[0]} for 1 of 2 recipients`,
    ],
    [
      'as many as a line names',
      { agents: agents.slice(0, 5), signed: 5, envelopes: 5 },
      `, in custody of ${five.join(', ')}`,
    ],
    ['more', { agents, signed: 6, envelopes: 6 }, `, in custody of ${five.join(', ')} and others`],
  ]
  for (const [what, custodians, told] of custody)
    it(`250 says who has signed for it by then: ${what}`, async () => {
      const client = await enter(await open({}, { submit: () => Promise.resolve(custodians) }))
      const reply = await client.submit(message)
      expect(reply.replace(/[0-9a-f]{32}/, 'ID')).to.equal(`250 2.0.0 Accepted as ID${told}`)
    })

  it('an account that complaints have stopped sends nothing, and is told what to do', async () => {
    const edge = await open({}, { levelOf: () => 'stopped' })
    const client = await enter(edge)
    expect(await client.say('MAIL FROM:<alice@a.test>')).to.match(/^550 5\.7\.1 .*complained.*ask the administrator/)
    expect(edge.submissions).to.have.length(0)
  })

  it('one that they have slowed sends a few messages an hour; whoever was only warned sends as before', async () => {
    let level: 'warned' | 'slowed' = 'slowed'
    const edge = await open({}, { levelOf: () => level })
    const client = await enter(edge)
    const replies: string[] = []
    for (let i = 0; i < 8; i++) {
      const reply = await client.say('MAIL FROM:<alice@a.test>')
      replies.push(reply.slice(0, 9))
      if (reply.startsWith('250')) await client.say('RSET')
    }
    expect(replies.map((reply) => reply.slice(0, 3))).to.deep.equal([...Array(6).fill('250'), '450', '450'])
    expect(replies.at(-1)).to.equal('450 4.7.1')
    level = 'warned'
    expect(await client.submit(message)).to.match(/^250 /)
  })

  it('the message holds neither where it came from nor the name its client gave', async () => {
    const edge = await open()
    const client = await dial(edge.ports[0])
    await client.say('EHLO secret-laptop.corp.test')
    await client.say(`AUTH PLAIN ${Buffer.from('\0alice@a.test\0correct horse').toString('base64')}`)
    await client.submit(`Received: from [10.1.2.3] (secret-laptop) by a\r\n${message}`)
    const [submission] = edge.submissions
    if (submission === undefined) return expect.fail('nothing came')
    const text = (await edge.body(submission.body)).toString()
    expect(text).not.to.match(/127\.0\.0\.1|10\.1\.2\.3|secret-laptop/)
    expect(text).to.match(/\r\n\r\nbody\r\n$/)
    expect(edge.log.join('')).not.to.contain('secret-laptop')
  })

  const outcomes: [what: string, error: unknown, reply: RegExp][] = [
    ['a full disk', new Refusal('disk-full', '/dev/sda1'), /^452 4\.3\.1 The disk of this gateway is full/],
    ['a stop', new Refusal('stopping'), /^421 4\.3\.2 /],
    ['a fault', new Error('EIO /home/x'), /^451 4\.3\.0 Something failed in this gateway; nothing was kept/],
    ['something that is no error', 'oops', /^451 4\.3\.0 /],
  ]
  for (const [what, error, wanted] of outcomes)
    it(`${what} behind submit is a temporary reply without a word of its cause`, async () => {
      const edge = await open({}, { submit: () => Promise.reject(error) })
      const client = await enter(edge)
      const reply = await client.submit(message)
      expect(reply)
        .to.match(wanted)
        .and.not.match(/\/dev|\/home|oops/)
      if (!reply.startsWith('421')) expect(await client.say('NOOP')).to.equal('250 2.0.0 OK')
      else await client.closed()
    })

  it('a fault in looking up a recipient is temporary too', async () => {
    const edge = await open({}, { lookup: () => Promise.reject(new Error('database')) })
    const client = await enter(edge)
    expect(await client.submit(message)).to.match(/^451 4\.3\.0 /)
    expect(edge.log.join('')).to.contain('database')
  })

  it('TLS from the first byte, and STARTTLS, end in the same session', async () => {
    const edge = await open({ plainLoopback: false })
    const tls = await dial(edge.ports[1], true)
    await tls.logIn()
    expect(await tls.submit(message)).to.match(/^250 2\.0\.0 Accepted/)
    const upgraded = await dial(edge.ports[0])
    await upgraded.say('EHLO client.test')
    await upgraded.say('STARTTLS')
    await upgraded.startTls()
    await upgraded.logIn()
    expect(await upgraded.submit(message)).to.match(/^250 2\.0\.0 Accepted/)
    expect(edge.submissions).to.have.length(2)
  })

  it('nothing older than TLS 1.2 is spoken', async () => {
    const edge = await open()
    const old = connectTls({
      port: edge.ports[1],
      host: '127.0.0.1',
      rejectUnauthorized: false,
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    })
    const outcome = await new Promise((resolve) =>
      old.once('secureConnect', () => resolve('in')).once('error', resolve),
    )
    expect(String(outcome)).to.match(/protocol|version|reset|ECONN/i)
    old.destroy()
  })

  it('a new certificate serves new sessions', async () => {
    const edge = await open()
    const nameSeen = async () => {
      const client = await dial(edge.ports[1], true)
      return (client.socket as TLSSocket).getPeerCertificate().subject.CN
    }
    expect(await nameSeen()).to.equal('a.test')
    edge.useTls(await selfSigned(['renewed.test'], []))
    expect(await nameSeen()).to.equal('renewed.test')
  })

  it('plain login needs a listener on loopback, whatever the configuration says', async () => {
    const edge = await open({ listeners: [{ host: '0.0.0.0', port: 0, security: 'starttls' }], plainLoopback: true })
    const client = await dial(edge.ports[0])
    expect(await client.say('EHLO client.test')).not.to.contain('AUTH')
    const token = Buffer.from('\0alice@a.test\0correct horse').toString('base64')
    expect(await client.say(`AUTH PLAIN ${token}`)).to.match(/^538 5\.7\.0 /)
  })

  it('a device that is not on the list is sent away at the greeting', async () => {
    const listen = { host: '127.0.0.1', port: 0 }
    const edge = await open({ listeners: [], trusted: { listen, accounts: new Map([['192.0.2.7', alice.address]]) } })
    const client = await dial(edge.ports[0])
    expect(client.greeting).to.match(/^554 .*Your address is not among the devices/)
    await client.closed()
    expect(edge.log.join('')).to.contain('"device-refused","remote":"127.0.0.1"')
  })

  it('nor does a device send as an account that is gone', async () => {
    const listen = { host: '127.0.0.1', port: 0 }
    const accounts = new Map([['127.0.0.1', 'gone@a.test']])
    const edge = await open({ listeners: [], trusted: { listen, accounts } })
    const client = await dial(edge.ports[0])
    expect(client.greeting).to.match(/^554 5\.7\.1 The account that this device sends as is not here/)
    await client.closed()
    const line = edge.log.find((each) => each.includes('device-refused')) ?? '{}'
    expect(JSON.parse(line)).to.include({ account: 'gone@a.test' })
    expect(line).to.contain('is not here: make it').and.not.to.contain('no such device')
  })

  it('the spelling of addresses in the list of devices does not matter', async () => {
    const listen = { host: '::1', port: 0 }
    const accounts = new Map([['0:0:0:0:0:0:0:1', 'Alice@A.test']])
    const edge = await open({ listeners: [], trusted: { listen, accounts } })
    const client = await Raw.dial(edge.ports[0] ?? 0, false, '::1')
    clients.push(client)
    await client.say('EHLO printer.test')
    expect(await client.submit(message)).to.match(/^250 /)
  })

  it('an account that sends too much waits, on all its sessions, and others do not', async () => {
    const edge = await open({ messagesPerMinute: 2 })
    const [one, two] = [await enter(edge), await enter(edge)]
    expect(await one.submit(message)).to.match(/^250 /)
    expect(await two.submit(message)).to.match(/^250 /)
    expect(await one.submit(message)).to.match(/^450 4\.7\.1 /)
    expect(await two.submit(message)).to.match(/^450 4\.7\.1 /)
    expect(edge.submissions).to.have.length(2)
  })

  it('asking for many recipients counts, found or not', async () => {
    const edge = await open({ messagesPerMinute: 1, recipientLimit: 10 })
    const client = await enter(edge)
    await client.say('MAIL FROM:<alice@a.test>')
    const replies: string[] = []
    for (let i = 0; i < 11; i++) replies.push(await client.say(`RCPT TO:<guess${i}@nowhere.test>`))
    expect(replies.slice(0, 10).every((reply) => reply.startsWith('550 5.1.2'))).to.equal(true)
    expect(replies[10]).to.match(/^450 4\.7\.1 /)
  })

  it('a hundred recipients fit in one message, the next is told to wait for another', async () => {
    const edge = await open({}, { lookup: async () => 'known' })
    const client = await enter(edge)
    await client.say('MAIL FROM:<alice@a.test>')
    for (let i = 0; i < 100; i++) expect(await client.say(`RCPT TO:<r${i}@b.test>`)).to.match(/^250 /)
    expect(await client.say('RCPT TO:<r100@b.test>')).to.match(/^452 4\.5\.3 /)
    await client.say('DATA')
    client.write(message)
    expect(await client.reply()).to.match(/^250 /)
    expect(edge.submissions[0]?.recipients).to.have.length(100)
  })

  it('an account that is removed while its client is here sends nothing more', async () => {
    let isThere = true
    const edge = await open({}, { isThere: () => isThere })
    const client = await enter(edge)
    expect(await client.submit(message)).to.match(/^250 /)
    isThere = false
    expect(await client.submit(message)).to.match(/^530 5\.7\.0 This account, or its password, has been removed/)
    expect(await client.say('MAIL FROM:<alice@a.test>')).to.match(/^530 5\.7\.0 Log in first/)
    isThere = true
    await client.logIn()
    expect(await client.submit(message)).to.match(/^250 /)
  })

  it('a password that is taken back sends nothing more, but for what is under way', async () => {
    const held = new Set([phone.id])
    const edge = await open({}, { isThere: ({ by }) => by !== undefined && held.has(by.id) })
    const [writing, client] = [await enter(edge), await enter(edge)]
    await writing.say('MAIL FROM:<alice@a.test>')
    await writing.say('RCPT TO:<bob@b.test>')
    held.clear()
    expect(await writing.say('DATA')).to.match(/^354 /)
    writing.write(message)
    expect(await writing.reply()).to.match(/^250 /)
    for (const each of [writing, client])
      expect(await each.say('MAIL FROM:<alice@a.test>')).to.match(/^530 5\.7\.0 .* password.*; log in again$/)
    const lines = edge.log.filter((line) => line.includes('session-ended')).map((line) => JSON.parse(line))
    expect(lines).to.have.length(2)
    expect(lines[0]).to.include({ level: 'info', account: alice.address, label: 'phone', remote: '127.0.0.1' })
    expect(edge.submissions).to.have.length(1)
  })

  it('as many recipients as EHLO names fit in one message, however few messages a minute may have', async () => {
    const edge = await open({ messagesPerMinute: 1, recipientLimit: 50 }, { lookup: async () => 'known' })
    const client = await enter(edge)
    await client.say('MAIL FROM:<alice@a.test>')
    for (let i = 0; i < 50; i++) expect(await client.say(`RCPT TO:<r${i}@b.test>`)).to.match(/^250 /)
  })

  it('a wrong password is logged with where it came from, and never itself', async () => {
    const edge = await open()
    const client = await dial(edge.ports[0])
    await client.say('EHLO client.test')
    await client.say(`AUTH PLAIN ${Buffer.from('\0alice@a.test\0hunter2').toString('base64')}`)
    const line = edge.log.find((each) => each.includes('login-refused')) ?? '{}'
    expect(JSON.parse(line)).to.include({
      level: 'warn',
      code: 'login-failed',
      account: alice.address,
      remote: '127.0.0.1',
    })
    expect(edge.log.join('')).not.to.contain('hunter2')
    expect(await edge.metric('vouchsafe_logins_total')).to.deep.equal([
      'vouchsafe_logins_total{edge="smtp",outcome="login-failed"} 1',
    ])
  })

  it('what an account was refused stands in the log, with whom it wrote to', async () => {
    const edge = await open({ sizeLimit: 1000, recipientLimit: 1 })
    const client = await enter(edge)
    const said = ['MAIL FROM:<eve@a.test>', 'MAIL FROM:<alice@a.test> SIZE=1001', 'MAIL FROM:<alice@a.test>']
    const to = ['nobody@a.test', 'stranger@nowhere.test', 'ülf@b.test', 'bob@b.test', 'alice@a.test']
    for (const line of [...said, ...to.map((address) => `RCPT TO:<${address}>`)]) await client.say(line)
    await client.say('DATA')
    client.write('Subject: secret plans\r\n\r\na\rb\r\n.\r\n')
    await client.reply()
    const lines = edge.log.map((line) => JSON.parse(line)).filter(({ event }) => event === 'refused')
    expect(lines.map(({ account }) => account)).to.deep.equal(lines.map(() => alice.address))
    const told = lines.map(({ code, from, recipient, detail }) => [code, from ?? recipient, detail.slice(0, 10)])
    expect(told).to.deep.equal([
      ['sender-not-yours', 'eve@a.test', '5.7.1 That'],
      [undefined, undefined, '552 Error:'],
      ['mailbox-missing', 'nobody@a.test', '5.1.1 No s'],
      ['address-unknown', 'stranger@nowhere.test', '5.1.2 Nobo'],
      [undefined, 'ülf@b.test', '5.6.7 An a'],
      [undefined, undefined, '452 Error:'],
      ['message-malformed', undefined, '5.6.0 Line'],
    ])
    expect(edge.log.join('')).not.to.contain('secret plans')
  })

  it('what is refused for how it is written stands in the log as well', async () => {
    const edge = await open()
    const client = await enter(edge)
    const lines = [
      'MAIL FROM:<alice@a.test> ENVID=a+zz',
      'RSET now',
      'EXPN friends',
      'NOOP',
      'MAIL FROM:<alice@a.test>',
    ]
    for (const line of [...lines, 'RCPT TO:<bob@b.test> ORCPT=rfc822;a=b', 'DATA now']) await client.say(line)
    const told = edge.log.map((line) => JSON.parse(line)).filter(({ event }) => event === 'refused')
    expect(told.map(({ account, detail }) => [account, detail.slice(0, 15)])).to.deep.equal([
      [alice.address, '501 5.5.4 ENVID'],
      [alice.address, '501 5.5.4 Nothi'],
      [alice.address, '502 5.5.1 Lists'],
      [alice.address, '501 5.5.4 ORCPT'],
      [alice.address, '501 5.5.4 Nothi'],
    ])
  })

  it('a client that does not log in, or has to begin TLS before, stands in the log', async () => {
    const edge = await open({ plainLoopback: false })
    const client = await dial(edge.ports[1], true)
    for (const line of ['EHLO me', 'RSET now', 'MAIL FROM:<alice@a.test>']) await client.say(line)
    const plain = await dial(edge.ports[0])
    for (const line of ['EHLO me', 'AUTH PLAIN', 'MAIL FROM:<alice@a.test>']) await plain.say(line)
    const told = edge.log.map((line) => JSON.parse(line)).filter(({ event }) => event === 'refused')
    expect(told.map(({ remote, detail }) => `${remote} ${detail.slice(0, 3)}`)).to.deep.equal([
      '127.0.0.1 530',
      '127.0.0.1 538',
      '127.0.0.1 530',
    ])
  })

  it('a scan of the network hides no account from the log', async () => {
    const edge = await open()
    const scan = async () => (await dial(edge.ports[0])).say('GET / HTTP/1.1')
    await Promise.all(Array.from({ length: 70 }, scan))
    const client = await enter(edge)
    await client.say('RSET now')
    expect(edge.log.filter((line) => line.includes(alice.address)).join()).to.contain('Nothing comes behind')
  })

  it('a stop says goodbye to the idle at once, and lets a message in hand end', async () => {
    let commit: (() => void) | undefined
    const edge = await open({}, { submit: () => new Promise((resolve) => (commit = () => resolve(undefined))) })
    const [idle, busy] = [await enter(edge), await enter(edge)]
    const work = busy.submit(message)
    while (!commit) await wait(5)
    const stopped = edge.stop()
    expect(await idle.reply()).to.match(/^421 4\.3\.2 /)
    await idle.closed()
    commit()
    expect(await work).to.match(/^250 2\.0\.0 Accepted/)
    expect(await busy.reply()).to.match(/^421 4\.3\.2 /)
    await stopped
  })

  it('a stop waits no longer than it may for a client that dawdles in its message', async () => {
    const edge = await open({}, {}, { closeMs: 100 })
    const client = await enter(edge)
    for (const line of ['MAIL FROM:<alice@a.test>', 'RCPT TO:<bob@b.test>', 'DATA']) await client.say(line)
    client.write('Subject: half')
    await edge.stop() // or the time of this test ends it
    expect(await client.reply()).to.match(/^421 /)
    expect(edge.submissions).to.deep.equal([])
  })

  it('a listener that cannot be opened is an error that names it', async () => {
    const edge = await open()
    const taken = edge.ports[0] ?? 0
    await openEdge({
      listeners: [
        { host: '127.0.0.1', port: 0, security: 'tls' },
        { host: '127.0.0.1', port: taken, security: 'tls' },
      ],
    }).then(
      () => expect.fail('two on one port'),
      (error: NodeJS.ErrnoException) => expect(error.message).to.contain('EADDRINUSE').and.contain(String(taken)),
    )
  })

  it('open sessions are counted, and closed ones no more', async () => {
    const edge = await open()
    const client = await enter(edge)
    expect(await edge.metric('vouchsafe_sessions{')).to.deep.equal(['vouchsafe_sessions{edge="smtp"} 1'])
    client.end()
    const sessions = () => edge.metric('vouchsafe_sessions{')
    while (String(await sessions()) !== 'vouchsafe_sessions{edge="smtp"} 0') await wait(5)
  })
})
