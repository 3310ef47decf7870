/**
 * `npm run demo`: three gateways on this machine (a.test — r.test — b.test), A and B linked to R
 * alone. Anna at A and Bert at B write to each other with ordinary SMTP and IMAP; R is stopped in
 * between and nothing is lost. `-- --stay` keeps all three running for a mail client of your own.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ImapFlow } from 'imapflow'
import { simpleParser } from 'mailparser'
import { createTransport } from 'nodemailer'
import { facts } from '../gateway/cli/layout.ts'
import { readConfig } from '../gateway/config/config.ts'
import { clientSettings } from '../gateway/config/settings.ts'
import { befriend, Gateway, type Person, temporaryFolder, until } from './neighbourhood.ts'
import { freePortBase } from './ports.ts'

const isToStay = process.argv.includes('--stay')
const secret = 'the plum cake is for Saturday'

const started = Date.now()
const say = (line = ''): void => console.log(line)
const step = (what: string): void => say(`\n[${((Date.now() - started) / 1000).toFixed(1).padStart(4)} s] ${what}`)
const indented = (text: string): void => say(text.trimEnd().replace(/\r\n/g, '\n').replace(/^/gm, '    '))

const folder = temporaryFolder()
const base = await freePortBase(3)
const a = new Gateway(folder, 'A', 'a.test', base)
const r = new Gateway(folder, 'R', 'r.test', base + 100)
const b = new Gateway(folder, 'B', 'b.test', base + 200)
const gateways = [a, r, b]
const interrupted = new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve))

const main = async (): Promise<void> => {
  const [anna, bert] = await setUp()
  const messageId = await firstLetter(anna, bert)
  await showTrail(messageId, anna)
  await answer(anna, bert)
  await throughAStop(anna, bert)
  if (isToStay) await stay([a, anna], [b, bert])
}

const setUp = async (): Promise<[Person, Person]> => {
  step('Three homes: vouchsafe init, serve, user add')
  await Promise.all(gateways.map((gateway) => gateway.init('--net', 'demo')))
  await Promise.all(gateways.map((gateway) => gateway.start()))
  // Who runs a gateway is no secret to its neighbours: the first account, if there is no postmaster.
  await Promise.all([a, b].map((gateway) => gateway.addUser('postmaster', 'keys of the house')))
  const people = await Promise.all([a.addUser('anna', 'anna-s password'), b.addUser('bert', 'bert-s password')])
  for (const { address } of people) say(`    ${address}`)

  step('A and B become neighbours of R, and know nothing of each other: vouchsafe link invite, link accept')
  await befriend(r, a)
  await befriend(r, b)
  indented(await r.command(['link', 'list']))
  return people
}

const firstLetter = async (anna: Person, bert: Person): Promise<string> => {
  step('Anna submits a message with an attachment, by SMTP')
  const picture = Buffer.from(Array.from({ length: 30_000 }, (_, at) => (at * 7919) % 251))
  const messageId = await submit(a, anna, {
    to: bert.address,
    subject: 'Saturday',
    text: `Dear Bert,\n\n${secret}.\n\nAnna\n`,
    attachments: [{ filename: 'cake.png', content: picture }],
  })
  say(`    250: from now on it is delivered, or Anna hears why not. Message-ID ${messageId}`)

  step('Bert reads it, by IMAP. He never heard of Anna, so it waits in Requests; he moves it to INBOX')
  const source = await readFrom(b, bert, 'Requests', messageId, async (client, uid) => {
    await client.messageMove(String(uid), 'INBOX', { uid: true })
  })
  const mail = await simpleParser(source)
  indented(traceFields(source))
  indented(`Subject: ${mail.subject}\n\n${mail.text}`)
  const attachment = mail.attachments[0]?.content
  if (!attachment?.equals(picture)) throw new Error('the attachment was changed on the way')
  say(`    The attachment, ${picture.length} bytes, is the very same.`)
  return messageId
}

const showTrail = async (messageId: string, anna: Person): Promise<void> => {
  step('The signed trail of it, at A: vouchsafe trace')
  await until('the report of its delivery reaches A', async () => {
    const [trail] = await a.run<{ state: string }[]>(['trace', messageId])
    return trail?.state === 'done'
  })
  indented(await a.command(['trace', messageId]))

  step('What an eavesdropper at R could see')
  const [at] = await a.run<{ envelope: string }[]>(['trace', messageId])
  const [seen] = await r.run<{ steps: { signed: string }[] }[]>(['trace', at?.envelope ?? ''])
  const envelope = seen?.steps.find(({ signed }) => signed !== '')?.signed ?? ''
  indented(await r.command(['trace', at?.envelope ?? '']))
  indented(`\nthe envelope: ${Buffer.from(envelope.split('.')[1] ?? '', 'base64url')}`)
  const found = filesIn(r.home).filter((path) =>
    [secret, 'Saturday', anna.address].some((word) => contains(path, word)),
  )
  if (found.length > 0) throw new Error(`the relay holds plaintext: ${found.join(', ')}`)
  say('    and no word of the message, its subject or its sender: every file of R was searched.')
  say('    R knows its neighbours, and who runs them: postmaster@a.test and postmaster@b.test.')
}

const answer = async (anna: Person, bert: Person): Promise<void> => {
  step('Bert answers. Anna wrote to him, so it goes to her INBOX')
  const sent = Date.now()
  const messageId = await submit(b, bert, { to: anna.address, subject: 'Re: Saturday', text: 'I bring the coffee.\n' })
  await readFrom(a, anna, 'INBOX', messageId)
  say(`    There, ${Date.now() - sent} ms after SMTP began.`)
}

const throughAStop = async (anna: Person, bert: Person): Promise<void> => {
  step('R is stopped. Anna writes again')
  await r.stop()
  const messageId = await submit(a, anna, { to: bert.address, subject: 'Coffee', text: 'Strong, please.\n' })
  for (const [subject, keywords] of await outgoing(anna)) say(`    Outgoing: ${subject.padEnd(10)} ${keywords}`)
  indented(await a.command(['queue', 'list']))

  step('R returns')
  await r.start()
  await readFrom(b, bert, 'INBOX', messageId)
  say('    Bert has it.')
}

const stay = async (...sides: [Gateway, Person][]): Promise<void> => {
  step('They stay until Ctrl-C. For your own mail client:')
  for (const [gateway, person] of sides) {
    const settings = clientSettings(await readConfig(gateway.home))
    say()
    indented(facts({ 'user name': person.address, password: person.password, ...settings }))
  }
  say(`\n    The certificates are self-signed: accept them once. The homes are below ${folder}.`)
  await interrupted
}

/** Subject and keywords of each message in the folder Outgoing, where a client sees how far they are. */
const outgoing = async (person: Person): Promise<[subject: string, keywords: string][]> => {
  const rows = new Map<number, [string, string]>()
  await withImap(a, person, async (client) => {
    await client.mailboxOpen('Outgoing', { readOnly: true })
    for await (const { uid, envelope, flags } of client.fetch('1:*', { envelope: true, flags: true }, { uid: true })) {
      const keywords = [...(flags ?? [])].filter((flag) => flag.startsWith('$')).join(' ')
      // A second line about a message has its flags alone: they changed meanwhile.
      rows.set(uid, [envelope?.subject ?? rows.get(uid)?.[0] ?? '', keywords])
    }
  })
  return [...rows.values()]
}

type Letter = { to: string; subject: string; text: string; attachments?: { filename: string; content: Buffer }[] }

/** @returns the Message-ID, once the gateway said 250 */
const submit = async (gateway: Gateway, from: Person, letter: Letter): Promise<string> => {
  const transport = createTransport({
    host: '127.0.0.1',
    port: gateway.ports.smtp,
    requireTLS: true,
    auth: { user: from.address, pass: from.password },
    tls: { ca: gateway.certificate(), servername: 'localhost' },
  })
  try {
    const sent = await transport.sendMail({ from: from.address, ...letter })
    return sent.messageId
  } finally {
    transport.close()
  }
}

/** Waits for a message in a folder, as a client with IDLE does. @returns it as it is stored */
const readFrom = async (
  gateway: Gateway,
  person: Person,
  folder: string,
  messageId: string,
  then: (client: ImapFlow, uid: number) => Promise<void> = async () => {},
): Promise<Buffer> => {
  let source: Buffer | undefined
  await withImap(gateway, person, async (client) => {
    await client.mailboxOpen(folder)
    await until(`${messageId} reaches ${person.address}`, async () => {
      const found = await client.search({ header: { 'message-id': messageId } }, { uid: true })
      const uid = found ? found[0] : undefined
      if (uid === undefined) return false
      const message = await client.fetchOne(String(uid), { source: true }, { uid: true })
      source = message ? message.source : undefined
      await then(client, uid)
      return true
    })
  })
  if (!source) throw new Error('the message has no source')
  return source
}

const withImap = async (gateway: Gateway, person: Person, work: (client: ImapFlow) => Promise<void>): Promise<void> => {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port: gateway.ports.imaps,
    secure: true,
    auth: { user: person.address, pass: person.password },
    tls: { ca: gateway.certificate(), servername: 'localhost' },
    logger: false,
  })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.logout()
  }
}

/** The fields the gateway put on top: everything above what Anna submitted. */
const traceFields = (source: Buffer): string => {
  const own = /^(Return-Path|Received|Authentication-Results|Vouchsafe-Path):/i
  const fields = source
    .subarray(0, 8192)
    .toString('latin1')
    .split(/\r\n(?![ \t])/)
  return fields.filter((field) => own.test(field)).join('\r\n')
}

const filesIn = (path: string): string[] =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

const contains = (path: string, text: string): boolean => readFileSync(path).includes(text)

try {
  await Promise.race([main().then(() => step('All is well.')), interrupted])
} catch (error) {
  console.error(`\ndemo: ${error instanceof Error ? error.stack : error}`)
  process.exitCode = 1
} finally {
  await Promise.all(gateways.map((gateway) => gateway.stop()))
  process.exit() // clients that failed halfway may hold the process; the homes go with it
}
