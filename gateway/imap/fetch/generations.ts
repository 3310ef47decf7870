/**
 * What is kept of late, within a bound, without a list of who used what when.
 *
 *   kept, or asked for --> young --`half` bytes of it--> old --and again--> forgotten
 *
 * Once nobody has asked for REST_MS, the memory is given back.
 */
const REST_MS = 300_000

export class Generations<Kept> {
  young: Kept
  old: Kept
  private bytes = 0
  private readonly empty: () => Kept
  private readonly half: number
  private readonly rest: NodeJS.Timeout

  /** @param half bytes of a generation */
  constructor(empty: () => Kept, half: number) {
    this.empty = empty
    this.half = half
    this.young = empty()
    this.old = empty()
    this.rest = setTimeout(() => {
      this.turn()
      this.turn()
    }, REST_MS).unref()
  }

  asked(): void {
    this.rest.refresh()
  }

  /** To be told after what has come stands in `young`. */
  grown(bytes: number): void {
    this.bytes += bytes
    if (this.bytes >= this.half) this.turn()
  }

  private turn(): void {
    this.old = this.young
    this.young = this.empty()
    this.bytes = 0
  }
}
