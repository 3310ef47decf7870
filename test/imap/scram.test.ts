import { execFile } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { expect } from 'chai'
import { Client } from '../dialogue/run.ts'
import { clientProof } from '../fixture/scram.ts'
import { need } from '../peer/need.ts'
import { address, password, startTestImap, type TestImap } from './server.ts'

const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64')
const text = (base64Text: string) => Buffer.from(base64Text, 'base64').toString()

describe('IMAP AUTHENTICATE SCRAM-SHA-256', () => {
  let imap: TestImap
  const opened: Socket[] = []
  beforeEach(async () => {
    imap = await startTestImap()
  })
  afterEach(async () => {
    for (const socket of opened.splice(0)) socket.destroy()
    await imap.close()
  })

  const plain = async (): Promise<Client> => {
    const socket = connect(imap.port, '127.0.0.1')
    opened.push(socket)
    const client = new Client(socket)
    await client.line()
    return client
  }
  const secure = async (maxVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3'): Promise<[Client, TLSSocket, string]> => {
    const socket = connectTls({ port: imap.tlsPort, host: '127.0.0.1', rejectUnauthorized: false, maxVersion })
    opened.push(socket)
    await once(socket, 'secureConnect')
    const client = new Client(socket)
    return [client, socket, (await client.line()) ?? '']
  }

  type Login = { mechanism?: string; gs2?: string; bound?: Buffer; secret?: string; user?: string }

  /** @returns the tagged answer; throws if the server does not prove itself */
  const logIn = async (client: Client, login: Login = {}): Promise<string> => {
    const {
      mechanism = 'SCRAM-SHA-256',
      gs2 = 'n,,',
      bound = Buffer.alloc(0),
      secret = password,
      user = address,
    } = login
    const bare = `n=${user},r=abcdef`
    client.send(`a AUTHENTICATE ${mechanism} ${base64(gs2 + bare)}`)
    const line = (await client.line()) ?? ''
    if (!line.startsWith('+ ')) return line
    const challenge = text(line.slice(2))
    const [, nonce = '', salt = '', iterations = ''] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(challenge) ?? []
    expect(nonce).to.match(/^abcdef.{20}/)
    const final = `c=${base64(Buffer.concat([Buffer.from(gs2), bound]))},r=${nonce}`
    const { proof, expected } = clientProof(secret, salt, Number(iterations), `${bare},${challenge},${final}`)
    client.send(base64(`${final},p=${base64(proof)}`))
    const answer = (await client.line()) ?? ''
    if (!answer.startsWith('+ ')) return answer
    expect(text(answer.slice(2))).to.equal(`v=${expected}`)
    client.send('')
    return (await client.line()) ?? ''
  }

  it('proves the password, and refuses who does not know it', async () => {
    expect(await logIn(await plain())).to.match(/^a OK \[CAPABILITY /)
    expect(await logIn(await plain(), { secret: 'guess' })).to.match(/^a NO \[AUTHENTICATIONFAILED\]/)
    expect(await logIn(await plain(), { user: 'nobody@a.test' })).to.match(/^a NO \[AUTHENTICATIONFAILED\]/)
    expect(await logIn(await plain(), { gs2: 'n,a=bob,' })).to.match(/^a NO \[AUTHORIZATIONFAILED\]/)
  })

  it('-PLUS is offered over TLS only, and ties the proof to that connection', async () => {
    const [client, socket, greeting] = await secure()
    expect(greeting).to.contain('AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 ')
    const exported = socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
    const plus = { mechanism: 'SCRAM-SHA-256-PLUS', gs2: 'p=tls-exporter,,', bound: exported }
    expect(await logIn(client, plus)).to.match(/^a OK/)
    const [other] = await secure()
    expect(await logIn(other, plus), 'the binding of another connection').to.match(/^a NO \[AUTHENTICATIONFAILED\]/)
    expect(await logIn(await plain(), plus)).to.match(/^a NO \[CANNOT\]/)
  })

  it('the certificate binds as well, with TLS 1.2 too', async () => {
    const bound = createHash('sha256').update(new X509Certificate(imap.certificate).raw).digest()
    const plus = { mechanism: 'SCRAM-SHA-256-PLUS', gs2: 'p=tls-server-end-point,,', bound }
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const [client] = await secure(version)
      expect(await logIn(client, plus)).to.match(/^a OK/)
    }
    const [old] = await secure('TLSv1.2')
    expect(await logIn(old, { ...plus, gs2: 'p=tls-exporter,,' })).to.match(/^a NO \[CANNOT\]/)
    expect(await logIn(old, { ...plus, gs2: 'p=tls-unique,,' })).to.match(/^a NO \[CANNOT\]/)
  })

  it('a client that was told there is no -PLUS learns that somebody lied', async () => {
    const [client] = await secure()
    expect(await logIn(client, { gs2: 'y,,' })).to.match(/^a NO \[AUTHENTICATIONFAILED\]/)
    expect(await logIn(await plain(), { gs2: 'y,,' }), 'where there is none it is true').to.match(/^a OK/)
  })

  it('rubbish is told so, and may be taken back', async () => {
    const client = await plain()
    for (const first of ['hello', 'p=tls-exporter,,n=a,r=b']) {
      client.send(`b AUTHENTICATE SCRAM-SHA-256 ${base64(first)}`)
      expect(await client.line()).to.match(/^b BAD/)
    }
    client.send('c AUTHENTICATE SCRAM-SHA-256')
    expect(await client.line()).to.equal('+ ')
    client.send(base64(`n,,n=${address},r=x`))
    await client.line()
    client.send('*')
    expect(await client.line()).to.match(/^c BAD/)
    client.send(`d AUTHENTICATE SCRAM-SHA-256 ${base64(`n,,n=${address},r=x`)}`)
    await client.line()
    client.send(base64('c=biws,r=x,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='))
    expect(await client.line(), 'not our nonce').to.match(/^d BAD/)
  })

  for (const mechanism of ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256', 'PLAIN', 'LOGIN'])
    it(`GNU SASL logs in with ${mechanism} behind STARTTLS`, async function () {
      need(this, 'gsasl', 'gsasl')
      const authority = join(imap.store.home, 'ca.pem')
      await writeFile(authority, imap.certificate)
      const args = ['--imap', '--connect', `localhost:${imap.port}`, '--mechanism', mechanism]
      args.push('--authentication-id', address, '--authorization-id', '', '--password', password)
      args.push('--x509-ca-file', authority, '--no-client-first')
      // It could bind and would say so: then it must, for we can (RFC 5802 §6).
      if (mechanism === 'SCRAM-SHA-256') args.push('--no-cb')
      const said = await new Promise<string>((resolve) => {
        const child = execFile('gsasl', args, { timeout: 8000 }, (_error, out, complaint) => resolve(out + complaint))
        child.stdin?.end()
      })
      expect(imap.log.join(''), said).to.contain('"login"')
    }).timeout(10_000)
})
