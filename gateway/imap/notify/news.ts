/**
 * What a session that said NOTIFY is told unasked. RFC 5465 §5, §6.
 *
 *   held    a command runs: its answer tells the news; IDLE alone lets them through
 *   free    they are pushed, those that come together together, once the client has room for them
 *
 * Of the mailbox at hand only who asked for it hears, in answers, too: what was not asked for is kept by the view.
 * EXPUNGE may be among them, for who asked for SELECTED expects it at any time; who cannot takes SELECTED-DELAYED.
 */
import type { Session } from '../command.ts'
import { tell } from '../fetch/tell.ts'
import { deletedElsewhere } from '../mailbox/reply.ts'
import type { Selected } from '../view/selected.ts'
import type { Extent } from '../view/view.ts'
import type { Wanted } from './args.ts'
import { Notifier } from './notifier.ts'

type Listening = Session & { readonly isEnding: boolean }

export class News {
  private readonly session: Listening
  private readonly notifier: Notifier
  private readonly onFault: (error: unknown) => void
  private isHeld = true // NOTIFY is a command
  private isDue = false
  private pushing: Promise<void> = Promise.resolve()

  constructor(session: Listening, wanted: Wanted, onFault: (error: unknown) => void) {
    this.session = session
    this.onFault = onFault
    const selected = () => session.selected?.mailbox.id
    this.notifier = new Notifier(session.edge, session.user.id, wanted, selected, this.soon)
  }

  /** What happened until now in the mailbox at hand is told in the answer, whatever is asked for: RFC 5465 §3.1. */
  open(): Promise<void> {
    const { notifier, session } = this
    if (session.selected && !isNone(notifier.wanted)) session.selected.extent = 'all'
    return notifier.open()
  }

  close(): void {
    this.notifier.close()
    const { selected } = this.session
    if (!selected) return
    selected.onNews = () => {}
    selected.isPushed = false
  }

  /** A command begins, or is to be answered: from here on nothing comes between its lines. */
  async hold(): Promise<void> {
    this.isHeld = true
    await this.pushing
  }

  /** What came while the answer was told is due. */
  release(): void {
    this.isHeld = false
    this.soon()
  }

  /**
   * In an answer: what came into the mailbox at hand with it, and of other mailboxes. What happens in the one at hand is
   * pushed from now on.
   *
   * @param last the largest uid there, before the answer told more
   */
  async tell(last: number): Promise<void> {
    const { notifier, session } = this
    const { selected } = session
    if (selected) selected.extent = extentOf(notifier.wanted)
    if (selected && selected.extent !== 'nothing') {
      selected.onNews = this.soon
      selected.isPushed = true
    }
    if (selected && !session.isEnding) await this.tellFresh(selected, last)
    if (notifier.hasNews) for (const line of await notifier.take(session)) session.output.line(line)
  }

  private readonly soon = (): void => {
    if (this.isDue) return
    this.isDue = true
    setImmediate(() => {
      const { session, isHeld } = this
      if ((isHeld && !session.isIdle) || session.isEnding) this.isDue = false
      else this.pushing = this.pushing.then(() => this.push()).catch(this.onFault)
    })
  }

  private async push(): Promise<void> {
    const { session, notifier } = this
    const { selected, output } = session
    await output.room()
    this.isDue = false
    const wanted = notifier.wanted.selected
    if (selected?.isDeleted) return session.dismiss(deletedElsewhere)
    if (selected) selected.extent = extentOf(notifier.wanted) // nothing, if there was too much: RFC 5465 §5.8
    if (selected && wanted && selected.extent !== 'nothing') {
      const last = selected.view.largestUid
      selected.tellNews(output, !wanted.delays || session.isIdle)
      await selected.contexts.tell(output)
      await this.tellFresh(selected, last)
    }
    for (const line of await notifier.take(session)) output.line(line)
    output.flush()
  }

  /** What is wanted of the messages behind `last`. RFC 5465 §5.2. */
  private async tellFresh({ view }: Selected, last: number): Promise<void> {
    const items = this.notifier.wanted.selected?.items ?? []
    // `last + 1:*` would mean the last message where none is new.
    if (items.length === 0 || view.largestUid <= last) return
    await tell(this.session, view.byUid([{ from: last + 1, to: view.largestUid }]), items)
  }
}

const isNone = ({ selected, groups }: Wanted): boolean => !selected && groups.length === 0

const extentOf = ({ selected }: Wanted): Extent => {
  if (!selected?.events.has('MessageNew')) return 'nothing'
  return selected.events.has('FlagChange') ? 'all' : 'messages'
}
