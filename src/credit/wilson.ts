/**
 * Wilson's interval for a rate of which a sample is known: honest for few messages, too, where
 * one complaint among three says little. 95 %, both sides.
 */
const Z = 1.96

/** @returns the rate that is surely not exceeded; 1 when nothing is known */
export const wilsonUpper = (hits: number, of: number): number => (of <= 0 ? 1 : Math.min(1, bound(hits, of, Z)))

/** @returns the rate that is surely reached; 0 when nothing is known */
export const wilsonLower = (hits: number, of: number): number => (of <= 0 ? 0 : Math.max(0, bound(hits, of, -Z)))

const bound = (hits: number, of: number, z: number): number => {
  const rate = hits / of
  const middle = rate + (z * z) / (2 * of)
  const spread = z * Math.sqrt((rate * (1 - rate)) / of + (z * z) / (4 * of * of))
  return (middle + spread) / (1 + (z * z) / of)
}
