/**
 * A Merkle tree (CRYPTO '87) over texts that are signed together: one signature over its root stands for
 * each of them, and each is shown with the hashes on its way to the root and without the others.
 *
 *   leaf  H(0x00 ‖ text)       node  H(0x01 ‖ the smaller child ‖ the larger)
 *
 * A level's odd last one goes up as it is. Since children are put in order, a way is hashes alone. The first
 * byte keeps a node from being taken for a leaf (RFC 9162 §2.1.1 has it so, too).
 */
import { hash } from 'node:crypto'

/** Bytes of a hash. */
export const HASH = 32
/** Hashes on a way at most: as many as 64 texts need. */
export const DEPTH = 6

export const leafOf = (text: string): Buffer => hash('sha256', `\0${text}`, 'buffer')

/** The root that `way`, from the leaf's neighbour upwards, leads to. */
export const rootBy = (leaf: Buffer, way: readonly Buffer[]): Buffer => way.reduce(join, leaf)

/** @param leaves 1 to 2^DEPTH of them; @returns the root, and a way for each leaf */
export const treeOf = (leaves: readonly Buffer[]): { root: Buffer; ways: Buffer[][] } => {
  const ways: Buffer[][] = leaves.map(() => [])
  let level = leaves.map((value, i) => ({ value, below: [i] }))
  while (level.length > 1) {
    const above: typeof level = []
    for (let i = 0; i < level.length; i += 2) {
      const [one, other] = level.slice(i, i + 2)
      if (one && other) {
        for (const leaf of one.below) ways[leaf]?.push(other.value)
        for (const leaf of other.below) ways[leaf]?.push(one.value)
        above.push({ value: join(one.value, other.value), below: [...one.below, ...other.below] })
      } else if (one) above.push(one)
    }
    level = above
  }
  const [top] = level
  if (top === undefined) throw new Error('a tree has leaves')
  return { root: top.value, ways }
}

const join = (one: Buffer, other: Buffer): Buffer => {
  const pair = Buffer.compare(one, other) <= 0 ? [one, other] : [other, one]
  return hash('sha256', Buffer.concat([NODE, ...pair]), 'buffer')
}

const NODE = Buffer.from([1])
