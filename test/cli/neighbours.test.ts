import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { createTransport } from 'nodemailer'
import { until } from '../../scripts/neighbourhood.ts'
import { freePortBase } from '../../scripts/ports.ts'
import { ask, serve, vouchsafe } from './command.ts'

type Link = { agent: string; name: string; state: string; up: boolean; words: string }
type Contact = { address: string; words: string; trust: string; categories: string[] }

describe('command line between two gateways', function () {
  this.timeout(120_000) // a process for each command
  const folder = mkdtempSync(join(tmpdir(), 'neighbours-'))
  const [a, b] = [join(folder, 'a'), join(folder, 'b')]
  let base = 0
  let atA: Awaited<ReturnType<typeof serve>> | undefined
  let atB: Awaited<ReturnType<typeof serve>> | undefined

  const linksOf = (home: string) => ask<Link[]>(home, ['link', 'list'])
  const isUp = async (home: string) => (await linksOf(home)).some(({ up }) => up)

  before(async () => {
    base = await freePortBase(2)
    const init = async (home: string, name: string, from: number) => {
      const names = ['--domain', `${name.toLowerCase()}.test`, '--name', name, '--net', 'trial']
      await ask(home, ['init', ...names, '--host', '127.0.0.1', '--port-base', String(from)])
    }
    await Promise.all([init(a, 'A', base), init(b, 'B', base + 100)])
    await ask(a, ['user', 'add', 'ann', '--password-stdin'], 'correct horse\n')
    await ask(b, ['user', 'add', 'bo', '--generate'])
    ;[atA, atB] = await Promise.all([serve(a), serve(b)])
  })
  after(async () => {
    await Promise.all([atA?.stop(), atB?.stop()])
    rmSync(folder, { recursive: true })
  })

  it('an invitation makes neighbours, who see each other’s name and the same words', async () => {
    const { code, words } = await ask<{ code: string; words: string }>(a, ['link', 'invite'])
    const link = await ask<Link>(b, ['link', 'accept', code.slice(0, 30), code.slice(30)]) // as wrapped by a mail client
    expect(link).to.include({ name: 'A', words, state: 'active' })
    await until('the link is up', () => isUp(a))
    expect((await linksOf(a))[0]).to.include({ name: 'B', up: true })
  })

  it('the picture of an invitation is for its owner alone', async () => {
    const file = join(folder, 'qr.png')
    await ask(a, ['link', 'invite', '--qr-file', file])
    expect(statSync(file).mode & 0o777).to.equal(0o600)
  })

  it('a file that can’t be written is told before an invitation is made, or a key exported', async () => {
    const before = await ask<object[]>(a, ['link', 'invitations'])
    const [none, open] = [join(folder, 'none', 'x'), join(folder, 'open.png')]
    writeFileSync(open, '', { mode: 0o644 })
    const over = await vouchsafe(a, ['link', 'invite', '--qr-file', open])
    expect([over.code, over.err]).to.satisfy(() => over.code === 1 && over.err.includes('is there already'), over.err)
    for (const args of [
      ['link', 'invite', '--qr-file', none],
      ['key', 'export', 'ann', '--out', none],
      ['key', 'export', 'ann', '--out', join(a, 'vouchsafe.toml', 'x')],
    ]) {
      const { code, err } = await vouchsafe(a, args)
      expect([code, err]).to.satisfy(() => code === 1 && /x can't be written: .* is no folder/.test(err), err)
    }
    expect((await vouchsafe(a, ['link', 'invite', '--qr-file', folder])).code).to.equal(2)
    expect(await ask(a, ['link', 'invitations'])).to.deep.equal(before)
  })

  it('an invitation is good for one agent, and a typo is told from it', async () => {
    const { code } = await ask<{ code: string }>(b, ['link', 'invite', '--address', `127.0.0.1:${base + 140}`])
    await ask(a, ['link', 'accept', code])
    const [other] = [code.at(-1) === 'a' ? 'b' : 'a']
    const typo = await vouchsafe(a, ['link', 'accept', code.slice(0, -1) + other])
    expect(typo.err).to.match(/no invitation code|wrong or missing/)
    const own = await vouchsafe(b, ['link', 'accept', code])
    expect(own.err).to.include('by this very gateway')
  })

  it('a neighbour is found by the first letters of its id', async () => {
    const [link] = await linksOf(a)
    const shown = await ask<Link>(a, ['link', 'show', link?.agent.slice(0, 6) ?? ''])
    expect(shown).to.include({ agent: link?.agent, name: 'B', words: link?.words })
    expect((await vouchsafe(a, ['link', 'show', link?.agent.slice(0, 3) ?? ''])).code).to.equal(1)
  })

  it('a contact is found through the web, and trusted by its words alone', async () => {
    const added = await ask<Contact>(a, ['contact', 'add', 'bo@b.test'])
    const { entities } = await ask<{ entities: { words: string }[] }>(b, ['key', 'show'])
    expect(added).to.include({ address: 'bo@b.test', trust: 'implicit', words: entities[0]?.words })

    const wrong = await vouchsafe(a, ['contact', 'trust', 'bo@b.test', '--words', 'one two three four five six'])
    expect(wrong.err).to.include('The words differ')
    const spoken = added.words.toUpperCase().replaceAll(' ', '-')
    expect(await ask(a, ['contact', 'trust', 'bo@b.test', '--words', spoken])).to.include({ trust: 'explicit' })
    expect(await ask(a, ['contact', 'add', 'bo@b.test'])).to.include({ trust: 'explicit' }) // never less by adding
    expect(await ask<Contact[]>(a, ['contact', 'list', '--as', 'ann'])).to.have.length(1)

    const sorted = await ask<Contact>(a, ['contact', 'category', 'bo@b.test', 'Friend', 'family'])
    expect(sorted.categories).to.deep.equal(['family', 'friend'])
    await ask(a, ['contact', 'category', 'bo@b.test', '--remove', 'family'])
    expect(await ask<Contact[]>(a, ['contact', 'list', '--category', 'FRIEND'])).to.have.length(1)
    expect(await ask<Contact[]>(a, ['contact', 'list', '--category', 'family'])).to.deep.equal([])
    const nobody = await vouchsafe(a, ['contact', 'category', 'nobody@b.test', 'friend'])
    expect(nobody.err).to.include('is no contact yet')
  })

  it('an address that nobody answers for is said to be so', async () => {
    const { code, err } = await vouchsafe(a, ['contact', 'add', 'nobody@nowhere.test'])
    expect([code, err]).to.satisfy(() => code === 1 && err.includes('could find nobody@nowhere.test'), err)
  })

  it('a message for a neighbour who is away is listed, tried again, and dropped with a notice', async () => {
    await atB?.stop()
    await until('the link is down', async () => !(await isUp(a)))
    const messageId = await send('bo@b.test')
    await until('it waits', async () => (await ask<{ state: string }[]>(a, ['queue', 'list']))[0]?.state === 'waiting')
    const [row] = await ask<{ envelope: string; to: string; why: string; messageId: string }[]>(a, ['queue', 'list'])
    expect(row).to.include({ to: 'bo@b.test', messageId, why: 'waiting for B to connect' })
    expect(await ask(a, ['queue', 'retry', messageId])).to.deep.equal({ retried: [row?.envelope], left: [] })

    expect(await ask(a, ['queue', 'drop', row?.envelope ?? ''])).to.deep.equal({ dropped: [row?.envelope] })
    expect(await ask(a, ['queue', 'list'])).to.deep.equal([])
    const [trail] = await ask<{ outcome: { event: string } }[]>(a, ['trace', messageId])
    expect(trail?.outcome.event).to.equal('refused')
    const inbox = await ask<{ folders: { name: string; messages: number }[] }>(a, ['user', 'show', 'ann'])
    expect(inbox.folders.find(({ name }) => name === 'INBOX')?.messages).to.equal(1)
    const again = await vouchsafe(a, ['queue', 'drop', messageId])
    expect(again.err).to.include('has ended')
  })

  it('the log has a line for each step of it, by its Message-ID', () => {
    const events = (atA?.log() ?? '')
      .split('\n')
      .filter((line) => line.includes('messageId'))
      .map((line) => (JSON.parse(line) as { event: string }).event)
    expect(events).to.include.members(['accepted', 'refused'])
    expect(atA?.log()).not.to.include('a subject of its own')
  })

  it('a neighbour is parted with for good', async () => {
    atB = await serve(b)
    await until('the link is up again', () => isUp(a))
    expect(await ask<Link>(a, ['link', 'revoke', 'B'])).to.include({ state: 'revoked', up: false })
    await until('it is down on both sides', async () => !(await isUp(a)) && !(await isUp(b)))
    expect((await linksOf(a))[0]).to.include({ state: 'revoked' })
    const told = async () => (await vouchsafe(b, ['link', 'list'])).out
    await until('the other owner is told', async () =>
      /\nA, .*: you are not a neighbour here \(link-unknown\)/.test(await told()),
    )
    const [ours, theirs] = [await vouchsafe(a, ['link', 'list']), await vouchsafe(b, ['link', 'list'])]
    expect(theirs.out + theirs.err).to.include('why one is not connected, and who can mend it: ')
    expect((await vouchsafe(b, ['doctor'])).out).to.include('it runs and answers, but makes no link')
    expect(ours.out + ours.err).not.to.include('doctor')
  })

  const send = async (to: string): Promise<string> => {
    const transport = createTransport({
      host: '127.0.0.1',
      port: base + 46,
      secure: true,
      auth: { user: 'ann@a.test', pass: 'correct horse' },
      tls: { ca: readFileSync(join(a, 'tls/certificate.pem')), servername: 'localhost' },
    })
    const { messageId } = await transport.sendMail({
      from: 'ann@a.test',
      to,
      subject: 'a subject of its own',
      text: 'x',
    })
    transport.close()
    return messageId
  }
})
