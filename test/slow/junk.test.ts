/**
 * Junk pressed in a real mail client, between real gateways: A's Ann gets mail of M's Bob over R. The
 * complaint goes back over R to M; taken back, it never was.
 */
import { expect } from 'chai'
import type { Complaints } from '../../gateway/operation/complaint.ts'
import type { UserDetail } from '../../gateway/operation/user.ts'
import type { WhyView } from '../../gateway/operation/why.ts'
import { type Person, until } from '../../scripts/neighbourhood.ts'
import { awaitMessages, idOf, letter, RawSmtp, readAll, startLine, type Web, withImap } from '../journey/web.ts'

describe('junk pressed in a mail client', function () {
  this.timeout(60_000)
  let web: Web
  let postmaster: Person
  before(async () => {
    web = await startLine(['a', 'r', 'm'], { grace: '"1 s"' })
    postmaster = await web.b.addUser('postmaster', 'postmaster-s password')
  })
  after(() => web?.close())

  /** Bob's letter, as Ann finds it in Requests. */
  const receive = async (subject: string): Promise<void> => {
    const client = await RawSmtp.logIn(web.b, web.bob)
    const bytes = letter(web.bob, web.ann.address, subject)
    expect(await client.submit(web.bob.address, [web.ann.address], bytes)).to.match(/^250 /)
    client.close()
    await until(`"${subject}" is in Requests`, async () => (await subjects('Requests')).includes(subject))
  }
  const subjects = async (folder: string) => (await readAll(web.a, web.ann, folder)).map(({ subject }) => subject)
  const move = (subject: string, from: string, to: string) =>
    withImap(web.a, web.ann, async (client) => {
      await client.mailboxOpen(from)
      const found = await client.search({ header: { 'message-id': idOf(subject) } }, { uid: true })
      expect(await client.messageMove((found || []).join(','), to, { uid: true }), 'moved').to.be.an('object')
    })
  const atA = async () => (await web.a.run<Complaints>(['complaint', 'list'])).made
  const atM = async () => (await web.b.run<Complaints>(['complaint', 'list'])).received
  const stageOf = async (subject: string) => {
    const shown = (await web.a.run<{ messageId: string; envelope: string }[]>(['trace', idOf(subject)])) as {
      envelope: string
    }[]
    return (await atA()).find(({ envelope }) => envelope === shown[0]?.envelope)?.stage
  }
  const reached = (subject: string) =>
    until(`the complaint about "${subject}" reaches M`, async () =>
      (await atM()).some(({ messageId }) => messageId === idOf(subject)),
    )

  it('the complaint comes to the origin, who tells its user and its owner', async () => {
    await receive('first')
    await move('first', 'Requests', 'Junk')
    await reached('first')
    const [made] = await atA()
    expect(made).to.include({ stage: 'made', by: web.ann.address, of: web.bob.address, reason: 'abuse' })
    expect(made?.costs?.name, 'who handed it to us pays').to.equal('r')
    const relay = web.gateways[1]
    const passed = (await relay?.run<Complaints>(['complaint', 'list']))?.received[0]
    expect([passed?.paid?.name, passed?.charged?.name, passed?.about], 'the relay comes out even').to.deep.equal([
      'a',
      'm',
      null,
    ])
    const [received] = await atM()
    expect([received?.paid?.name, received?.charged, received?.about]).to.deep.equal(['r', null, web.bob.address])
    const why = await web.a.run<WhyView>(['link', 'why', 'r'])
    expect(why.debt).to.be.within(0.9, 1)
    expect(why.complaints[0]).to.include({ direction: 'theirs', reason: 'abuse', envelope: made?.envelope })
    const { sending } = await web.b.run<UserDetail>(['user', 'show', web.bob.address])
    expect(sending).to.include({ level: 'warned', complainers: 1 })
    const [warning] = await awaitMessages(web.b, web.bob, 'INBOX', 1)
    expect(warning?.subject).to.equal('Somebody complained about your mail')
    expect(warning?.source.toString()).to.contain(idOf('first')).and.not.to.contain(web.ann.address)
    const [report] = await awaitMessages(web.b, postmaster, 'INBOX', 1)
    expect(report?.source.toString())
      .to.match(/report-type=feedback-report/)
      .and.match(/^Feedback-Type: abuse\r$/m)
  })

  it('moved out later, it is taken back there, too', async () => {
    await move('first', 'Junk', 'INBOX')
    await until('it is taken back at M', async () => (await atM()).every(({ withdrawnAt }) => withdrawnAt !== null))
    expect((await web.b.run<UserDetail>(['user', 'show', web.bob.address])).sending.level).to.equal('free')
    expect(await stageOf('first')).to.equal('undone')
    expect((await web.a.run<WhyView>(['link', 'why', 'r'])).debt).to.equal(0)
  })

  it('back out within the grace, nothing ever happened', async () => {
    await receive('mistake')
    await receive('meant')
    await withImap(web.a, web.ann, async (client) => {
      await client.mailboxOpen('Requests')
      const uid = async (subject: string) =>
        (await client.search({ header: { 'message-id': idOf(subject) } }, { uid: true })) || []
      await client.messageMove((await uid('mistake')).join(','), 'Junk', { uid: true })
      await client.mailboxOpen('Junk')
      await client.messageMove((await uid('mistake')).join(','), 'INBOX', { uid: true })
    })
    await move('meant', 'Requests', 'Junk')
    await reached('meant')
    expect((await atM()).map(({ messageId }) => messageId)).not.to.include(idOf('mistake'))
    expect(await stageOf('mistake')).to.equal(undefined)
  })

  it('a gateway killed in the grace complains after it', async () => {
    await receive('killed')
    await move('killed', 'Requests', 'Junk')
    await web.a.stop('SIGKILL')
    await web.a.start()
    await reached('killed')
  })

  it('the same by a command, with its reason', async () => {
    await receive('by hand')
    await web.a.run(['complaint', 'raise', idOf('by hand'), '--reason', 'fraud'])
    await reached('by hand')
    expect((await atM()).find(({ messageId }) => messageId === idOf('by hand'))?.reason).to.equal('fraud')
  })

  it('and by a report to abuse@; one that names no message is answered', async () => {
    await receive('reported')
    const client = await RawSmtp.logIn(web.a, web.ann)
    const report = (about: string) =>
      Buffer.from(
        [
          `From: <${web.ann.address}>`,
          'To: <abuse@a.test>',
          'Subject: Report',
          'MIME-Version: 1.0',
          'Content-Type: multipart/report; report-type=feedback-report; boundary="b"',
          '',
          '--b\r\nContent-Type: text/plain\r\n\r\nSpam.\r\n--b',
          'Content-Type: message/feedback-report\r\n\r\nFeedback-Type: virus\r\nUser-Agent: Client/1\r\nVersion: 1\r\n\r\n--b',
          `Content-Type: text/rfc822-headers\r\n\r\n${about}\r\n\r\n--b--`,
          '',
        ].join('\r\n'),
      )
    expect(await client.submit(web.ann.address, ['abuse@a.test'], report(`Message-ID: ${idOf('reported')}`))).to.match(
      /^250 /,
    )
    expect(await client.submit(web.ann.address, ['abuse@a.test'], report('Subject: which?'))).to.match(/^250 /)
    client.close()
    await reached('reported')
    expect(await subjects('INBOX')).to.include('Your report to abuse@ was not taken as a complaint')
  })

  it('whoever is stopped is told by SMTP, until the administrator allows it', async () => {
    await web.b.stop()
    web.b.set('slow_at', '1')
    web.b.set('stop_at', '1')
    await web.b.start()
    await receive('last')
    await move('last', 'Requests', 'Junk')
    await reached('last')
    const client = await RawSmtp.logIn(web.b, web.bob)
    expect(await client.say(`MAIL FROM:<${web.bob.address}>`)).to.match(/^550 5\.7\.1 .*complained/)
    expect((await web.b.run<UserDetail>(['user', 'show', web.bob.address])).sending.level).to.equal('stopped')
    await web.b.run(['user', 'allow', web.bob.address])
    expect(await client.say(`MAIL FROM:<${web.bob.address}>`)).to.match(/^250 /)
    client.close()
  })

  it('what is accepted was wanted: its credit is free at once', async () => {
    const wanted = async () => (await web.a.run<WhyView>(['link', 'why', 'r'])).theirs.wanted
    await receive('welcome')
    const before = await wanted()
    await move('welcome', 'Requests', 'INBOX')
    await until('it counts as wanted', async () => (await wanted()) === before + 1)
  })

  it('of somebody known the trust goes instead, the person is told so, and it comes back', async () => {
    const before = (await atM()).length
    const send = async (subject: string, folder: string) => {
      const client = await RawSmtp.logIn(web.b, web.bob)
      const bytes = letter(web.bob, web.ann.address, subject)
      expect(await client.submit(web.bob.address, [web.ann.address], bytes)).to.match(/^250 /)
      client.close()
      await until(`"${subject}" is in ${folder}`, async () => (await subjects(folder)).includes(subject))
    }
    await send('of a friend', 'INBOX')
    await move('of a friend', 'INBOX', 'Junk')
    await until('trust is taken back', async () => (await stageOf('of a friend')) === 'distrusted')
    expect(await subjects('INBOX')).to.include(`Mail of ${web.bob.address} waits in Requests from now on`)
    await send('of a stranger', 'Requests')
    await move('of a friend', 'Junk', 'INBOX')
    await until('it is undone', async () => (await stageOf('of a friend')) === 'undone')
    await send('of a friend again', 'INBOX')
    expect((await atM()).length, 'complaints at M').to.equal(before)
    expect(await web.a.command(['complaint', 'list'])).to.match(/Made here:\n.*paid by.*\n.*bob@m\.test/)
    expect(await web.b.command(['complaint', 'list'])).to.match(/Received from others:\n.*we paid/)
    expect(await web.a.command(['link', 'why', 'r'])).to.match(/theirs to us/)
  })
})
