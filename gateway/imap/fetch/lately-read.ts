/**
 * Small messages as they were lately read, whole: a mail client asks for the parts of a message one by one, and
 * another client of the account for the same message. To wait for the database takes longer than the rest of a FETCH.
 *
 * By the id of the message, which is never given out again; a message's bytes never change.
 */
import { Generations } from './generations.ts'

/** Of each generation: some 5 000 letters of 5 kB. */
const HALF_BYTES = 24 << 20
/** What a buffer costs beside its octets (Node 20, measured): itself, its ArrayBuffer, and what stands behind that. */
const EACH_BYTES = 320

export class LatelyRead {
  private readonly kept: Generations<Map<number, Buffer>>

  /** @param half bytes of a generation */
  constructor(half = HALF_BYTES) {
    this.kept = new Generations(() => new Map<number, Buffer>(), half)
  }

  get(id: number): Buffer | undefined {
    this.kept.asked()
    const young = this.kept.young.get(id)
    if (young) return young
    const old = this.kept.old.get(id)
    if (old) this.put(id, old)
    return old
  }

  /**
   * @returns the bytes, on their own: those cut from a page would keep all of the page, and those of Buffer.from(), cut
   * from Node's pool, 8 kB of that.
   */
  keep(id: number, bytes: Buffer): Buffer {
    const own = Buffer.allocUnsafeSlow(bytes.length)
    bytes.copy(own)
    this.put(id, own)
    return own
  }

  private put(id: number, bytes: Buffer): void {
    this.kept.young.set(id, bytes)
    this.kept.grown(bytes.length + EACH_BYTES)
  }
}
