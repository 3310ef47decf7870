/**
 * What an administrator does to a gateway that runs, and what must survive it. Two gateways, A and B.
 */
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { expect } from 'chai'
import { openTls } from '../../gateway/tls.ts'
import { Gateway, temporaryFolder, until } from '../../scripts/neighbourhood.ts'
import { awaitMessages, idOf, letter, RawSmtp, readAll, sayImap, startLine, type Web } from './web.ts'

type Underway = { envelope: string; messageId: string; state: string; to: string; why: string }
type Trail = Underway & {
  outcome: { event: string } | null
  steps: { event: string; byName: string; signed: string }[]
}
type LinkView = { agent: string; name: string; state: string; up: boolean; words: string }

describe('operations on a running gateway', function () {
  this.timeout(60_000)
  let web: Web
  let ann: RawSmtp
  const folder = temporaryFolder()
  before(async () => {
    web = await startLine(['a', 'b'], { messages_per_minute: '100000' })
    ann = await RawSmtp.logIn(web.a, web.ann)
    await send('first')
    await awaitMessages(web.b, web.bob, 'Requests', 1)
  })
  after(async () => {
    ann?.close()
    await web?.close()
  })

  const send = async (subject: string) =>
    expect(await ann.submit(web.ann.address, [web.bob.address], letter(web.ann, web.bob.address, subject))).to.match(
      /^250 /,
    )

  it('an invitation makes neighbours, and neither has refused the other before', () => {
    for (const gateway of web.gateways) expect(gateway.log()).to.not.include('link-unknown')
  })

  it('trace tells a letter’s way by its Message-ID and by its envelope, with what was signed', async () => {
    let trail: Trail | undefined
    await until('the report is at A', async () => {
      ;[trail] = await web.a.ask<Trail[]>('queue.show', { id: idOf('first') })
      return trail?.outcome?.event === 'delivered'
    })
    expect(trail?.steps.map(({ event, byName }) => `${event} ${byName}`)).to.deep.equal([
      'taken a (here)',
      'accepted b',
      'delivered b',
    ])
    expect(trail?.steps.every(({ signed }) => signed.split('.').length === 3)).to.equal(true)
    const [atB] = await web.b.run<Trail[]>(['trace', trail?.envelope ?? ''])
    expect(atB?.outcome?.event).to.equal('delivered')
  })

  it('status is well, and link list and show tell who the neighbour is', async () => {
    const status = await web.a.run<{ problems: string[]; links: object; underway: number; upMs: number }>(['status'])
    expect(status).to.deep.include({ problems: [], links: { up: 1, down: 0 }, underway: 0 })
    expect(status.upMs).to.be.above(0)
    const [link] = await web.a.run<LinkView[]>(['link', 'list'])
    expect(link).to.include({ name: 'b', state: 'active', up: true })
    const shown = await web.a.run<LinkView>(['link', 'show', link?.agent.slice(0, 8) ?? ''])
    const { words } = await web.b.run<{ words: string }>(['key', 'show'])
    expect(shown.words).to.equal(words)
  })

  it('a mail client finds its settings by the address, as init with --port-base made it', async () => {
    const { http, imaps, smtp } = web.a.ports
    const found = await fetch(`http://127.0.0.1:${http}/mail/config-v1.1.xml?emailaddress=${web.ann.address}`)
    expect(await found.text())
      .to.include(`<port>${imaps}</port>`)
      .and.include(`<port>${smtp}</port>`)
  })

  it('a second serve on the home is refused, and told who has it', async () => {
    const said = await web.a.command(['serve']).catch((error: Error) => error.message)
    expect(said).to.match(new RegExp(`in use by process ${web.a.pid}, since .*: stop it first`))
  })

  it('a new password holds at once, and the old one no longer', async () => {
    const next = 'ann-s second password'
    await web.a.run(['user', 'passwd', 'ann', '--password-stdin'], `${next}\n`)
    const old = await sayImap(web.a, web.ann, []).catch((error: Error) => error.message)
    expect(old).to.match(/^NO \[AUTHENTICATIONFAILED\]/)
    web.ann = { ...web.ann, password: next }
    const late = await ann.submit(web.ann.address, [web.bob.address], letter(web.ann, web.bob.address, 'late'))
    expect(late, 'the session that is open is out, too').to.match(/^530 /)
    ann.close()
    ann = await RawSmtp.logIn(web.a, web.ann)
    expect(await sayImap(web.a, web.ann, ['NOOP'])).to.have.lengthOf(1)
    expect(await readAll(web.a, web.ann, 'INBOX')).to.deep.equal([])
  })

  it('SIGHUP takes a new certificate for SMTP, IMAP and set-up, and cuts nobody off', async () => {
    const before = await certificates(web.a)
    const made = await openTls({ home: folder, domain: 'a.test' })
    for (const file of readdirSync(join(folder, 'tls')))
      copyFileSync(join(folder, 'tls', file), join(web.a.home, 'tls', file))
    signal(web.a, 'SIGHUP')
    await until('all listeners show it', async () =>
      (await certificates(web.a)).every((one) => one === made.fingerprint()),
    )
    expect(before).not.to.include(made.fingerprint())
    expect(web.a.log()).to.include('the certificate was read again')
    await send('over the same session')
  })

  it('SIGHUP takes another configuration, and refuses one that can’t be used', async () => {
    const file = join(web.a.home, 'vouchsafe.toml')
    const before = readFileSync(file, 'utf8')
    const greeting = async () => {
      const session = await RawSmtp.logIn(web.a, web.ann)
      const said = await session.say('EHLO me')
      session.close()
      return said
    }
    writeFileSync(file, before.replace('[smtp]', '[smtp]\nrecipients = "many"'))
    signal(web.a, 'SIGHUP')
    await until('it is refused', async () => web.a.log().includes('configuration-refused'))
    expect(web.a.log()).to.match(/smtp\.recipients = \\"many\\": write a whole number/)
    expect(await greeting()).to.include('RCPTMAX=100')

    writeFileSync(file, before.replace('[smtp]', '[smtp]\nrecipients = 7'))
    const pid = web.a.pid
    signal(web.a, 'SIGHUP')
    await until('it is taken', async () => (await greeting().catch(() => '')).includes('RCPTMAX=7'))
    expect(web.a.pid).to.equal(pid)
    ann = await RawSmtp.logIn(web.a, web.ann)
    await send('after another configuration')
    await awaitMessages(web.b, web.bob, 'Requests', 3)
  })

  it('queue list shows what waits and why, retry takes it up, and it goes when the neighbour is back', async () => {
    await web.b.stop()
    await send('waiting')
    let row: Underway | undefined
    await until('it waits', async () => {
      row = (await web.a.ask<Underway[]>('queue.list', {})).find((one) => one.messageId === idOf('waiting'))
      return row?.state === 'waiting'
    })
    expect(row).to.include({ to: web.bob.address, why: 'waiting for b to connect' })
    expect(await web.a.run(['queue', 'retry', idOf('waiting')])).to.deep.equal({ retried: [row?.envelope], left: [] })
    expect(await web.a.run(['queue', 'show', row?.envelope ?? ''])).to.have.lengthOf(1)
    await web.b.start()
    await awaitMessages(web.b, web.bob, 'Requests', 4)
    await until('nothing is under way', async () => (await web.a.ask<Underway[]>('queue.list', {})).length === 0)
  })

  it('a backup made while mail flows restores to the same mail and keys, elsewhere', async () => {
    const copy = join(folder, 'backup')
    let sent = 0
    let stop = false
    const flow = (async () => {
      while (!stop) await send(`flowing ${++sent}`)
    })()
    await web.b.run(['backup', copy])
    stop = true
    await flow
    const made = await awaitMessages(web.b, web.bob, 'Requests', 4 + sent)

    const restored = new Gateway(folder, 'restored', web.b.domain, web.b.portBase)
    await restored.run(['restore', copy])
    expect((await restored.run<{ problems: string[] }>(['verify'])).problems).to.deep.equal([])
    expect(await restored.run(['key', 'show'])).to.deep.equal(await web.b.run(['key', 'show']))
    await web.b.stop()
    await restored.start()
    try {
      const got = await readAll(restored, web.bob, 'Requests')
      expect(got.length).to.be.within(3, made.length)
      for (const [i, { uid, source }] of got.entries()) {
        expect(uid).to.equal(made[i]?.uid)
        expect(source.equals(made[i]?.source ?? Buffer.alloc(0)), `message ${uid}`).to.equal(true)
      }
    } finally {
      await restored.stop()
      await web.b.run(['link', 'rekey']) // the restored one has been connected: this home is the older copy now
      await web.b.start()
    }
  })

  it('SIGTERM while mail flows ends with 0, and all that 250 was said for arrives, once', async () => {
    const before = (await readAll(web.b, web.bob, 'Requests')).length
    const promised: string[] = []
    const clients = await Promise.all(Array.from({ length: 5 }, () => RawSmtp.logIn(web.a, web.ann)))
    const flows = clients.map(async (client, i) => {
      for (let n = 0; ; n++) {
        const subject = `stop ${i} ${n}`
        const bytes = letter(web.ann, web.bob.address, subject)
        const reply = await client.submit(web.ann.address, [web.bob.address], bytes).catch(() => '')
        if (!reply.startsWith('250')) return reply
        promised.push(subject)
      }
    })
    await until('mail flows', async () => promised.length > 50)
    expect(await web.a.stop(), 'exit code').to.equal(0)
    for (const reply of await Promise.all(flows)) expect(reply).to.match(/^(?:421 4\.3\.2 .*)?$/s)
    expect(web.a.log().trimEnd().split('\n').at(-1)).to.include('"event":"stopped"')
    await web.a.start()
    ann = await RawSmtp.logIn(web.a, web.ann)
    const all = await awaitMessages(web.b, web.bob, 'Requests', before + promised.length)
    const got = all.map(({ subject }) => subject).filter((subject) => subject.startsWith('stop '))
    expect(got.filter((subject) => promised.includes(subject)).sort()).to.deep.equal(promised.sort())
    expect(new Set(got).size).to.equal(got.length)
  })

  it('with a port taken by another program, serve says which and ends with 1, and leaves the home free', async () => {
    await web.b.stop()
    const other = createServer().listen(web.b.ports.imaps, '127.0.0.1')
    await once(other, 'listening')
    try {
      const said = await web.b.start().then(
        () => 'started',
        (error: Error) => error.message,
      )
      expect(said).to.include(`127.0.0.1:${web.b.ports.imaps}`)
    } finally {
      other.close()
    }
    await web.b.start()
  })

  it('keys sealed by a passphrase open with it, and without it nothing starts', async () => {
    await web.b.stop()
    await withPassphrase(() => web.b.start())
    for (const file of readdirSync(join(web.b.home, 'key')))
      expect(readFileSync(join(web.b.home, 'key', file), 'utf8'), file).not.to.include('PRIVATE KEY')
    await send('to sealed keys')
    await until('it is opened', async () => (await subjects(web)).includes('to sealed keys'))

    await web.b.stop()
    const said = await web.b.start().then(
      () => 'started',
      (error: Error) => error.message,
    )
    expect(said).to.match(/passphrase/i)
    await withPassphrase(() => web.b.start())
  })

  it('a neighbour who was revoked can hand over nothing', async () => {
    const [link] = await web.a.run<LinkView[]>(['link', 'list'])
    const bobs = await RawSmtp.logIn(web.b, web.bob)
    expect(await web.a.run(['link', 'revoke', link?.agent ?? ''])).to.include({ state: 'revoked', up: false })
    const bytes = letter(web.bob, web.ann.address, 'from a former neighbour')
    expect(await bobs.submit(web.bob.address, [web.ann.address], bytes)).to.match(/^250 /)
    bobs.close()
    await until('A refuses B by name', async () => /"code":"link-(?:revoked|unknown)"/.test(web.a.log()))
    let row: Underway | undefined
    await until('it waits at B', async () => {
      row = (await web.b.ask<Underway[]>('queue.list', {})).find(
        (one) => one.messageId === idOf('from a former neighbour'),
      )
      return row?.state === 'waiting' || row?.state === 'spooled'
    }).catch((error) => expect.fail(`${error} ${JSON.stringify(row)}`))
    const mail = await Promise.all(['INBOX', 'Requests'].map((box) => readAll(web.a, web.ann, box)))
    expect(mail.flat().map(({ subject }) => subject)).not.to.include('from a former neighbour')
  })
})

const subjects = async (web: Web): Promise<string[]> =>
  (await readAll(web.b, web.bob, 'Requests')).map(({ subject }) => subject)

const signal = (gateway: Gateway, name: NodeJS.Signals): void => {
  if (gateway.pid === undefined) throw new Error(`${gateway.name} does not run`)
  process.kill(gateway.pid, name)
}

/** SHA-256 of what the TLS listeners for mail clients show. */
const certificates = (gateway: Gateway): Promise<string[]> =>
  Promise.all(
    [gateway.ports.smtps, gateway.ports.imaps, gateway.ports.https].map(async (port) => {
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
      await once(socket, 'secureConnect')
      const shown = new X509Certificate(socket.getPeerCertificate().raw).fingerprint256
      socket.destroy()
      return shown
    }),
  )

const withPassphrase = async (work: () => Promise<void>): Promise<void> => {
  process.env.VOUCHSAFE_PASSPHRASE = 'five plum cakes on a saturday'
  try {
    await work()
  } finally {
    delete process.env.VOUCHSAFE_PASSPHRASE
  }
}
