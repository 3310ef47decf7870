/** A – R – B, and X, who is linked to everybody and belongs to no path. */
import { expect } from 'chai'
import type { Agent } from './agent.ts'
import { pass, rowAt } from './scene.ts'
import { at, found, MINUTE, type Village, write } from './village.ts'

export type Scene = { village: Village; a: Agent; r: Agent; b: Agent; x: Agent }

/** A, R and B in a line. X is a neighbour of all three, but its links are down, so that no path leads over it. */
export const scene = (seed = 1): Scene => {
  const village = found(seed, 4, [
    [0, 1],
    [1, 2],
    [3, 0],
    [3, 1],
    [3, 2],
  ])
  const [a, r, b, x] = [at(village, 0), at(village, 1), at(village, 2), at(village, 3)]
  for (const other of [a, r, b]) village.carrier.turn(x.id, other.id, false)
  pass(village, 1000)
  return { village, a, r, b, x }
}

/** A writes to B while R and B are apart: R has custody and waits. */
export const onItsWay = (seed?: number) => {
  const scenery = scene(seed)
  const { village, a, r, b } = scenery
  write(village, a, [{ address: 'p@2.test' }])
  pass(village, 1000) // B is known now
  expect(b.mail).to.have.length(1)
  village.carrier.turn(r.id, b.id, false)
  pass(village, 1000)
  write(village, a, [{ address: 'p@2.test' }])
  pass(village, MINUTE)
  const [first, second] = village.written
  if (!first || !second) throw new Error('nothing was written')
  expect(rowAt(a, second.key).state).to.equal('handed')
  expect(rowAt(r, second.key).state).to.equal('waiting')
  return { ...scenery, first, second }
}

/** R brings it to B, and the link breaks before B's answer is back. */
export const deliverUnheard = (village: Village, r: Agent, b: Agent): void => {
  const before = b.mail.length
  village.carrier.turn(r.id, b.id, true)
  for (let ms = 0; ms < 400 && b.mail.length === before; ms++) pass(village, 1)
  village.carrier.turn(r.id, b.id, false)
  expect(b.mail).to.have.length(before + 1)
}
