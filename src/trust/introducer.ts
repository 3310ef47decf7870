/**
 * Who brought a letter, for the person who finds it in Requests: the gateway it was written at, those on the way
 * by their fingerprint words, and the neighbour who answers for it by the name its owner gave it.
 */
import { fingerprintWords } from '../identity/words.ts'
import { isLinked } from '../link/standing.ts'
import type { State } from '../state.ts'

/** @param agents origin first @returns a phrase for each */
export const introducers = (state: State, sender: string, agents: readonly string[]): string[] =>
  agents.map((agent, at) => {
    const link = state.links.get(agent)
    const who = isLinked(link) ? `"${link.name}", a neighbour of this gateway` : `words: ${fingerprintWords(agent)}`
    return at === 0 ? `the gateway of ${sender}: ${who}` : who
  })
