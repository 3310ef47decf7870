/**
 * A process that moves all messages of INBOX to Archive and back, for as long as it lives: one line `moved` on stdout for
 * each time. Started by crash.test.ts, to be killed.
 *
 *   mover.ts HOME
 */
import { byAddress } from '../../store/account.ts'
import { view } from '../../store/message.ts'
import { move } from '../../store/move.ts'
import { openStore } from '../../store/store.ts'
import { folderOf } from './home.ts'

const [home = ''] = process.argv.slice(2)
const { db } = await openStore(home)
const account = (await byAddress(db, 'ann@a.test'))?.id ?? 0
const folders = [await folderOf(db, account, 'INBOX'), await folderOf(db, account, 'Archive')]
process.stdout.write('open\n')
for (;;) {
  const [from = 0, to = 0] = folders
  const uids = (await view(db, from)).map(({ uid }) => uid)
  await move(db, from, uids, to)
  process.stdout.write('moved\n')
  folders.reverse()
}
