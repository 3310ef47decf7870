import { readdirSync, readFileSync } from 'node:fs'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { expect } from 'chai'
import type { SmtpConfig } from '../../gateway/smtp/server.ts'
import { type Client, runDialogue, type Steps } from '../dialogue/run.ts'
import { alice, type Edge, openEdge } from './edge.ts'

const folder = new URL('../dialogue/smtp/', import.meta.url)
const limits: Partial<SmtpConfig> = { sizeLimit: 65_536 }
const configs: Record<string, Partial<SmtpConfig>> = {
  'starttls.txt': { plainLoopback: false },
  'recipients.txt': { recipientLimit: 3 },
  'trusted.txt': {
    listeners: [],
    trusted: { listen: { host: '127.0.0.1', port: 0 }, accounts: new Map([['127.0.0.1', alice.address]]) },
  },
}

describe('smtp dialogues', () => {
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.txt'))) {
    // UTF-8 on the disk; a dialogue speaks in octets.
    const text = readFileSync(new URL(name, folder), 'latin1')
    const [title = name] = text.split('\n')
    it(`${name}: ${Buffer.from(title.slice(2), 'latin1')}`, async () => {
      const edge = await openEdge({ ...limits, ...configs[name] })
      try {
        await runDialogue(text, async () => connectTcp(edge.ports[0] ?? 0, '127.0.0.1'), stepsOf(edge))
      } finally {
        await edge.close()
      }
    })
  }
})

const stepsOf = ({ submissions }: Edge): Steps => ({
  async bytes(words, client) {
    client.socket.write(JSON.parse(`"${words.join(' ').replaceAll('"', '\\"')}"`), 'latin1')
  },
  async tls(_words, client: Client) {
    client.change((socket: Socket) => connectTls({ socket, rejectUnauthorized: false }))
    await new Promise((resolve, reject) => client.socket.once('secureConnect', resolve).once('error', reject))
  },
  async hops([count], client) {
    for (let hop = 0; hop < Number(count); hop++) client.send(`Received: from a by b; hop ${hop}`)
  },
  async lines([count], client) {
    client.send('Subject: long\r\n')
    for (let line = 0; line < Number(count); line++) client.send('x'.repeat(70))
  },
  async accepted([count, ...subject]) {
    expect(submissions).to.have.length(Number(count))
    if (subject.length > 0) expect(submissions.at(-1)?.subject).to.equal(subject.join(' '))
  },
  async recipients(words) {
    const wanted = words.map((word) => Buffer.from(word, 'latin1').toString())
    expect(submissions.at(-1)?.recipients.map(({ address }) => address)).to.deep.equal(wanted)
  },
  async dsn([ret, envid]) {
    const { ret: given, envid: named } = submissions.at(-1) ?? {}
    expect([given, named]).to.deep.equal([ret, envid])
  },
  async held([seconds]) {
    const { at = 0, holdUntil = at } = submissions.at(-1) ?? {}
    expect(Math.round((holdUntil - at) / 1000)).to.equal(Number(seconds))
  },
  async by([mode, seconds]) {
    const { at = 0, deliverBy } = submissions.at(-1) ?? {}
    expect([deliverBy?.mode, Math.round(((deliverBy?.at ?? 0) - at) / 1000)]).to.deep.equal([mode, Number(seconds)])
  },
  async notify([notify = '', orcpt]) {
    expect(submissions.at(-1)?.recipients[0]).to.include({ orcpt })
    expect(submissions.at(-1)?.recipients[0]?.notify).to.deep.equal(notify.split(','))
  },
})
