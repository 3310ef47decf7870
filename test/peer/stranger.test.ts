/**
 * A second implementation, written in Python from docs/protocol.md alone: it becomes a neighbour of one gateway, and
 * people there and behind it exchange letters with its own. What it needs to be told is a defect of that page.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { type Person, until } from '../../scripts/neighbourhood.ts'
import { type Got, letter, RawSmtp, readAll, startLine, type Web } from '../journey/web.ts'
import { need, needPython, python } from './need.ts'

type Said = { event: string; [more: string]: string | number }
type Trail = { state: string; steps: { event: string; text: string }[] }

describe('a second implementation', function () {
  this.timeout(120_000)
  let web: Web
  let child: ChildProcess
  let address: string
  const said: Said[] = []
  let errors = ''
  before(async function () {
    need(this, 'gpg', 'gnupg')
    needPython(this, { h2: 'python3-h2', OpenSSL: 'python3-openssl', cryptography: 'python3-cryptography' })
    web = await startLine(['a', 'b'])
    const { code } = await web.a.ask<{ code: string }>('link.invite', { hours: 1 })
    child = spawn(python, ['-B', fileURLToPath(new URL('stranger.py', import.meta.url)), code, 'journey'])
    if (child.stdout) createInterface(child.stdout).on('line', (line) => said.push(JSON.parse(line) as Said))
    child.stderr?.on('data', (chunk) => {
      errors += chunk
    })
    address = String((await hear('made')).address)
    await hear('up')
    await web.a.ask('link.trust', { neighbour: 'A stranger', limit: 1000 })
  })
  after(async () => {
    child?.stdin?.end()
    if (child?.exitCode === null) await new Promise((gone) => child.once('exit', gone))
    await web?.close()
  })

  const hear = async (event: string, fits: (one: Said) => boolean = () => true): Promise<Said> => {
    let found: Said | undefined
    await until(`the stranger says "${event}"`, async () => {
      if (child.exitCode !== null) throw new Error(`the stranger has ended:\n${errors}`)
      found = said.find((one) => one.event === event && fits(one))
      return found !== undefined
    })
    return found as Said
  }
  const tell = (command: object) => child.stdin?.write(`${JSON.stringify(command)}\n`)
  const inFolder = async (gateway: Web['a'], person: Person, folder: string, subject: string): Promise<Got> => {
    let found: Got | undefined
    await until(`"${subject}" in ${folder}`, async () => {
      found = (await readAll(gateway, person, folder)).find((one) => one.subject === subject)
      return found !== undefined
    })
    return found as Got
  }

  const ends: [where: string, who: () => [Web['a'], Person], agents: number][] = [
    ['its neighbour', () => [web.a, web.ann], 1],
    ['the gateway behind it', () => [web.b, web.bob], 2],
  ]
  for (const [where, who, agents] of ends) {
    it(`is found from ${where}, opens the letter, and reports it delivered`, async () => {
      const [gateway, person] = who()
      const bytes = letter(person, address, `from ${where}`)
      const smtp = await RawSmtp.logIn(gateway, person)
      expect(await smtp.submit(person.address, [address], bytes)).to.match(/^250 /)
      smtp.close()
      const got = await hear('letter', ({ sender }) => sender === person.address)
      expect(Buffer.from(String(got.text), 'base64').toString()).to.satisfy((text: string) =>
        text.endsWith(String(bytes)),
      )
      expect(got.stamps).to.equal(agents)
      let trail: Trail | undefined
      await until('it is delivered', async () => {
        ;[trail] = await gateway.run<Trail[]>(['trace', String(got.id)])
        return trail?.steps.at(-1)?.event === 'delivered'
      })
      expect(trail?.state).to.equal('done')
    })

    it(`finds somebody at ${where}, whose mail client gets its letter byte for byte`, async () => {
      const [gateway, person] = who()
      const subject = `100 % to ${where}`
      const bytes = `From: <${address}>\r\nTo: <${person.address}>\r\nSubject: ${subject}\r\n\r\nGr\u00fc\u00dfe\r\n.\r\n no end`
      tell({ do: 'send', to: person.address, text: Buffer.from(bytes).toString('base64') })
      const { source } = await inFolder(gateway, person, 'INBOX', subject)
      expect(source.toString().endsWith(`\r\n${bytes}`), source.toString()).to.equal(true)
      expect(source.toString()).to.include('vouchsafe-signature=pass').and.include('vouchsafe-author=pass')
      const accepted = said.findLast(({ event }) => event === 'accepted')
      await hear('report', ({ id, what }) => id === accepted?.id && what === 'delivered')
    })
  }

  it('learns that nobody has an address', async () => {
    tell({ do: 'send', to: 'nobody@a.test', text: '' })
    await hear('unknown', (one) => one.address === 'nobody@a.test')
  })

  it('is known again at every connection, also after one that broke before the secret had moved on', async () => {
    tell({ do: 'redial' })
    await hear('up', ({ n }) => n === 2)
    tell({ do: 'break' })
    await hear('up', ({ n }) => n === 3)
    expect(await web.a.ask('link.alerts', {})).to.deep.equal({ frozen: [], alerts: [] })
  })

  it('was refused nothing, and refused nothing', () => {
    expect(said.filter(({ event }) => event === 'refused')).to.deep.equal([])
    const agent = address.replace(/^.*@(.*)\.vouchsafe\.alt$/, '$1')
    const ofIt = web.a
      .log()
      .split('\n')
      .filter((line) => line.includes(agent))
    expect(ofIt.filter((line) => !line.includes('"level":"info"'))).to.deep.equal([])
  })
})
