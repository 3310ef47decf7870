/**
 * IDLE: news as they come, until DONE. RFC 2177.
 *
 * Changes that come together are told together: one turn of the event loop is awaited. A client that does not read
 * is told nothing; the view keeps what is new, in no more room than the mailbox itself.
 */

import { type Command, loggedIn, nothing, type Session } from '../command.ts'
import { deletedElsewhere } from '../mailbox/reply.ts'
import { Gone } from '../output.ts'
import { bad, ok } from '../reply.ts'
import type { Selected } from '../view/selected.ts'

export const idle: Command<void> = {
  in: loggedIn,
  parse: nothing,
  async run(session) {
    session.output.line('+ Idling')
    session.output.flush()
    session.isIdle = true
    const stop = tellAtOnce(session)
    try {
      const line = await session.input.bareLine()
      if (line === undefined) throw new Gone()
      return line?.toUpperCase() === 'DONE' ? ok('Idled') : bad('DONE was expected')
    } finally {
      session.isIdle = false
      await stop()
    }
  },
}

/**
 * One after the other: what a search kept up to date fetches may be long, and nothing may stand in its midst.
 *
 * @returns how to stop it, which waits for what is being told
 */
const tellAtOnce = (session: Session): (() => Promise<void>) => {
  const { output, selected } = session
  if (selected?.isPushed) return pushed(selected)
  let isDue = false
  let isOver = false
  let telling: Promise<void> = Promise.resolve()
  const tell = async () => {
    isDue = false
    if (isOver) return
    if (selected && output.hasRoom) {
      selected.tellNews(output, true)
      await selected.contexts.tell(output)
    }
    output.flush()
    if (selected?.isDeleted) session.dismiss(deletedElsewhere)
  }
  const fail = (error: unknown) => {
    if (error instanceof Gone) return
    session.edge.log.error(
      { event: 'fault', account: session.account?.address, err: error },
      'searches kept up to date',
    )
    session.dismiss('Something went wrong here; please come again')
  }
  const tellNext = () => {
    telling = telling.then(tell).catch(fail)
  }
  const soon = () => {
    if (!isDue) setImmediate(tellNext)
    isDue = true
  }
  const before = selected?.onNews ?? (() => {})
  if (selected) selected.onNews = soon
  const stopListening = output.onRoom(soon)
  soon()
  return async () => {
    isOver = true
    if (selected) selected.onNews = before
    stopListening()
    await telling
  }
}

/** Who said NOTIFY is told what it asked for, as at any other time. RFC 5465 §4. */
const pushed = ({ onNews }: Selected): (() => Promise<void>) => {
  onNews()
  return () => Promise.resolve()
}
