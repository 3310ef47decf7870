/**
 * Gateways that hand mail to Debian's Dovecot instead of keeping it: across the web, within a gateway, and while
 * Dovecot is not there. Dovecot drops privileges itself, so it wants to be started by root.
 */
import { expect } from 'chai'
import { ImapFlow } from 'imapflow'
import { type Dovecot, startDovecot } from '../../scripts/bench/peer.ts'
import { temporaryFolder, until } from '../../scripts/neighbourhood.ts'
import { freePort } from '../../scripts/ports.ts'
import { idOf, letter, RawSmtp, startLine, type Web } from '../journey/web.ts'
import { need, needRoot } from './need.ts'

describe('mail kept by Dovecot', function () {
  this.timeout(120_000)
  let web: Web
  let dovecot: Dovecot | undefined

  before(async function () {
    need(this, 'dovecot', 'dovecot-imapd dovecot-lmtpd')
    needRoot(this, 'Dovecot')
    const nobody = await freePort()
    web = await startLine(['a', 'b'], { lmtp: `"127.0.0.1:${nobody}"` })
  })
  after(async () => {
    await web?.close()
    await dovecot?.stop()
  })

  /** The subjects in Dovecot's INBOX of a person. */
  const subjects = async (address: string): Promise<string[]> => {
    const auth = { user: address, pass: 'any' }
    const client = new ImapFlow({
      host: '127.0.0.1',
      port: dovecot?.imap ?? 0,
      secure: false,
      doSTARTTLS: false,
      auth,
      logger: false,
    })
    await client.connect()
    try {
      const lock = await client.getMailboxLock('INBOX')
      const found: string[] = []
      const isEmpty = !client.mailbox || client.mailbox.exists === 0 // Dovecot takes no 1:* of nothing
      for await (const { envelope } of isEmpty ? [] : client.fetch('1:*', { envelope: true }))
        found.push(envelope?.subject ?? '')
      lock.release()
      return found
    } finally {
      await client.logout()
    }
  }
  const send = async (to: string, subject: string, parameters = '') => {
    const client = await RawSmtp.logIn(web.a, web.ann)
    const rcpt = parameters === '' ? to : `${to}> ${parameters}`
    expect(await client.submit(web.ann.address, [rcpt], letter(web.ann, to, subject))).to.match(/^250 /)
    client.close()
  }
  const trail = async (subject: string) => {
    type Shown = { outcome: { event: string } | null; why: string; state: string }
    const [shown] = await web.a.ask<Shown[]>('queue.show', { id: idOf(subject) })
    return shown
  }

  it('while it is away mail is in custody, and nobody is told that it was delivered', async () => {
    await send(web.bob.address, 'over the web')
    await send(web.ann.address, 'to myself', 'NOTIFY=SUCCESS')
    await until('both wait', async () => (await web.b.ask<unknown[]>('queue.list', {})).length === 1)
    const [waiting] = await web.b.run<{ why: string }[]>(['queue', 'list'])
    expect(waiting?.why).to.include('LMTP')
    for (const subject of ['over the web', 'to myself']) expect((await trail(subject))?.outcome).to.equal(null)
  })

  it('doctor says so', async () => {
    type Found = { findings: { what: string; state: string }[] }
    const { findings } = await web.b.answer<Found>(['doctor'])
    expect(findings.find(({ what }) => what.includes('LMTP'))?.state).to.equal('wrong')
  })

  it('it takes up all that waited, over a restart, and the senders hear of it', async () => {
    dovecot = await startDovecot(temporaryFolder())
    for (const gateway of [web.a, web.b]) {
      await gateway.stop()
      gateway.set('lmtp', `"127.0.0.1:${dovecot.lmtp}"`)
      await gateway.start()
    }
    await until('bob has it', async () => (await subjects(web.bob.address)).includes('over the web'))
    await until('ann has it, and the notice she asked for', async () => (await subjects(web.ann.address)).length === 2)
    expect(await subjects(web.ann.address)).to.have.members(['to myself', 'Delivered: to myself'])
    await until('it is reported', async () => (await trail('over the web'))?.outcome?.event === 'delivered')
    expect((await trail('to myself'))?.outcome).to.include({ event: 'delivered' })
  })

  it('what comes now is there at once, once', async () => {
    await send(web.bob.address, 'at once')
    await until('bob has it', async () => (await subjects(web.bob.address)).includes('at once'))
    expect((await subjects(web.bob.address)).toSorted()).to.deep.equal(['at once', 'over the web'])
  })

  it('a complaint names the message, which is in no folder here', async () => {
    const made = await web.b.run<{ stage: string; of: string }>(['complaint', 'raise', idOf('at once')])
    expect(made.of).to.equal(web.ann.address)
    await until('it has gone', async () => {
      const { made } = await web.b.ask<{ made: { stage: string }[] }>('complaint.list', {})
      return made[0]?.stage === 'made'
    })
  })
})
