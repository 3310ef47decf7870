/**
 * A letter beneath trace fields (trace.ts): what a walk would find of both together, from what it found of the letter.
 * None of those fields is in an envelope or a structure, so all that changes is where things begin.
 */
import type { Parsed, Part } from './parsed.ts'

/** Nothing is cut short in what is no larger: a header is kept up to here (walk.ts). */
const SMALL_BYTES = 65_536

/** @returns undefined where only a walk can tell: the letter has a flaw, which may be one of its first line, or is large */
export const beneath = (head: Buffer, parsed: Parsed): Parsed | undefined => {
  const down = head.length
  if (parsed.malformed !== undefined || down + parsed.size > SMALL_BYTES) return undefined
  return {
    ...parsed,
    size: down + parsed.size,
    headerSize: down + parsed.headerSize,
    header: Buffer.concat([head, parsed.header]),
    root: { ...lower(parsed.root, down), start: 0 },
  }
}

const lower = (part: Part, down: number): Part => ({
  ...part,
  start: part.start + down,
  bodyStart: part.bodyStart + down,
  end: part.end + down,
  children: part.children.map((child) => lower(child, down)),
  ...(part.message && { message: lower(part.message, down) }),
})
