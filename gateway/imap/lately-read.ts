/**
 * Small messages as they were lately read, whole: a mail client asks for the parts of a message one by one, and
 * another client of the account for the same message. To wait for the database takes longer than the rest of a FETCH.
 *
 * By the id of the message, which is never given out again; a message's bytes never change.
 *
 *   read --> young --HALF_BYTES of it, unless asked for--> old --and again--> forgotten
 */

/** Of each generation: some 5 000 letters of 5 kB. */
const HALF_BYTES = 24 << 20
/** Once nobody has asked for so long, the memory is given back. */
const REST_MS = 300_000

export class LatelyRead {
  private young = new Map<number, Buffer>()
  private old = new Map<number, Buffer>()
  private bytes = 0
  private readonly half: number
  private readonly rest = setTimeout(() => {
    this.turn()
    this.turn()
  }, REST_MS).unref()

  /** @param half bytes of a generation */
  constructor(half = HALF_BYTES) {
    this.half = half
  }

  get(id: number): Buffer | undefined {
    const young = this.young.get(id)
    if (young) return young
    const old = this.old.get(id)
    if (old) this.put(id, old)
    return old
  }

  /** @returns the bytes, on their own: those cut from a page would keep all of the page. */
  keep(id: number, bytes: Buffer): Buffer {
    const own = Buffer.from(bytes)
    this.put(id, own)
    return own
  }

  private put(id: number, bytes: Buffer): void {
    this.rest.refresh()
    this.bytes += bytes.length
    this.young.set(id, bytes)
    if (this.bytes >= this.half) this.turn()
  }

  private turn(): void {
    this.old = this.young
    this.young = new Map()
    this.bytes = 0
  }
}
