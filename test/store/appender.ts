/**
 * A process that appends letters to INBOX for as long as it lives, and says so: one line
 * `uid subject` on stdout for each, once it is promised. Started by crash.test.ts, to be killed.
 *
 *   appender.ts HOME RUN
 */
import { randomBytes } from 'node:crypto'
import { byAddress, create } from '../../store/account.ts'
import { append } from '../../store/message.ts'
import { openStore } from '../../store/store.ts'
import { draft, folderOf, letterOf, takeOut } from './home.ts'

const [home = '', run = ''] = process.argv.slice(2)
const { db, swept } = await openStore(home)
const account =
  (await byAddress(db, 'ann@a.test')) ?? (await create(db, { address: 'ann@a.test', name: 'Ann', entityId: 'e' }))
if (account === 'exists') throw new Error('exists')
const inbox = await folderOf(db, account.id, 'INBOX')
const trash = await folderOf(db, account.id, 'Trash')
process.stdout.write(`open ${swept.length}\n`)

const worker = async (name: number): Promise<never> => {
  for (let i = 0; ; i++) {
    const subject = `${run}-${name}-${i}`
    // Every tenth is a file; every fifth comes and goes again.
    const text = randomBytes(i % 10 === 0 ? 60_000 : 1_000).toString('base64')
    const letter = await draft(home, letterOf(text, subject))
    const [added] = await append(db, inbox, [letter])
    process.stdout.write(`${added?.uid} ${subject}\n`)
    if (i % 5 > 0) continue
    const [passing] = await append(db, trash, ['file' in letter.body ? await draft(home, letterOf(text)) : letter])
    await takeOut(db, trash, [passing?.uid ?? 0])
  }
}
await Promise.all(Array.from({ length: 8 }, (_, name) => worker(name)))
