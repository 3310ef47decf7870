/**
 * Places taken, by whom: at most so many each.
 */
export class Tally<Key> {
  private readonly taken = new Map<Key, number>()

  /** False when all places are taken. */
  take(key: Key, limit: number): boolean {
    const count = this.taken.get(key) ?? 0
    if (count >= limit) return false
    this.taken.set(key, count + 1)
    return true
  }

  give(key: Key): void {
    const count = (this.taken.get(key) ?? 0) - 1
    if (count > 0) this.taken.set(key, count)
    else this.taken.delete(key)
  }
}
