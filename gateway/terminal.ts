/**
 * Text by others on a terminal, where a character may steer instead of being shown: move the cursor,
 * paint over a line, turn the direction of reading.
 */

/** Controls, half characters, and what breaks a line or turns its direction; joiners of letters stay. */
const steering = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu

/** Each of them by its code, `\u{1b}`, as in a string literal. */
export const visible = (text: string): string =>
  text.replace(steering, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`)

/** Lines stay lines, and columns columns. */
export const visibleLines = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.split('\t').map(visible).join('\t'))
    .join('\n')
