/**
 * Puts a piece behind the first `length` bytes of a buffer, in the same or in a larger one: it grows by doubling, for
 * pieces may be of a byte each.
 */
export const appended = (bytes: Buffer, length: number, piece: Buffer): Buffer => {
  const size = length + piece.length
  if (size <= bytes.length) {
    piece.copy(bytes, length)
    return bytes
  }
  const grown = Buffer.allocUnsafe(Math.max(size, 2 * length))
  bytes.copy(grown, 0, 0, length)
  piece.copy(grown, length)
  return grown
}
