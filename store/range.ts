/** Numbers from one to another, both included. */
export type Range = { from: number; to: number }

/** Numbers as runs, in the order given. */
export const runsOf = (numbers: readonly number[]): Range[] => {
  const runs: Range[] = []
  for (const number of numbers) {
    const last = runs.at(-1)
    if (last?.to === number - 1) last.to = number
    else runs.push({ from: number, to: number })
  }
  return runs
}
