/**
 * Small bodies lately kept, in memory beside the database: nearly every one is read again within a
 * second, to be sealed and to be handed on, and a read costs more than the rest of its journey here.
 * An id is never given out twice, and bodies never change: what is here is what the database has.
 */
export type FreshBodies = {
  keep(id: number, bytes: Buffer): void
  get(id: number): Buffer | undefined
  forget(id: number): void
}

/** Some 800 letters of 5 kB, a few seconds at full speed. */
const FRESH_BYTES = 4 << 20
/** Once nothing has come for so long, whoever wanted them has had them: the memory is given back. */
const FRESH_MS = 10_000

export const freshBodies = (limit = FRESH_BYTES, restMs = FRESH_MS): FreshBodies => {
  const bodies = new Map<number, Buffer>() // the oldest first: a Map iterates as inserted
  let size = 0

  const forget = (id: number): void => {
    size -= bodies.get(id)?.length ?? 0
    bodies.delete(id)
  }
  const rest = setTimeout(() => {
    bodies.clear()
    size = 0
  }, restMs).unref()
  return {
    keep(id, bytes) {
      rest.refresh()
      forget(id)
      bodies.set(id, bytes)
      size += bytes.length
      for (const oldest of bodies.keys()) {
        if (size <= limit) return
        forget(oldest)
      }
    },
    get: (id) => bodies.get(id),
    forget,
  }
}
