/** The plain text of letters that the gateway writes: one line stays one, paragraphs are wrapped, times have no zone but one. */

/** One line without control characters, whatever it was made of. */
export const clean = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, ' ').trim()

/** `Tue, 1 Jul 2025, 08:52 UTC`: no locale and no zone but one. */
export const time = (at: number): string => {
  const [weekday, day, month, year, clock = ''] = new Date(at).toUTCString().split(' ')
  return `${weekday} ${Number(day)} ${month} ${year}, ${clock.slice(0, 5)} UTC`
}

const WIDTH = 76

export const wrap = (text: string, first: string, next = first): string => {
  const lines: string[] = []
  let line = first
  for (const word of clean(text).split(' ')) {
    if (line.trim() !== '' && line.length + 1 + word.length > WIDTH) {
      lines.push(line)
      line = next
    }
    line += line.trim() === '' ? word : ` ${word}`
  }
  return [...lines, line].join('\n')
}

/** As it travels: RFC 5322 §2.3. */
export const crlf = (text: string): string => text.replace(/\n/g, '\r\n')
