/** IMAP commands as mail clients say them, and what comes of them: dialogues with the gestures behind the server. */
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Gestures, openGestures } from '../../gateway/complaint/gestures.ts'
import { startEngine } from '../../gateway/engine/engine.ts'
import { createLog } from '../../gateway/log.ts'
import { until } from '../../scripts/neighbourhood.ts'
import { emptyState } from '../../src/state.ts'
import { store as setFlags } from '../../store/flag.ts'
import { find } from '../../store/mailbox.ts'
import { append } from '../../store/message.ts'
import { runDialogue, type Steps } from '../dialogue/run.ts'
import { startTestImap, type TestImap } from '../imap/server.ts'
import { draft, letterOf } from '../store/home.ts'

const folder = join(import.meta.dirname, '../dialogue/junk')

describe('Junk, as mail clients say it', () => {
  let imap: TestImap
  let gestures: Gestures
  let judged: string[]
  beforeEach(async () => {
    imap = await startTestImap()
    judged = []
    const log = createLog({ level: 'silent', format: 'json' })
    const engine = startEngine(imap.store.db, emptyState('me', 'a.test'), log)
    gestures = await openGestures({ store: imap.store, engine, log, now: Date.now }, 0, {
      judge: async ({ key, verdict }) => {
        judged.push(`${verdict} ${key.replace('origin/', '')}`)
        return { say: 'done' }
      },
      unjudged: async (keys) => [...keys],
      became: async () => 'complaint',
    })
    await gestures.start()
  })
  afterEach(async () => {
    await gestures.stop()
    await imap.close()
  })

  const deliver = async (from: string): Promise<void> => {
    const { db, home } = imap.store
    const inbox = await find(db, imap.account.id, 'INBOX')
    const at = Date.now()
    const provenance = { key: `origin/${from}`, from, address: `${from}@b.test`, path: ['origin', 'me'], at }
    await append(db, inbox?.id ?? 0, [await draft(home, letterOf(from), { provenance, internalDate: at })])
  }
  const heard = (words: string) => until(`${words}, of ${judged}`, async () => judged.join(', ') === words)

  const steps: Steps = {
    async deliver([from = '']) {
      await deliver(from)
    },
    /** `! judged abuse mal, wanted bob`: all that was said so far, in this order. */
    async judged(words) {
      await heard(words.join(' '))
    },
    /** Something later has been judged, and nothing else meanwhile. */
    async quiet() {
      const before = [...judged]
      await deliver('last')
      const { db } = imap.store
      const inbox = await find(db, imap.account.id, 'INBOX')
      await setFlags(db, inbox?.id ?? 0, [inbox?.uidNext ? inbox.uidNext - 1 : 0], {
        mode: 'add',
        flags: 0,
        keywords: '$Junk',
      })
      await heard([...before, 'abuse last'].join(', '))
      judged.pop()
    },
  }

  for (const name of readdirSync(folder)) {
    const text = readFileSync(join(folder, name), 'latin1')
    it(`${name.slice(0, -4)}: ${/^# (.*)$/m.exec(text)?.[1]}`, async () => {
      const open = async () => {
        const socket = connect(imap.port, '127.0.0.1')
        await once(socket, 'connect')
        return socket
      }
      await runDialogue(text, open, steps)
      expect(judged.length).to.be.above(0)
    })
  }
})
