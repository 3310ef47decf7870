/**
 * LIST and LSUB. RFC 3501 §6.3.8, §6.3.9; LIST-EXTENDED RFC 5258; LIST-STATUS RFC 5819; LIST-MYRIGHTS RFC 8440;
 * LIST-METADATA RFC 9590.
 */
import { annotationsNamed } from '../../../store/annotation.ts'
import { list as all } from '../../../store/mailbox.ts'
import { lost } from '../../../store/subscription.ts'
import { type Command, loggedIn } from '../command.ts'
import { type ListArgs, parseList } from '../mailbox/list-option.ts'
import { listing, matching, parentsOf } from '../mailbox/listing.ts'
import { statusLine } from '../mailbox/status-item.ts'
import { ok } from '../reply.ts'
import { inSlices } from '../slices.ts'
import { standings } from '../view/standing.ts'
import { mailboxName } from '../wire/writer.ts'
import { rightsLine } from './acl.ts'
import { metadataLine } from './metadata.ts'

export const list: Command<ListArgs> = {
  in: loggedIn,
  parse: parseList,

  async run(session, { reference, patterns, selection, returns, isExtended }) {
    const { edge, user, output, isUtf8, enabled } = session
    if (returns.status.includes('HIGHESTMODSEQ')) enabled.add('CONDSTORE') // as STATUS itself does
    if (!isExtended && patterns[0] === '') {
      output.line('* LIST (\\Noselect) "/" ""') // asks for the separator
      return ok('Listed')
    }
    const { db } = edge.store
    const [mailboxes, names] = await Promise.all([
      edge.folders.of(user.id),
      selection.subscribed ? lost(db, user.id) : [],
    ])
    const full = patterns.map((pattern) => reference + pattern)
    const listed = await inSlices(listing(mailboxes, names, full, selection, returns.subscribed))
    // Of all at once: a mailbox that goes meanwhile is told without.
    const told = new Set(listed.map(({ mailbox }) => mailbox?.id))
    const asked = returns.status.length > 0 ? await all(db, user.id) : []
    const states = await standings(
      edge,
      asked.filter(({ id }) => told.has(id)),
      returns.status,
    )
    const noted = returns.entries.length > 0 ? await annotationsNamed(db, user.id, returns.entries) : undefined
    for (const { name, attributes, childInfo, mailbox } of listed) {
      const criteria = childInfo.map((option) => `"${option}"`).join(' ')
      const spelled = mailboxName(name, isUtf8)
      const info = criteria === '' ? '' : ` ("CHILDINFO" (${criteria}))`
      output.line(`* LIST (${attributes.join(' ')}) "/" ${spelled}${info}`)
      if (mailbox && returns.rights) output.line(rightsLine(mailbox, isUtf8))
      const state = mailbox && states.get(mailbox.id)
      if (state) output.line(statusLine(spelled, returns.status, state, edge.config.appendLimit))
      const own = mailbox && noted?.get(mailbox.id)
      if (mailbox && noted)
        output.line(
          metadataLine(
            spelled,
            returns.entries.map((entry) => [entry, own?.get(entry) ?? null]),
          ),
        )
      if (!output.hasRoom) await output.room()
    }
    return ok('Listed')
  },
}

export const lsub: Command<[reference: string, pattern: string]> = {
  in: loggedIn,
  parse: (words) => words.all(words.mailbox, words.listMailbox),
  async run({ edge, user, output, isUtf8 }, [reference, pattern]) {
    const { db } = edge.store
    const [mailboxes, gone] = await Promise.all([edge.folders.of(user.id), lost(db, user.id)])
    const told = new Set([...mailboxes.flatMap(({ name, subscribed }) => (subscribed ? [name] : [])), ...gone])
    // A parent that is not subscribed itself stands there for its children. RFC 3501 §6.3.9.
    const names = pattern.endsWith('%') ? new Set([...told, ...parentsOf(told)]) : told
    for (const name of await inSlices(matching(names, [reference + pattern])))
      output.line(`* LSUB (${told.has(name) ? '' : '\\Noselect'}) "/" ${mailboxName(name, isUtf8)}`)
    return ok('Listed')
  },
}
