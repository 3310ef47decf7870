/**
 * What was lately told of messages and never changes, as it was told: an account is read by several mail clients, and
 * webmail asks for its list again with every page.
 *
 * It is kept by the name of what was asked, `ENVELOPE` or `BODY[HEADER.FIELDS (SUBJECT)]`, and by the id of the message,
 * which is never given out again.
 *
 *   asked for, or told --> young --HALF_BYTES of it--> old --and again--> forgotten
 */
type Kept = Map<string, Map<number, string>>

/** Of each generation: an ENVELOPE is some 350 octets, so both together hold those of 70 000 messages. */
const HALF_BYTES = 16 << 20
/** What a text costs beside its octets: its head, and its place in the map. */
const EACH_BYTES = 64
/** Once nobody has asked for so long, the memory is given back. */
const REST_MS = 300_000

export class Lately {
  private young: Kept = new Map()
  private old: Kept = new Map()
  private bytes = 0
  private readonly rest = setTimeout(() => {
    this.turn()
    this.turn()
  }, REST_MS).unref()

  /** In the order of the ids; undefined what is not here. */
  of(name: string, ids: readonly number[]): (string | undefined)[] {
    this.rest.refresh()
    const old = this.old.get(name)
    if (!old) {
      const young = this.young.get(name)
      return young ? ids.map((id) => young.get(id)) : new Array<undefined>(ids.length).fill(undefined)
    }
    return ids.map((id) => {
      const text = this.young.get(name)?.get(id)
      if (text !== undefined) return text
      const kept = old.get(id)
      if (kept !== undefined) this.put(name, id, kept)
      return kept
    })
  }

  /** @returns the text, on its own: one cut from a page would keep all of the page. */
  keep(name: string, id: number, text: string): string {
    const own = Buffer.from(text, 'latin1').toString('latin1')
    this.put(name, id, own)
    return own
  }

  private put(name: string, id: number, text: string): void {
    let texts = this.young.get(name)
    if (!texts) {
      texts = new Map()
      this.young.set(name, texts)
      this.bytes += name.length + EACH_BYTES
    }
    texts.set(id, text)
    this.bytes += text.length + EACH_BYTES
    if (this.bytes >= HALF_BYTES) this.turn()
  }

  private turn(): void {
    this.old = this.young
    this.young = new Map()
    this.bytes = 0
  }
}
