/**
 * Transfer encodings undone, at once or piece by piece: RFC 2045 §6. How the bytes were cut never shows in what comes out.
 *
 * What is no base64 is passed over, a quoted-printable that is none stays as it is.
 */

/** Every encoding that nobody registered leaves the bytes as they are. */
export const decodeTransfer = (content: Buffer, encoding: string): Buffer => {
  const decoder = startDecoder(encoding)
  if (!decoder) return content
  const bytes = decoder.push(content)
  const last = decoder.end()
  return last.length === 0 ? bytes : Buffer.concat([bytes, last])
}

export type Decoder = { push(chunk: Buffer): Buffer; end(): Buffer }

/** Undefined for an encoding nobody registered. */
export const startDecoder = (encoding: string): Decoder | undefined => {
  switch (encoding) {
    case 'base64':
      return base64()
    case 'quoted-printable':
      return quotedPrintable()
    case '':
    case '7bit':
    case '8bit':
    case 'binary':
      return { push: (chunk) => chunk, end: () => nothing }
    default:
      return undefined
  }
}

const nothing = Buffer.alloc(0)
/** A line of quoted-printable has 76; one without end is not waited for. */
const LINE_MAX = 8192

/** Ends at the first `=`, as what is appended behind it is nobody's. */
const base64 = (): Decoder => {
  let rest = ''
  let isOver = false
  return {
    push(chunk) {
      if (isOver) return nothing
      const text = rest + chunk.toString('latin1').replace(/[^A-Za-z\d+/=]+/g, '')
      const padding = text.indexOf('=')
      isOver = padding >= 0
      const end = isOver ? padding : text.length - (text.length % 4)
      rest = isOver ? '' : text.slice(end)
      return Buffer.from(text.slice(0, end), 'base64')
    },
    end: () => Buffer.from(rest, 'base64'),
  }
}

/** Whole lines at a time: blanks at a line's end, and whether it goes on, are known only there. */
const quotedPrintable = (): Decoder => {
  let rest = nothing
  return {
    push(chunk) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      const line = bytes.lastIndexOf(LF) + 1
      const end = bytes.length - line <= LINE_MAX ? line : harmlessEnd(bytes)
      rest = Buffer.from(bytes.subarray(end))
      return decodeQuotedPrintable(bytes.subarray(0, end))
    },
    end: () => decodeQuotedPrintable(rest),
  }
}

const [LF, CR, BLANK, TAB, EQUALS] = [0x0a, 0x0d, 0x20, 0x09, 0x3d]

/** Where a line may be cut: not in blanks, nor in an escape. */
const harmlessEnd = (bytes: Buffer): number => {
  for (let end = bytes.length; end > bytes.length - LINE_MAX; end--) {
    const [last = 0, before = 0] = [bytes[end - 1], bytes[end - 2]]
    const isOpen = last === CR || last === BLANK || last === TAB || last === EQUALS || before === EQUALS
    if (!isOpen) return end
  }
  return bytes.length
}

const decodeQuotedPrintable = (content: Buffer): Buffer =>
  Buffer.from(
    content
      .toString('latin1')
      .replace(/[ \t]+(?:(\r?\n|$)|)/g, (blanks, lineEnd?: string) => lineEnd ?? blanks) // RFC 2045 §6.7 (3): added on the way
      .replace(/=(?:([\dA-F]{2})|\r?\n|$)/gi, (_, hex?: string) =>
        hex ? String.fromCharCode(Number.parseInt(hex, 16)) : '',
      ),
    'latin1',
  )
