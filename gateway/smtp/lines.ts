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
    let at = 0
    if (isAfterCr && chunk.length > 0) {
      if (chunk[0] !== LF) return { what: 'bare-cr', line }
      isAfterCr = false
      line++
      at = 1
    }
    for (; at < chunk.length; at++) {
      const byte = chunk[at] as number // within the length; this loop sees every byte of every message
      if (byte > CR) continue
      if (byte === CR) {
        if (++at === chunk.length) isAfterCr = true
        else if (chunk[at] !== LF) return { what: 'bare-cr', line }
        else line++
      } else if (byte === LF) return { what: 'bare-lf', line }
      else if (byte === 0) return { what: 'nul', line }
    }
    return undefined
  }
}
