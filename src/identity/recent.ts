/**
 * Remembers what was lately computed, so that a repeated sender costs nothing.
 *
 * Least recently used goes first. A computation under way is shared by all who ask for
 * it meanwhile; one that failed is forgotten, and its error goes to everybody who waited.
 */
export const recent = <T>(limit: number): ((key: string, make: () => T) => T) => {
  const kept = new Map<string, T>() // in the order of use: a Map iterates as inserted

  return (key, make) => {
    const found = kept.get(key)
    if (found !== undefined) {
      kept.delete(key)
      kept.set(key, found)
      return found
    }
    const made = make()
    kept.set(key, made)
    if (made instanceof Promise) made.catch(() => kept.get(key) === made && kept.delete(key))
    for (const oldest of kept.keys()) {
      if (kept.size <= limit) break
      kept.delete(oldest)
    }
    return made
  }
}
