/**
 * What was lately told of messages and never changes, as it was told: an account is read by several mail clients, and
 * webmail asks for its list again with every page.
 *
 * It is kept by the name of what was asked, `ENVELOPE` or `BODY[HEADER.FIELDS (SUBJECT)]`, and by the id of the message,
 * which is never given out again.
 */
import { Generations } from './generations.ts'

/** Of each generation: an ENVELOPE is some 350 octets, so both together hold those of 70 000 messages. */
const HALF_BYTES = 16 << 20
/** What a text costs beside its octets: its head, and its place in the map. */
const EACH_BYTES = 64

export class Lately {
  private readonly kept = new Generations(() => new Map<string, Map<number, string>>(), HALF_BYTES)

  /** In the order of the ids; undefined what is not here. */
  of(name: string, ids: readonly number[]): (string | undefined)[] {
    this.kept.asked()
    const old = this.kept.old.get(name)
    if (!old) {
      const young = this.kept.young.get(name)
      return young ? ids.map((id) => young.get(id)) : new Array<undefined>(ids.length).fill(undefined)
    }
    return ids.map((id) => {
      const text = this.kept.young.get(name)?.get(id)
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
    const texts = this.kept.young.get(name)
    if (texts) texts.set(id, text)
    else this.kept.young.set(name, new Map([[id, text]]))
    this.kept.grown(text.length + EACH_BYTES + (texts ? 0 : name.length + EACH_BYTES))
  }
}
