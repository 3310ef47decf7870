/**
 * News that are told unasked, between two commands of a session that said NOTIFY. RFC 5465 §5, §6.
 *
 * EXPUNGE may be among them, for who asked for SELECTED expects it at any time; who cannot takes SELECTED-DELAYED.
 */
import { tell } from './command/fetch.ts'
import type { Session } from './command.ts'
import { deletedElsewhere } from './mailbox-reply.ts'
import type { Dialect, Notifier } from './notifier.ts'

type Listening = Session & Dialect & { readonly notifier: Notifier | undefined }

export const pushNews = async (session: Listening): Promise<void> => {
  const { notifier, selected, output } = session
  if (!notifier) return
  const wanted = notifier.wanted.selected
  if (selected?.isDeleted) return session.dismiss(deletedElsewhere)
  if (selected && wanted?.events.size) {
    const { view } = selected
    const last = view.largestUid
    selected.tellNews(output, !wanted.delays)
    // `last + 1:*` would mean the last message where none is new.
    const fresh = wanted.items.length > 0 && view.largestUid > last
    if (fresh) await tell(session, view.byUid([{ from: last + 1, to: view.largestUid }]), wanted.items)
  }
  for (const line of await notifier.take(session)) output.line(line)
  output.flush()
}
