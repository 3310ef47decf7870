/**
 * ESEARCH: a search through several mailboxes. RFC 7377.
 * esearch = "ESEARCH" [SP "IN" SP "(" filter *(SP filter) ")"] [SP "RETURN" …] [SP "CHARSET" SP astring] 1*(SP search-key)
 *
 * Without IN it is through the selected one, and that alone is kept up to date. Each mailbox in which something was found is told of once, by uids; a
 * number in the key means a message of the mailbox at hand. One view is in memory at a time.
 */
import { list, type Mailbox } from '../../../store/mailbox.ts'
import { view as loadView } from '../../../store/message.ts'
import { type Command, loggedIn, type Session } from '../command.ts'
import { type Filter, isMeant, parseFilter } from '../mailbox/filter.ts'
import { bad, ok } from '../reply.ts'
import { type Asked, foundLine, type Looked, parseLooked } from '../search/answer.ts'
import { keyOf } from '../search/filter.ts'
import { ALL, savedOf } from '../search/return.ts'
import { findIn, type Place, refuseNumbers } from '../search/search.ts'
import { keepUpdated, programOf } from '../search/updating.ts'
import { View } from '../view/view.ts'
import { fail, type Words } from '../wire/words.ts'
import { mailboxName } from '../wire/writer.ts'

type Args = Looked & { filters: Filter[] }

export const esearch: Command<Args> = {
  in: loggedIn,
  parse(words) {
    words.space()
    const filters = filtersOf(words)
    return { filters, ...parseLooked(words) }
  },

  async run(session, { filters, ...looked }) {
    const { returns = ALL } = looked
    const { edge, user, selected, output } = session
    const chosen = selected?.mailbox.id
    const isOfSelected = filters.every(({ is }) => is === 'selected')
    const asksSelected = returns.update !== undefined || filters.some(({ is }) => is === 'selected')
    if (asksSelected && !selected) return bad('No mailbox is selected') // RFC 7377 §2.2
    if (returns.save && !isOfSelected) return bad('SAVE is for the selected mailbox alone') // RFC 7377 §2.2
    const key = await keyOf(session, looked)
    refuseNumbers(session, key)
    for (const mailbox of await list(edge.store.db, user.id)) {
      if (!filters.some((filter) => isMeant(filter, mailbox, chosen))) continue
      const about = ` MAILBOX ${mailboxName(mailbox.name, session.isUtf8)} UIDVALIDITY ${mailbox.uidValidity}`
      const asked: Asked = { by: 'uid', key, returns }
      const program = mailbox.id === chosen ? programOf(session, asked, { about }) : undefined
      const found = await findIn(session, await placeOf(session, mailbox), key)
      if (returns.save && selected) selected.saved = savedOf(returns, found)
      if (program) keepUpdated(session, program, found)
      if (found.length === 0) continue
      const line = foundLine(session, asked, found, about)
      if (line) output.line(line)
      await output.room()
    }
    return ok('Searched')
  },
}

const filtersOf = (words: Words): Filter[] => {
  if (!words.tryWord('IN')) return [{ is: 'selected' }]
  words.space()
  const filters = words.list(() => parseFilter(words))
  if (filters.length === 0) fail('a choice of mailboxes was expected')
  words.space()
  return filters
}

/** The selected one as the session sees it. */
const placeOf = async ({ edge, selected }: Session, mailbox: Mailbox): Promise<Place> => {
  if (selected?.mailbox.id === mailbox.id) return selected
  const messages = await loadView(edge.store.db, mailbox.id)
  return { mailbox, view: new View(messages, mailbox.recentFrom, mailbox.highestModseq), saved: [] }
}
