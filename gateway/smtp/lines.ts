/**
 * Line ends as SMTP wants them: CR LF together, neither alone, and no NUL. RFC 5321 §2.3.8, §4.1.1.4.
 *
 * smtp-server ends DATA at CR LF . CR LF alone and hands everything else on, so a message with a lone CR
 * or LF is whole and not smuggled; but whoever reads it later may see lines, and an end, where we saw none.
 * So it is refused rather than mended: mending would break signatures.
 */
export type LineFlaw = { what: 'bare-lf' | 'bare-cr' | 'nul'; line: number }

/** @returns what is wrong first, if anything is; the chunks may be cut anywhere */
type LineCheck = (chunk: Buffer) => LineFlaw | undefined

const LF = 10
const CR = 13

export const startLineCheck = (): LineCheck => {
  let line = 1
  let isAfterCr = false

  return (chunk) => {
    if (chunk.length === 0) return undefined
    let at = 0
    if (isAfterCr) {
      if (chunk[0] !== LF) return { what: 'bare-cr', line }
      isAfterCr = false
      line++
      at = 1
    }
    // Every byte of every message comes by: a search of the runtime's own takes a fourth of a loop's time.
    const nul = found(chunk, 0, at)
    for (;;) {
      const cr = found(chunk, CR, at)
      const lf = found(chunk, LF, at)
      if (nul < cr && nul < lf) return { what: 'nul', line }
      if (lf < cr) return { what: 'bare-lf', line }
      if (cr >= chunk.length - 1) {
        isAfterCr = cr < chunk.length
        return undefined
      }
      if (lf > cr + 1) return { what: 'bare-cr', line }
      line++
      at = lf + 1
    }
  }
}

/** Where a byte comes next, or no byte any more. */
const found = (chunk: Buffer, byte: number, from: number): number => {
  const at = chunk.indexOf(byte, from)
  return at < 0 ? chunk.length : at
}
