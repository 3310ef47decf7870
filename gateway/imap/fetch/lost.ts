/**
 * Messages that are there and whose bodies are not: a file of `blob/` was removed, or its disk is not mounted. The
 * client is told that there is such a message among those it asked for; the log which, of each once, however often
 * clients ask for it.
 */
import type { Source } from '../../../store/db.ts'
import { bodyOf } from '../../../store/message.ts'
import type { Log } from '../../log.ts'

/** Some 4 MB; beyond, all are said again. */
const SAID_MAX = 100_000

export class Lost {
  /** By the id of the message, which is never given out again. */
  private readonly said = new Set<number>()
  private readonly db: Source
  private readonly log: Log

  constructor(db: Source, log: Log) {
    this.db = db
    this.log = log
  }

  /** Of a message that could not be read. @returns whether it is lost: it may just be gone, as a whole */
  async note(id: number, where: { account: string; mailbox: string; uid: number }): Promise<boolean> {
    const lost = await bodyOf(this.db, id)
    if (!lost || this.said.has(id)) return lost !== undefined
    if (this.said.size >= SAID_MAX) this.said.clear()
    this.said.add(id)
    this.log.warn(
      { event: 'body-lost', ...where, ...lost },
      'a message can not be shown: its body is gone; `vouchsafe verify` names all such, a backup may have them',
    )
    return true
  }
}
