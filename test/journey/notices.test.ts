/**
 * What a sender hears of a letter that is late, lost or delivered: notices in INBOX, as RFC 3464 has them.
 * B is down while a delay and an expiry run their course (they are seconds here); then it comes back.
 */
import { expect } from 'chai'
import { type ParsedMail, simpleParser } from 'mailparser'
import { type Person, until } from '../../scripts/neighbourhood.ts'
import { addPerson, awaitMessages, idOf, letter, RawSmtp, readAll, startLine, type Web } from './web.ts'

/** One notice, read by machine and by eye. `fields`: of message/delivery-status, by lower-case name. */
type Notice = { kind: string; mail: ParsedMail; text: string; fields: Map<string, string>; returned: string }

describe('notices to the sender', function () {
  this.timeout(60_000)
  let web: Web
  let ben: Person
  let ann: RawSmtp
  before(async () => {
    const custody = { delayed: '"1 s"', expires: '"4 s"', expires_unknown: '"3 s"' }
    web = await startLine(['a', 'r', 'b'], custody)
    ben = await addPerson(web.b, 'ben')
    ann = await RawSmtp.logIn(web.a, web.ann)
    // Both become known at A while B is there.
    for (const address of [web.bob.address, ben.address]) await send(`hello ${address}`, [address])
    await Promise.all([awaitMessages(web.b, web.bob, 'Requests', 1), awaitMessages(web.b, ben, 'Requests', 1)])
  })
  after(async () => {
    ann?.close()
    await web?.close()
  })

  const send = async (subject: string, to: string[], parameters = '', more: string[] = []) =>
    expect(
      await ann.submit(web.ann.address, to, letter(web.ann, to[0] ?? '', subject, more), parameters),
      subject,
    ).to.match(/^250 /)

  /** The notices about a letter so far, oldest first. */
  const noticesOf = async (subject: string): Promise<Notice[]> => {
    const all = await readAll(web.a, web.ann, 'INBOX')
    const mails = await Promise.all(all.map(({ source }) => simpleParser(source)))
    return mails.filter((mail) => mail.inReplyTo === idOf(subject)).map(noticeOf)
  }
  const awaitNotices = async (subject: string, kinds: string[]): Promise<Notice[]> => {
    let got: Notice[] = []
    await until(`${kinds.join(' and ')} of "${subject}"`, async () => {
      got = await noticesOf(subject)
      return got.length >= kinds.length
    })
    expect(got.map(({ kind }) => kind)).to.deep.equal(kinds)
    return got
  }

  const untilFailed = async (subject: string): Promise<Notice> => {
    let found: Notice | undefined
    await until(`"${subject}" failed`, async () => {
      found = (await noticesOf(subject)).find(({ kind }) => kind === 'failed')
      return found !== undefined
    })
    if (found === undefined) throw new Error('unreachable')
    return found
  }

  /** The keyword of each letter in Outgoing, by subject. */
  const stages = async (): Promise<Record<string, string | undefined>> => {
    const all = await readAll(web.a, web.ann, 'Outgoing')
    return Object.fromEntries(all.map(({ subject, flags }) => [subject, [...flags].find((flag) => /^\$/.test(flag))]))
  }

  describe('when a letter arrives', () => {
    it('NOTIFY=SUCCESS brings a report of the delivery, from afar and from here', async () => {
      await send('tell me', [`${web.bob.address}> NOTIFY=SUCCESS`, `${web.ann.address}> NOTIFY=SUCCESS,FAILURE`])
      const got = await awaitNotices('tell me', ['delivered', 'delivered'])
      const reached = got.map(({ fields }) => fields.get('final-recipient'))
      expect(reached.sort()).to.deep.equal([`rfc822; ${web.ann.address}`, `rfc822; ${web.bob.address}`])
      for (const { fields, text } of got) {
        expect(fields.get('status')).to.equal('2.0.0')
        expect(text).to.include('Your message has arrived.')
      }
      // On a busy machine it may have been delayed; that is told without being asked for.
      const unasked = (await noticesOf(`hello ${web.bob.address}`)).map(({ kind }) => kind)
      expect(unasked, 'without NOTIFY').not.to.include('delivered')
    })
  })

  describe('while B is down', () => {
    before(async () => {
      await web.b.stop()
      const asked = ` RET=FULL ENVID=${xtext('order 7+1')}`
      await send('late', [`${web.bob.address}> ORCPT=rfc822;${xtext('bob+alias@old.test')}`], asked)
      await send('never mind', [`${web.bob.address}> NOTIFY=NEVER`])
      await send('only failures', [`${web.bob.address}> NOTIFY=FAILURE`])
      await send('dropped', ['dora@b.test> NOTIFY=FAILURE'])
      await web.a.run(['queue', 'drop', idOf('dropped')])
      await send('out of reach', [`${web.bob.address}> NOTIFY=FAILURE`])
      await until('R has it', async () => {
        const [trail] = await web.a.ask<{ state: string }[]>('queue.show', { id: idOf('out of reach') })
        return trail?.state === 'handed'
      })
      await web.a.run(['queue', 'drop', idOf('out of reach')])
      await send('to a stranger', ['carl@b.test> NOTIFY=FAILURE'])
    })

    it('what an administrator drops ends as a notice that says so', async () => {
      const [got] = await awaitNotices('dropped', ['failed'])
      expect(got?.fields.get('status')).to.equal('5.7.0')
      expect(got?.text).to.include('An administrator of your gateway took it out of the queue.')
      expect(plain(got)).not.to.include('it may still arrive')
    })

    it('and does not promise more than it can: whoever has custody goes on', async () => {
      const [got] = await awaitNotices('out of reach', ['failed'])
      expect(plain(got)).to.match(/r had taken custody of it by then: it may still arrive/i)
    })

    it('an address that could not be asked about in time is given up as unknown', async () => {
      const [got] = await awaitNotices('to a stranger', ['failed'])
      expect(got?.fields.get('status')).to.equal('5.1.2')
      expect(got?.text).to.include('Check the spelling of carl@b.test')
    })

    it('late, a letter brings a delayed notice and then a failed one, each saying where it is and what to do', async () => {
      const [delayed, failed] = await awaitNotices('late', ['delayed', 'failed'])

      expect(delayed?.fields.get('status')).to.equal('4.4.7')
      expect(delayed?.fields.get('will-retry-until')).to.be.a('string')
      expect(delayed?.text).to.include('It is not lost')
      expect(plain(delayed))
        .to.match(/r has it and goes on trying\./i)
        .and.to.include('You need not do anything')

      expect(failed?.fields.get('status')).to.equal('5.4.7')
      expect(plain(failed))
        .to.include('could not be delivered in time')
        .and.to.match(/What you can do: \S+/)
      // RET=FULL is about failures: RFC 3461 §4.3
      expect(failed?.returned).to.include('This is the letter "late".')
      expect(delayed?.returned).not.to.include('This is the letter')

      const way = /Its way so far:(.*)This letter/s.exec(plain(failed))?.[1] ?? ''
      expect(way).to.match(
        /this gateway \(a\.test\) accepted it .*r took custody of it .*r gave it up: its time had run out/i,
      )

      for (const got of [delayed, failed]) {
        expect(got?.fields.get('original-envelope-id')).to.equal('order 7+1')
        expect(got?.fields.get('original-recipient')).to.equal('rfc822;bob+alias@old.test')
        expect(got?.fields.get('reporting-mta')).to.equal('dns; a.test')
        expect(got?.fields.get('final-recipient')).to.equal(`rfc822; ${web.bob.address}`)
        expect(got?.returned).to.include(`Message-ID: ${idOf('late')}`)
        expect(got?.mail.headers.get('auto-submitted')).to.equal('auto-replied')
        expect(got?.mail.headers.get('return-path')).to.satisfy((path: unknown) => isNull(path), 'nobody is answered')
      }
    })

    it('NOTIFY is obeyed: FAILURE alone brings no delay, NEVER brings nothing, and Outgoing shows what happened', async () => {
      await awaitNotices('only failures', ['failed'])
      await until('"never mind" failed, too', async () => (await stages())['never mind'] === '$Failed')
      expect(await noticesOf('never mind')).to.deep.equal([])
      expect(await stages()).to.include({ late: '$Failed', dropped: '$Failed', 'tell me': '$Delivered' })
    })
  })

  describe('when the recipient has left', () => {
    it('a recipient who left while the letter waited at R ends as a notice at A', async () => {
      web.a.set('expires', '"1 h"')
      ann.close()
      await Promise.all([
        web.a.stop().then(() => web.a.start()),
        web.b.run(['user', 'remove', ben.address, '--yes']), // B is down still
      ])
      ann = await RawSmtp.logIn(web.a, web.ann)
      await send('too late', [ben.address])
      await until('R has it', async () => (await stages())['too late']?.match(/InCustody|Delayed/) != null)
      await web.b.start()
      const failed = await untilFailed('too late')
      expect(failed.fields.get('status')).to.equal('5.1.1')
      expect(plain(failed)).to.include('There is no such mailbox at that gateway')
      expect(plain(failed)).to.match(/refused it \(mailbox-missing\)/)
    })
  })
})

const noticeOf = (mail: ParsedMail): Notice => {
  const lines = (mail.text ?? '').split(/\r?\n/) // the parser puts message/delivery-status below the text
  const fields = new Map(
    lines.flatMap((line) => {
      const [, name = '', value = ''] = /^([^:]+):\s*(.*)$/.exec(line) ?? []
      return name ? [[name.toLowerCase(), value] as const] : []
    }),
  )
  const returned = mail.attachments.map(({ content }) => content.toString()).join('')
  return { kind: fields.get('action') ?? 'none', mail, text: mail.text ?? '', fields, returned }
}

/** The text as one line: what a sentence says must not hang on where it was wrapped. */
const plain = (notice: Notice | undefined): string => (notice?.text ?? '').replace(/\s+/g, ' ')

const isNull = (path: unknown): boolean => JSON.stringify(path ?? '').match(/@/) === null

/** RFC 3461 §4. */
const xtext = (text: string): string =>
  text.replace(/[^!-~]|[+=]/g, (char) => `+${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
