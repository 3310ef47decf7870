/**
 * Letters between people: who gets one, what is in it and what never is, where it lands, and what its
 * sender sees of it meanwhile. Three gateways in a line; two people at each end.
 */
import { expect } from 'chai'
import { type Person, until } from '../../scripts/neighbourhood.ts'
import { addPerson, type Got, idOf, letter, RawSmtp, readAll, sayImap, startLine, type Web, withImap } from './web.ts'

type Trail = { envelope: string; state: string; steps: { signed: string }[] }

describe('letters through three gateways', function () {
  this.timeout(60_000)
  let web: Web
  let amy: Person
  let ben: Person
  let ann: RawSmtp // Ann's mail client; the name it greets with is her own computer's
  before(async () => {
    web = await startLine(['a', 'r', 'b'])
    ;[amy, ben] = await Promise.all([addPerson(web.a, 'amy'), addPerson(web.b, 'ben')])
    ann = await RawSmtp.logIn(web.a, web.ann, 'anns-laptop.lan')
  })
  after(async () => {
    ann?.close()
    await web?.close()
  })

  const find = async (gateway: Web['a'], person: Person, folder: string, subject: string): Promise<Got> => {
    let found: Got | undefined
    await until(`"${subject}" in ${folder} of ${person.address}`, async () => {
      found = (await readAll(gateway, person, folder)).find((one) => one.subject === subject)
      return found !== undefined
    })
    if (found === undefined) throw new Error('unreachable')
    return found
  }

  describe('delivery', () => {
    it('each recipient has a fate of their own: known, here, unknown here, unknown anywhere', async () => {
      expect(await ann.say(`MAIL FROM:<${web.ann.address}>`)).to.match(/^250 /)
      expect(await ann.say(`RCPT TO:<${web.bob.address}>`), 'found through R').to.match(/^250 /)
      expect(await ann.say(`RCPT TO:<${amy.address}>`), 'here').to.match(/^250 /)
      expect(await ann.say('RCPT TO:<nobody@a.test>')).to.match(/^550 5\.1\.1 /)
      for (const address of ['ghost@b.test', 'ghost@nowhere.test']) {
        const asked = Date.now()
        expect(await ann.say(`RCPT TO:<${address}>`), address).to.match(/^550 5\.1\.2 /)
        expect(Date.now() - asked, `${address}, ms`).to.be.below(10_000)
      }
      await ann.say('RSET')
      const bytes = letter(web.ann, `${web.bob.address}>, <${amy.address}`, 'mixed fates')
      expect(await ann.submit(web.ann.address, [web.bob.address, amy.address], bytes)).to.match(/^250 /)
      await Promise.all([find(web.b, web.bob, 'Requests', 'mixed fates'), find(web.a, amy, 'Requests', 'mixed fates')])
    })

    it('mail to oneself is in INBOX, once', async () => {
      const bytes = letter(web.ann, web.ann.address, 'to myself')
      expect(await ann.submit(web.ann.address, [web.ann.address], bytes)).to.match(/^250 /)
      await find(web.a, web.ann, 'INBOX', 'to myself')
      const all = await readAll(web.a, web.ann, 'INBOX')
      expect(all.filter((one) => one.subject === 'to myself')).to.have.lengthOf(1)
    })

    it('mail for postmaster reaches the owner, who has another address, once', async () => {
      const bytes = letter(web.ann, 'postmaster@a.test', 'to whom it concerns')
      expect(await ann.submit(web.ann.address, ['postmaster', web.ann.address], bytes)).to.match(/^250 /)
      await find(web.a, web.ann, 'INBOX', 'to whom it concerns')
      const all = await readAll(web.a, web.ann, 'INBOX')
      expect(all.filter((one) => one.subject === 'to whom it concerns')).to.have.lengthOf(1)
    })

    it('mail between two accounts of a gateway never leaves it, and bears trace fields all the same', async () => {
      expect(await ann.submit(web.ann.address, [amy.address], letter(web.ann, amy.address, 'in the house'))).to.match(
        /^250 /,
      )
      const { source } = await find(web.a, amy, 'Requests', 'in the house')
      const fields = headerOf(source)
      expect(fields.get('return-path')).to.deep.equal([`<${web.ann.address}>`])
      expect(fields.get('authentication-results')?.[0]).to.match(/^a\.test; vouchsafe-seal=none; .*known=own$/)
      expect(fields.get('received')?.[0]).to.match(/^by a\.test with ESMTP id [0-9a-f]{32} for <amy@a\.test>; /)
      expect(fields.has('vouchsafe-path')).to.equal(false)

      const envelope = /id ([0-9a-f]{32}) for/.exec(fields.get('received')?.[0] ?? '')?.[1] ?? 'none'
      const [, r] = web.gateways
      const left = await r?.command(['trace', envelope]).catch((error: Error) => error.message)
      expect(left).to.include('No message')
      expect(r?.log()).not.to.include(envelope)
    })

    it('a Bcc is nowhere to be seen, and every recipient elsewhere has a payload of their own', async () => {
      const bytes = letter(web.ann, web.bob.address, 'with a bcc', [`Bcc: <${ben.address}>, <${amy.address}>`])
      const recipients = [web.bob.address, ben.address, amy.address]
      expect(await ann.submit(web.ann.address, recipients, bytes)).to.match(/^250 /)
      const [atBob, atBen, atAmy] = await Promise.all([
        find(web.b, web.bob, 'Requests', 'with a bcc'),
        find(web.b, ben, 'Requests', 'with a bcc'),
        find(web.a, amy, 'Requests', 'with a bcc'),
      ])
      expect(atBob.source.toString()).not.to.match(/bcc:|ben@|amy@/i)
      expect(atBen.source.toString())
        .to.include('for <ben@b.test>')
        .and.not.match(/bcc:|amy@/i)
      expect(atAmy.source.toString()).not.to.match(/bcc:|ben@/i)

      const trails = await web.a.ask<Trail[]>('queue.show', { id: idOf('with a bcc') })
      const payloads = trails.map(({ steps }) => bodyOf(steps[0]?.signed ?? '').hash)
      expect(payloads).to.have.lengthOf(2)
      expect(new Set(payloads).size, 'payloads').to.equal(2)
      expect(new Set(trails.map(({ envelope }) => envelope)).size, 'envelopes').to.equal(2)
    })

    it('forged trace fields are gone on arrival, and nothing tells where the sender sits', async () => {
      const forged = [
        'Return-Path: <forged@evil.test>',
        'Authentication-Results: b.test; vouchsafe-seal=pass; forged=yes',
        'authentication-results: a.test;\r\n forged=folded',
        'Received: from forged.evil.test ([203.0.113.7]) by anns-laptop.lan',
        'Vouchsafe-Path: id=forged',
      ]
      const bytes = letter(web.ann, web.bob.address, 'with forgeries', forged)
      expect(await ann.submit(web.ann.address, [web.bob.address], bytes)).to.match(/^250 /)
      const { source } = await find(web.b, web.bob, 'Requests', 'with forgeries')
      const text = source.toString()
      expect(text).not.to.match(/forged|203\.0\.113\.7/)
      expect(text, 'its IP address').not.to.match(/127\.0\.0\.1|::1\b/)
      expect(text, 'its name').not.to.include('anns-laptop')
      const fields = headerOf(source)
      for (const name of ['return-path', 'authentication-results', 'vouchsafe-path'])
        expect(fields.get(name), name).to.have.lengthOf(1)
      expect(fields.get('authentication-results')?.[0]).to.match(
        /^b\.test; vouchsafe-seal=pass; vouchsafe-signature=pass /,
      )
      const [way = ''] = fields.get('vouchsafe-path') ?? []
      expect(way, 'who brought it').to.match(/\(the gateway of ann@a\.test: words: [a-z]+( [a-z]+){5}\)/)
      expect(way, 'the neighbour who answers for it').to.match(/\("\w+", a neighbour of this gateway\)$/)
      expect(fields.get('received')?.at(-1), 'only counted').to.match(/^by a\.test \(1 earlier hops left out\); /)
    })

    it('the sender address must be the account’s', async () => {
      for (const address of [amy.address, web.bob.address, 'president@a.test', ''])
        expect(await ann.say(`MAIL FROM:<${address}>`), address).to.match(/^553 5\.7\.1 /)
      expect(await ann.say(`MAIL FROM:<${web.ann.address.toUpperCase()}>`)).to.match(/^250 /)
      await ann.say('RSET')
    })
  })

  describe('Requests', () => {
    it('moving a stranger’s letter to INBOX accepts the stranger: the next one lands there', async () => {
      const [first] = await readAll(web.b, web.bob, 'Requests')
      await withImap(web.b, web.bob, async (client) => {
        await client.mailboxOpen('Requests')
        await client.messageMove(String(first?.uid), 'INBOX', { uid: true })
      })
      await until('B trusts Ann', async () => (await contactsOf(web, 'b', web.bob)).includes(web.ann.address))
      await ann.submit(web.ann.address, [web.bob.address], letter(web.ann, web.bob.address, 'to a friend'))
      const { source } = await find(web.b, web.bob, 'INBOX', 'to a friend')
      expect(headerOf(source).get('authentication-results')?.[0]).to.match(/known=contact$/)
    })

    it('writing to somebody accepts them as well, without a move', async () => {
      const bens = await RawSmtp.logIn(web.b, ben)
      await bens.submit(ben.address, [web.ann.address], letter(ben, web.ann.address, 'an answer'))
      bens.close()
      await find(web.a, web.ann, 'INBOX', 'an answer') // Ann wrote to Ben before
      await ann.submit(web.ann.address, [ben.address], letter(web.ann, ben.address, 'an answer to it'))
      await find(web.b, ben, 'INBOX', 'an answer to it')
    })

    it('contact trust and untrust say it on the command line', async () => {
      const { words } = await web.b.run<{ words: string }>(['contact', 'add', amy.address, '--as', ben.address])
      await web.b.run(['contact', 'trust', amy.address, '--as', ben.address, '--words', words])
      const amys = await RawSmtp.logIn(web.a, amy)
      await amys.submit(amy.address, [ben.address], letter(amy, ben.address, 'compared'))
      const { source } = await find(web.b, ben, 'INBOX', 'compared')
      expect(headerOf(source).get('authentication-results')?.[0]).to.match(/known=verified$/)

      await web.b.run(['contact', 'untrust', amy.address, '--as', ben.address])
      expect(await contactsOf(web, 'b', ben)).not.to.include(amy.address)
      await amys.submit(amy.address, [ben.address], letter(amy, ben.address, 'fallen out'))
      await find(web.b, ben, 'Requests', 'fallen out')
      amys.close()
    })
  })

  describe('Outgoing', () => {
    it('nothing can be put in, changed or taken out', async () => {
      const before = await readAll(web.a, web.ann, 'Outgoing')
      expect(before.length).to.be.above(0)
      const answers = await sayImap(web.a, web.ann, [
        'APPEND Outgoing {3+}\r\nA:b',
        'SELECT INBOX',
        'COPY 1 Outgoing',
        'MOVE 1 Outgoing',
        'SELECT Outgoing',
        'STORE 1 +FLAGS (\\Deleted)',
        'STORE 1 +FLAGS ($Delivered)',
        'EXPUNGE',
        'UID EXPUNGE 1:*',
        'MOVE 1 INBOX',
        'UID MOVE 1:* Trash',
        'CLOSE',
      ])
      expect(answers.map((line) => line.replace(/^(\w+ (?:\[[-A-Z]+\])?).*/, '$1'))).to.deep.equal([
        'NO [NOPERM]',
        'OK [READ-WRITE]',
        'NO [NOPERM]',
        'NO [NOPERM]',
        'OK [READ-ONLY]',
        ...Array.from({ length: 6 }, () => 'NO [READ-ONLY]'),
        'OK ',
      ])
      const told = ({ uid, flags }: Got) => `${uid} ${[...flags]}`
      expect((await readAll(web.a, web.ann, 'Outgoing')).map(told)).to.deep.equal(before.map(told))
    })

    it('an open session sees a letter go its way: $Queued or $Routing, $InCustody, $Delivered', async () => {
      const [, r] = web.gateways
      await withImap(web.a, web.ann, async (client) => {
        const box = await client.mailboxOpen('Outgoing')
        const seen: string[] = []
        const note = (flags: Set<string>) => {
          const stage = [...flags].find((flag) => flag.startsWith('$'))
          if (stage !== undefined && stage !== seen.at(-1)) seen.push(stage)
        }
        const sequence = box.exists + 1
        client.on('flags', ({ seq, flags }) => seq === sequence && note(flags))
        const look = async () => {
          await client.noop()
          if ((client.mailbox ? client.mailbox.exists : 0) < sequence) return
          const message = await client.fetchOne(String(sequence), { flags: true })
          if (message) note(message.flags ?? new Set())
        }

        await Promise.all([r?.stop(), web.b.stop()])
        await ann.submit(web.ann.address, [web.bob.address], letter(web.ann, web.bob.address, 'slow'))
        await until('NOOP tells of $Routing', async () => {
          await look()
          return seen.at(-1) === '$Routing'
        })
        void client.idle() // from here on nobody asks: it is told
        await r?.start()
        await until('IDLE tells of $InCustody', async () => seen.at(-1) === '$InCustody')
        await web.b.start()
        await until('IDLE tells of $Delivered', async () => seen.at(-1) === '$Delivered')
        expect(seen.filter((stage) => stage !== '$Queued')).to.deep.equal(['$Routing', '$InCustody', '$Delivered'])
      })
      await find(web.b, web.bob, 'INBOX', 'slow')
    })
  })
})

const contactsOf = async (web: Web, at: 'a' | 'b', person: Person): Promise<string[]> => {
  const contacts = await web[at].run<{ address: string }[]>(['contact', 'list', '--as', person.address])
  return contacts.map(({ address }) => address)
}

/** Header fields by lower-case name, unfolded, in order. */
const headerOf = (source: Buffer): Map<string, string[]> => {
  const fields = new Map<string, string[]>()
  const header = source.toString('latin1').split('\r\n\r\n')[0] ?? ''
  for (const line of header.split(/\r\n(?![ \t])/)) {
    const [, name = '', value = ''] = /^([^:]+):\s*(.*)$/s.exec(line) ?? []
    const values = fields.get(name.toLowerCase()) ?? []
    fields.set(name.toLowerCase(), [...values, value.replace(/\r\n\s+/g, ' ')])
  }
  return fields
}

/** What a signed record says. */
const bodyOf = (jws: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString())
