/** A message read in one piece, or in given ones. */
import { type Parsed, startWalk } from '../../src/mail/walk.ts'

export const parse = (...chunks: (Buffer | string)[]): Parsed => {
  const walk = startWalk()
  for (const chunk of chunks) walk.push(typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk)
  return walk.end()
}

/** Lines with CRLF between and behind them. */
export const letter = (...lines: string[]): string => `${lines.join('\r\n')}\r\n`
