/**
 * A text as a QR picture (ISO/IEC 18004): on a terminal, and as a PNG file (RFC 2083).
 *
 * Dark on light whatever the colours of the terminal: some readers take no inverted picture.
 * Upper case is a third smaller (alphanumeric mode), and an invitation means the same in it.
 */
import { crc32, deflateSync } from 'node:zlib'
import { encodeQR } from 'qr'

/** Four modules of light around it: less, and some readers do not find it. */
const BORDER = 4
/** Pixels to a module: about 10 cm on paper at 96 dpi, and large enough for any camera. */
const SCALE = 8

const draw = (text: string, scale?: number): boolean[][] =>
  encodeQR(text.toUpperCase(), 'raw', { ecc: 'medium', border: BORDER, ...(scale && { scale }) })

/** Two rows of modules to a line. Black on white by SGR (ECMA-48 §8.3.117), each line for itself. */
export const qrOnTerminal = (text: string): string => {
  const rows = draw(text)
  const lines: string[] = []
  for (let y = 0; y < rows.length; y += 2) {
    const halves = rows[y]?.map((upper, x) => half[upper ? 1 : 0][rows[y + 1]?.[x] ? 1 : 0])
    lines.push(`\x1b[30;107m${halves?.join('')}\x1b[0m`)
  }
  return lines.join('\n')
}

/** By upper and lower module, dark or not. */
const half = [
  [' ', '▄'],
  ['▀', '█'],
] as const

/** One bit a pixel, greyscale; a row begins with its filter: none. */
export const qrAsPng = (text: string): Buffer => {
  const rows = draw(text, SCALE)
  const side = rows.length
  const head = Buffer.alloc(13)
  head.writeUInt32BE(side, 0)
  head.writeUInt32BE(side, 4)
  head.set([1, 0, 0, 0, 0], 8) // depth, greyscale, deflate, adaptive filters, no interlace
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(Buffer.concat(rows.map((row) => Buffer.from([0, ...packed(row)]))))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** Eight pixels a byte, the leftmost in the highest bit; 1 is white. */
const packed = (row: readonly boolean[]): number[] => {
  const bytes = new Array<number>(Math.ceil(row.length / 8)).fill(0)
  for (const [x, isDark] of row.entries()) if (!isDark) bytes[x >> 3] = (bytes[x >> 3] ?? 0) | (0x80 >> (x & 7))
  return bytes
}

const chunk = (type: string, data: Buffer): Buffer => {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const framed = Buffer.alloc(8 + body.length)
  framed.writeUInt32BE(data.length, 0)
  framed.set(body, 4)
  framed.writeUInt32BE(crc32(body), 4 + body.length)
  return framed
}
