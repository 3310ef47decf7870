/**
 * IDLE: news as they come, until DONE. RFC 2177.
 *
 * Changes that come together are told together: one turn of the event loop is awaited. A client that does not read
 * is told nothing; the view keeps what is new, in no more room than the mailbox itself.
 */

import { type Command, loggedIn, nothing, type Session } from '../command.ts'
import { deletedElsewhere } from '../mailbox-reply.ts'
import { Gone } from '../output.ts'
import { bad, ok } from '../reply.ts'
import type { Selected } from '../selected.ts'

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
      stop()
    }
  },
}

const tellAtOnce = (session: Session): (() => void) => {
  const { output, selected } = session
  if (selected?.isPushed) return pushed(selected)
  let isDue = false
  const tell = () => {
    isDue = false
    if (selected && output.hasRoom) {
      selected.tellNews(output, true)
      selected.contexts.tell(output).then(() => output.flush(), fail)
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
  const soon = () => {
    if (!isDue) setImmediate(tell)
    isDue = true
  }
  const before = selected?.onNews ?? (() => {})
  if (selected) selected.onNews = soon
  const stopListening = output.onRoom(soon)
  soon()
  return () => {
    if (selected) selected.onNews = before
    stopListening()
  }
}

/** Who said NOTIFY is told what it asked for, as at any other time. RFC 5465 §4. */
const pushed = ({ onNews }: Selected): (() => void) => {
  onNews()
  return () => {}
}
