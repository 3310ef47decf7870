/**
 * A client that believes what its server says: it keeps a list of the messages of the mailbox it selected, and
 * changes it by untagged answers alone (RFC 3501 §7). If two servers bring two such clients to the same belief, their news
 * were equivalent, whatever their order and wording.
 */
import { ImapClient } from '../../scripts/bench/imap-client.ts'
import { codeOf, itemsOf, type Untagged, untaggedOf, type Value } from './answer.ts'

/** `flags` sorted, without \Recent; undefined while the client can't know them. */
type Believed = { uid?: number; flags?: string }

/** The uids of a set as a server writes it, ascending; `*` is none of them. */
export const uidsOf = (set: string): number[] =>
  set
    .split(',')
    .flatMap((range) => {
      const [from = 0, to = from] = range.split(':').map(Number)
      return Array.from({ length: Math.abs(to - from) + 1 }, (_, i) => Math.min(from, to) + i)
    })
    .sort((a, b) => a - b)

export type Told = { status: string; code: string; untagged: Untagged[]; text: string }

export class Believer {
  readonly client: ImapClient
  messages: Believed[] = []
  /** The mailbox at hand; none after a SELECT that failed. */
  selected: string | undefined
  isReadOnly = false

  private constructor(client: ImapClient) {
    this.client = client
  }

  static async login(port: number, user: string, password: string): Promise<Believer> {
    return new Believer(await ImapClient.login(port, user, password))
  }

  async ask(command: string | Buffer): Promise<Told> {
    const text = command.toString('latin1')
    if (/^(SELECT|EXAMINE|CLOSE|UNSELECT)\b/.test(text)) {
      this.messages = []
      this.isReadOnly = text.startsWith('EXAMINE')
      this.selected = undefined
    }
    const { status, text: tagged, bytes } = await this.client.ask(command)
    const untagged = untaggedOf(bytes)
    for (const one of untagged) this.hear(one)
    const name = /^(?:SELECT|EXAMINE) (\S+)/.exec(text)?.[1]
    if (name && status === 'OK') this.selected = name
    // Told in silence: its own change is one that it would have to reckon.
    if (/\.SILENT/.test(text)) for (const message of this.messages) delete message.flags
    return { status, code: codeOf(tagged), untagged, text: tagged }
  }

  private hear({ name, number = 0, values, line }: Untagged): void {
    if (name === 'EXISTS') {
      if (number < this.messages.length) throw new Error(`EXISTS took messages away: ${line}`)
      while (this.messages.length < number) this.messages.push({})
    }
    if (name === 'VANISHED' && typeof values[0] === 'string') for (const uid of uidsOf(values[0])) this.lose(uid)
    if (name !== 'EXPUNGE' && name !== 'FETCH') return
    const message = this.messages[number - 1]
    if (!message) throw new Error(`there is no message ${number}, only ${this.messages.length}: ${line}`)
    if (name === 'EXPUNGE') this.messages.splice(number - 1, 1)
    else this.learn(message, itemsOf(values[0] ?? null), line)
  }

  /**
   * Of those between two whose uids it knows it can't tell which has gone, nor whose flags it was told, for uids
   * ascend and that is all. What VANISHED (EARLIER) names is nobody's here: it was gone before the mailbox was selected.
   */
  private lose(uid: number): void {
    const known = this.messages.findIndex((message) => message.uid === uid)
    if (known >= 0) {
      this.messages.splice(known, 1)
      return
    }
    const next = this.messages.findIndex((message) => (message.uid ?? 0) > uid)
    const end = next < 0 ? this.messages.length : next
    const start = this.messages.findLastIndex((message, i) => i < end && message.uid !== undefined) + 1
    if (start === end) throw new Error(`there was no uid ${uid} that could vanish`)
    this.messages.splice(start, end - start, ...Array.from({ length: end - start - 1 }, () => ({})))
  }

  private learn(message: Believed, items: Map<string, Value>, line: string): void {
    const uid = items.get('UID')
    if (uid !== undefined) {
      if (message.uid !== undefined && message.uid !== Number(uid)) throw new Error(`was uid ${message.uid}: ${line}`)
      message.uid = Number(uid)
    }
    const flags = items.get('FLAGS')
    if (Array.isArray(flags)) message.flags = flagsOf(flags)
  }
}

/** \Recent belongs to one session by the accident of who came first, and is gone from RFC 9051. */
export const flagsOf = (flags: Value[]): string =>
  flags
    .map(String)
    .filter((flag) => flag.toLowerCase() !== '\\recent')
    .sort()
    .join(' ')
