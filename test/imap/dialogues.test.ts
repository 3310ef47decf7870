import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { subscribe } from '../../store/mailbox.ts'
import { setQuota } from '../../store/quota.ts'
import { runDialogue, type Steps } from '../dialogue/run.ts'
import { letter, startTestImap, type TestImap } from './server.ts'

const part = (encoding: string, body: string) =>
  `--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${body}\r\n`
const encoded = [
  'Content-Type: multipart/mixed; boundary=b\r\n\r\n',
  part('base64', 'SGVsbG8g\r\nV29ybGQ=\r\n'),
  part('Quoted-Printable', 'caf=3D  \r\n=20=\r\nx'),
  part('x-odd', 'y'),
  part('base64', 'YQBi'),
  '--b--\r\n',
].join('')
const folder = join(import.meta.dirname, '../dialogue/imap')
const dialogues = readdirSync(folder).filter((name) => name.endsWith('.txt'))

describe('IMAP dialogues', () => {
  let imap: TestImap
  beforeEach(async () => {
    imap = await startTestImap({ appendLimit: 100_000 })
  })
  afterEach(() => imap.close())

  const change = (sql: string, params: readonly (string | number)[]) =>
    imap.store.db.transaction((tx) => tx.run(sql, params))
  let delivered = 0
  const steps: Steps = {
    /** `! deliver INBOX 3`: three letters, numbered through the dialogue. */
    async deliver([mailbox = 'INBOX', count = '1']) {
      const letters = Array.from({ length: Number(count) }, () => letter(++delivered))
      await imap.deliver(mailbox, letters)
    },
    /** `! validity INBOX 77`: a UIDVALIDITY that the dialogue can name. */
    async validity([mailbox = 'INBOX', value = '1']) {
      await change('UPDATE mailbox SET uid_validity = ? WHERE name = ?', [Number(value), mailbox])
    },
    /** `! forget INBOX 8`: what vanished up to that modseq is beyond the horizon. */
    async forget([mailbox = 'INBOX', modseq = '1']) {
      await change('UPDATE mailbox SET vanished_after = ? WHERE name = ?', [Number(modseq), mailbox])
      await change('DELETE FROM vanished WHERE modseq <= ? AND mailbox = (SELECT id FROM mailbox WHERE name = ?)', [
        Number(modseq),
        mailbox,
      ])
    },
    /** One letter of four parts, each encoded in another way. */
    async encoded([mailbox = 'INBOX']) {
      await imap.deliver(mailbox, [{ bytes: encoded }])
    },
    async quota([bytes]) {
      await setQuota(imap.store.db, imap.account.id, Number(bytes))
    },
    async unsubscribe(names) {
      for (const name of names) await subscribe(imap.store.db, imap.account.id, name, false)
    },
    async tls(_, client) {
      client.change((socket) => connectTls({ socket, rejectUnauthorized: false, servername: 'localhost' }))
      await once(client.socket, 'secureConnect')
    },
    /** `! 2 together b1 NOOP | b2 NOOP`: in one packet. */
    async together(words, client) {
      client.send(words.join(' ').replaceAll(' | ', '\r\n'))
    },
    async wait([ms = '50']) {
      await wait(Number(ms))
    },
  }

  const open = async (): Promise<Socket> => {
    const socket = connect(imap.port, '127.0.0.1')
    await once(socket, 'connect')
    return socket
  }

  for (const name of dialogues) {
    const text = readFileSync(join(folder, name), 'latin1')
    const claim = Buffer.from(/^# (.*)$/m.exec(text)?.[1] ?? '', 'latin1').toString()
    it(`${name.slice(0, -4)}: ${claim}`, async () => {
      delivered = 0
      await runDialogue(text, open, steps)
    })
  }
})
