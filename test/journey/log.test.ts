/**
 * One grep tells a letter's life at each gateway, and no log says what nobody but its reader may know.
 * Everything is logged at the level `debug`, and the mail clients come over TLS.
 */
import { expect } from 'chai'
import { ImapFlow } from 'imapflow'
import { createTransport } from 'nodemailer'
import { type Gateway, until } from '../../scripts/neighbourhood.ts'
import { awaitMessages, idOf, readAll, startLine, type Web } from './web.ts'

type Line = { area?: string; event?: string; envelope?: string; messageId?: string }
type Trail = { envelope: string; outcome: { event: string } | null }

describe('log, health and metrics', function () {
  this.timeout(60_000)
  const secrets = { subject: 'a very private subject', body: 'the plum cake is for Saturday', file: 'cake-recipe.txt' }
  const wrong = 'not-the-password-of-ann'
  const messageId = idOf('logged')
  let web: Web
  let relay: Gateway
  let envelope = ''
  before(async () => {
    web = await startLine(['a', 'r', 'b'], { level: '"debug"' })
    relay = web.gateways[1] ?? web.a
    const refused = await submit(wrong).catch((error: Error) => error.message)
    expect(refused).to.match(/5\.7\.8/)
    await submit(web.ann.password)
    await awaitMessages(web.b, web.bob, 'Requests', 1)
    await until('the report is at A', async () => {
      const [trail] = await web.a.ask<Trail[]>('queue.show', { id: messageId })
      envelope = trail?.envelope ?? ''
      return trail?.outcome?.event === 'delivered'
    })
    await read()
  })
  after(() => web?.close())

  const tls = () => ({ ca: web.a.certificate(), servername: 'localhost' })
  const submit = async (pass: string): Promise<void> => {
    const auth = { user: web.ann.address, pass }
    const transport = createTransport({ host: '127.0.0.1', port: web.a.ports.smtp, requireTLS: true, auth, tls: tls() })
    try {
      await transport.sendMail({
        from: web.ann.address,
        to: web.bob.address,
        messageId,
        subject: secrets.subject,
        text: secrets.body,
        attachments: [{ filename: secrets.file, content: secrets.body }],
      })
    } finally {
      transport.close()
    }
  }
  /** A wrong login, a search and a copy: what mail clients do with secrets in their commands. */
  const read = async (): Promise<void> => {
    const options = { host: '127.0.0.1', port: web.a.ports.imaps, secure: true, tls: tls(), logger: false as const }
    const failed = new ImapFlow({ ...options, auth: { user: web.ann.address, pass: wrong } })
    expect(
      await failed.connect().then(
        () => 'in',
        () => 'refused',
      ),
    ).to.equal('refused')
    const client = new ImapFlow({ ...options, auth: { user: web.ann.address, pass: web.ann.password } })
    await client.connect()
    await client.mailboxOpen('Outgoing')
    await client.search({ body: secrets.body, subject: secrets.subject })
    await client.append('Drafts', `Subject: ${secrets.subject}\r\n\r\n${secrets.body}\r\n`)
    await client.logout()
    expect((await readAll(web.a, web.ann, 'Drafts')).map(({ subject }) => subject)).to.deep.equal([secrets.subject])
  }

  const grep = (gateway: Gateway, text: string): string[] =>
    linesOf(gateway)
      .filter((line) => JSON.stringify(line).includes(text))
      .map(({ event = 'none' }) => event)

  it('by the envelope id: at the sender’s, the relay and the recipient’s, in order', () => {
    expect(grep(web.a, envelope)).to.deep.equal(['sealed', 'handed', 'delivered'])
    expect(grep(relay, envelope)).to.deep.equal(['accepted', 'handed', 'delivered'])
    expect(grep(web.b, envelope)).to.deep.equal(['delivered'])
  })

  it('by the Message-ID: where it may be known', () => {
    const events = grep(web.a, messageId)
    expect(events.slice().sort()).to.deep.equal(['accepted', 'delivered', 'handed', 'sealed'])
    expect(events.filter((event) => event !== 'accepted')).to.deep.equal(['sealed', 'handed', 'delivered'])
    expect(grep(relay, messageId), 'the relay knows no header').to.deep.equal([])
    expect(grep(web.b, messageId)).to.deep.equal(['delivered'])
  })

  it('every line has a level, a time, an event and a sentence', () => {
    for (const gateway of web.gateways)
      for (const line of linesOf(gateway)) {
        expect(line, JSON.stringify(line)).to.include.keys('level', 'time', 'event', 'msg')
      }
  })

  it('no password, token, subject, file name or body is in any of them', () => {
    const passwords = [web.ann.password, web.bob.password, wrong]
    const encoded = passwords.flatMap((one) => [one, Buffer.from(`\0${web.ann.address}\0${one}`).toString('base64')])
    for (const gateway of web.gateways) {
      const log = gateway.log()
      for (const secret of [...Object.values(secrets), ...encoded])
        expect(log.includes(secret), `${gateway.name}: ${secret}`).to.equal(false)
      expect(log, 'an invitation').not.to.match(/vs1-/)
      expect(log, 'a key').not.to.match(/PRIVATE KEY/)
    }
  })

  it('/health answers 200, and /metrics counts what happened', async () => {
    const health = await fetch(`http://127.0.0.1:${web.a.ports.health}/health`)
    expect(health.status).to.equal(200)
    expect(await health.json()).to.deep.include({ status: 'ok', checks: { store: 'ok' } })

    const wanted: [Gateway, Record<string, string>][] = [
      [
        web.a,
        {
          'vouchsafe_smtp_submissions_total{outcome="accepted"}': '1',
          'vouchsafe_logins_total{edge="smtp",outcome="login-failed"}': '1',
          'vouchsafe_envelopes_total{event="handed"}': '1',
          'vouchsafe_envelopes_total{event="delivered"}': '1',
          'vouchsafe_custody{state="waiting"}': '0',
          'vouchsafe_links{state="up"}': '1',
        },
      ],
      [relay, { 'vouchsafe_envelopes_total{event="accepted"}': '1', 'vouchsafe_links{state="up"}': '2' }],
      [web.b, { 'vouchsafe_envelopes_total{event="delivered"}': '1' }],
    ]
    for (const [gateway, counts] of wanted) {
      const text = await (await fetch(`http://127.0.0.1:${gateway.ports.health}/metrics`)).text()
      for (const [name, count] of Object.entries(counts)) expect(text).to.include(`\n${name} ${count}\n`, gateway.name)
      expect(text, 'names nobody').not.to.match(/@|[0-9a-f]{32}/)
    }
  })
})

const linesOf = (gateway: Gateway): Line[] =>
  gateway
    .log()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
