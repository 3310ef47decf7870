/**
 * Six words for an id, to be compared by two people on the telephone.
 *
 * The first 66 bits of the id, eleven a word, from the English list of BIP 39: enough that
 * nobody makes a second key with the same words while the call lasts, few enough to be read out.
 */
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { type AgentId, type EntityId, isId } from '../address.ts'

const WORDS = 6
const BITS = 11 // 2 048 words

/** @throws Error if it is no id */
export const fingerprintWords = (id: AgentId | EntityId): string => {
  if (!isId(id)) throw new Error('fingerprint words are of an id')
  let bits = 0n
  for (const letter of id.slice(0, 14)) bits = (bits << 5n) | BigInt(alphabet.indexOf(letter)) // 70 bits
  bits >>= BigInt(14 * 5 - WORDS * BITS)
  const words: string[] = []
  for (let at = WORDS - 1; at >= 0; at--) words.push(wordlist[Number((bits >> BigInt(at * BITS)) & 2047n)] ?? '')
  return words.join(' ')
}

/** Words as somebody typed or read them out, in the one spelling. @returns undefined if they are no fingerprint */
export const readWords = (text: string): string | undefined => {
  const words = text
    .trim()
    .toLowerCase()
    .split(/[\s-]+/)
  return words.length === WORDS && words.every((word) => wordlist.includes(word)) ? words.join(' ') : undefined
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567' // RFC 4648 §6
