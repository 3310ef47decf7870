/**
 * STORE and UID STORE. RFC 3501 §6.4.6, §6.4.8.
 * store = "STORE" SP sequence-set SP ["+" / "-"] "FLAGS" [".SILENT"] SP (flag-list / flag *(SP flag))
 */
import { store as change } from '../../../store/flag.ts'
import { type Command, mailboxOpen, ok } from '../command.ts'
import { type Flags, toFlags } from '../flags.ts'
import { type By, expungeIssued, meant, noSuchNumber, uidsOf } from '../range.ts'
import type { Range } from '../wire/sequence.ts'
import { fail, type Words } from '../wire/words.ts'
import { flagList } from '../wire/writer.ts'

type Mode = 'set' | 'add' | 'remove'
type Args = { ranges: Range[]; mode: Mode; isSilent: boolean; flags: Flags }

const modes = new Map<string, Mode>([
  ['FLAGS', 'set'],
  ['+FLAGS', 'add'],
  ['-FLAGS', 'remove'],
])

const storing = (by: By): Command<Args> => ({
  in: mailboxOpen,
  writes: true,
  ...(by === 'seq' && { keepsNumbers: true }),
  parse(words) {
    words.space()
    const ranges = words.sequenceSet()
    words.space()
    const [, name = '', silent] = /^(.*?)(\.SILENT)?$/.exec(words.keyword()) ?? []
    const mode = modes.get(name) ?? fail('FLAGS, +FLAGS or -FLAGS was expected')
    words.space()
    const flags = toFlags(flagNames(words))
    words.end()
    return { ranges, mode, isSilent: silent !== undefined, flags }
  },

  async run({ edge, mailbox, output }, { ranges, mode, isSilent, flags }) {
    const all = meant(mailbox, by, ranges)
    if (!all) return noSuchNumber
    const { bits, keywords } = flags
    const wanted = { mode, flags: bits, keywords }
    const stored = await change(edge.store.db, mailbox.mailbox.id, uidsOf(all.messages), wanted)
    mailbox.view.told(stored)
    if (stored.some((one) => mailbox.hasNewKeyword(one.keywords))) output.line(mailbox.flagsLine())
    for (const { seq, row } of isSilent ? [] : all.messages) {
      if (row.isGone) continue
      const uid = by === 'uid' ? `UID ${row.uid} ` : ''
      output.line(`* ${seq} FETCH (${uid}FLAGS ${flagList(row.flags, row.keywords, row.isRecent)})`)
    }
    const isWhole = !all.someAreGone && (by === 'uid' || stored.length === all.messages.length)
    return isWhole ? ok('Stored') : expungeIssued
  },
})

export const store = storing('seq')
export const uidStore = storing('uid')

const flagNames = (words: Words): string[] => {
  if (words.peek() === '(') return words.list(() => words.flag())
  const names = [words.flag()]
  while (words.trySpace()) names.push(words.flag())
  return names
}
