/**
 * STORE and UID STORE. RFC 3501 §6.4.6, §6.4.8; UNCHANGEDSINCE RFC 7162 §3.1.3.
 * store = "STORE" SP sequence-set [SP "(UNCHANGEDSINCE" SP mod-sequence ")"] SP ["+" / "-"] "FLAGS" [".SILENT"] SP (flag-list / flag *(SP flag))
 */
import type { Flagged } from '../../../store/change.ts'
import { applying, type Borne, store as change, type FlagChange } from '../../../store/flag.ts'
import type { FlagMode } from '../../../store/keyword.ts'
import { pieces } from '../../../store/pieces.ts'
import type { Range } from '../../../store/range.ts'
import type { Code } from '../code.ts'
import { type Command, mailboxOpen } from '../command.ts'
import { toFlags } from '../flags.ts'
import { no, ok } from '../reply.ts'
import { type By, expungeIssued, meant, noSuchNumber } from '../view/range.ts'
import { type Numbered, rowsOf } from '../view/shown.ts'
import type { View } from '../view/view.ts'
import { formatSet } from '../wire/sequence.ts'
import { fail, type Words } from '../wire/words.ts'

type Args = { ranges: Range[]; mode: FlagMode; isSilent: boolean; names: string[]; unchangedSince: number | undefined }

const modes = new Map<string, FlagMode>([
  ['FLAGS', 'set'],
  ['+FLAGS', 'add'],
  ['-FLAGS', 'remove'],
])

/** In one transaction, which takes some 15 ms. */
const AT_ONCE = 10_000

const storing = (by: By): Command<Args> => ({
  in: mailboxOpen,
  writes: true,
  ...(by === 'seq' && { byNumber: true, keepsNumbers: true }),
  parse(words) {
    words.space()
    const ranges = words.sequenceSet()
    words.space()
    const unchangedSince = parseCondition(words)
    const [, name = '', silent] = /^(.*?)(\.SILENT)?$/.exec(words.keyword()) ?? []
    const mode = modes.get(name) ?? fail('FLAGS, +FLAGS or -FLAGS was expected')
    words.space()
    const names = flagNames(words)
    words.end()
    return { ranges, mode, isSilent: silent !== undefined, names, unchangedSince }
  },

  async run({ edge, mailbox, output, enabled }, { ranges, mode, isSilent, names, unchangedSince }) {
    const { bits, keywords } = toFlags(names)
    if (unchangedSince !== undefined) enabled.add('CONDSTORE')
    const all = meant(mailbox, by, ranges)
    if (!all) return noSuchNumber
    const wanted = { mode, flags: bits, keywords, ...(unchangedSince !== undefined && { unchangedSince }) }
    // With modseqs a client hears its own changes even when silent: it needs the new ones. RFC 7162 §3.1.3.
    const tells = !isSilent || mailbox.tellsModseq
    const changed: Numbered[] = []
    let done = 0
    for (const messages of pieces(all.messages, AT_ONCE)) {
      const isKnown = isSilent ? expecting(mailbox.view, messages, wanted) : undefined
      const inView = { view: mailbox.view, rows: rowsOf(messages) }
      const stored = await change(edge.store.db, mailbox.mailbox.id, inView, wanted)
      mailbox.view.told(stored, isKnown)
      if (stored.some((one) => mailbox.hasNewKeyword(one.keywords))) mailbox.tellFlags(output)
      let at = 0 // in those stored, which are in the same order
      for (const message of messages) {
        const isStored = stored[at]?.uid === message.row.uid
        if (isStored) at++
        if (message.row.isGone) continue
        if (isStored) {
          done++
          if (tells) output.line(mailbox.changedLine(message, { uid: by === 'uid', flags: !isSilent }))
        } else if (unchangedSince !== undefined) changed.push(message)
      }
    }
    const isWhole = by === 'uid' || (!all.someAreGone && done + changed.length === all.messages.length)
    if (changed.length === 0) return isWhole ? ok('Stored') : expungeIssued
    const modified: Code = `MODIFIED ${formatSet(changed.map(({ seq, row }) => (by === 'uid' ? row.uid : seq)))}`
    return isWhole ? ok('Some of these were changed since', modified) : no(modified, 'Some of these are gone')
  },
})

export const store = storing('seq')
export const uidStore = storing('uid')

/**
 * Whether a message became what a client that wants silence takes it to be: what it was told of it, and its own change.
 * Where another session changed it, too, before or meanwhile, it is to be told. RFC 3501 §6.4.6.
 */
const expecting = (view: View, messages: readonly Numbered[], wanted: FlagChange): ((one: Flagged) => boolean) => {
  const become = applying(wanted)
  const expected = new Map<number, Borne>()
  for (const { row } of messages) if (!view.isStale(row.uid)) expected.set(row.uid, become(row))
  return ({ uid, flags, keywords }) => {
    const one = expected.get(uid)
    return one?.flags === flags && one.keywords === keywords
  }
}

/** Further modifiers there are none of. */
const parseCondition = (words: Words): number | undefined => {
  if (words.peek() !== '(') return undefined
  const [unchangedSince] = words.list(() => {
    if (!words.tryWord('UNCHANGEDSINCE')) fail('there is no such modifier')
    words.space()
    return words.modseq()
  })
  words.space()
  return unchangedSince ?? fail('a modifier was expected')
}

const flagNames = (words: Words): string[] => {
  if (words.peek() === '(') return words.list(() => words.flag())
  const names = [words.flag()]
  while (words.trySpace()) names.push(words.flag())
  return names
}
