/**
 * Messages that somebody wanted, each told once and after a while: who reads a message and then throws it on
 * Junk has not wanted it. In memory alone; a week of silence says the same.
 */

/** Beyond, what was told is forgotten, and told once more if it is read again: that is harmless. */
const TOLD_MAX = 100_000

export class WantedOnce {
  private readonly told = new Set<string>()
  private readonly waiting = new Map<string, number>()

  /** @param until when it may be told */
  add(key: string, until: number): void {
    if (!this.told.has(key) && !this.waiting.has(key)) this.waiting.set(key, until)
  }

  remove(key: string): void {
    this.waiting.delete(key)
  }

  /** When the next may be told: the first that came waits no longer than any other. */
  next(): number {
    const [first] = this.waiting.values()
    return first ?? Number.POSITIVE_INFINITY
  }

  /** Those whose time has come, which are told now. */
  take(now: number): string[] {
    const keys = [...this.waiting].filter(([, until]) => until <= now).map(([key]) => key)
    if (this.told.size + keys.length > TOLD_MAX) this.told.clear()
    for (const key of keys) {
      this.waiting.delete(key)
      this.told.add(key)
    }
    return keys
  }
}
