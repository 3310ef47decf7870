/** Letters of 5 kB as people write them: words of a vocabulary in which few are frequent, threads, some with two forms of a text. */
import { type Random, seeded } from '../../test/village/random.ts'

export type BenchLetter = { bytes: Buffer; isSeen: boolean; at: number }

const BODY_BYTES = 4600 // and a header of some 400
/** One in so many letters is not read yet. */
const UNSEEN_ONE_IN = 10
const DAY_MS = 86_400_000
const START = Date.UTC(2026, 0, 1)

const syllables = [
  'ka',
  'lo',
  'mi',
  'ter',
  'van',
  'so',
  'rel',
  'du',
  'pen',
  'sta',
  'qui',
  'zo',
  'bra',
  'fen',
  'hu',
  'gil',
]
const wordOf = (n: number): string => {
  let word = ''
  for (let rest = n + 17; rest > 0; rest = Math.floor(rest / syllables.length))
    word += syllables[rest % syllables.length]
  return word
}
const VOCABULARY = Array.from({ length: 6000 }, (_, n) => wordOf(n * 7))

/** The n-th letter, always the same. */
export const benchLetter = (n: number): BenchLetter => {
  const random = seeded(n * 2_654_435)
  const at = START + Math.floor((n / 300) * DAY_MS)
  const thread = n - (n % 4)
  const subject = `${n % 4 === 0 ? '' : 'Re: '}${words(seeded(thread), 4)}`
  const head = [
    `From: ${person(random.between(0, 300))}`,
    `To: ${person(random.between(0, 300))}`,
    `Subject: ${subject}`,
    `Date: ${new Date(at).toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${n}@bench.test>`,
    ...(n % 4 === 0 ? [] : [`References: <${thread}@bench.test>`, `In-Reply-To: <${n - 1}@bench.test>`]),
    'MIME-Version: 1.0',
  ]
  const mark = n % 1000 === 7 ? `xylophonequartet${n} ` : ''
  const text = `${mark}${paragraphs(random, BODY_BYTES)}`
  const lines = n % 5 === 0 ? twoForms(head, text) : [...head, 'Content-Type: text/plain; charset=utf-8', '', text]
  return { bytes: Buffer.from(`${lines.join('\r\n')}\r\n`), isSeen: n % UNSEEN_ONE_IN !== 0, at }
}

/** A word that stands in every thousandth letter and nowhere else. */
export const RARE_WORD = 'xylophonequartet'
/** A word that many letters have. */
export const COMMON_WORD = VOCABULARY[11] ?? ''

const twoForms = (head: string[], text: string): string[] => {
  const half = text.slice(0, text.length / 2)
  return [
    ...head,
    'Content-Type: multipart/alternative; boundary="=-bench"',
    '',
    '--=-bench',
    'Content-Type: text/plain; charset=utf-8',
    '',
    half,
    '--=-bench',
    'Content-Type: text/html; charset=utf-8',
    '',
    `<html><body><p>${half}</p></body></html>`,
    '--=-bench--',
  ]
}

const person = (n: number): string => `"${wordOf(n * 31)} ${wordOf(n * 57)}" <${wordOf(n)}@${wordOf(n % 40)}.test>`

/** Zipf's law, roughly: the square of chance prefers the first words. */
const word = (random: Random): string => VOCABULARY[Math.floor(random.next() ** 3 * VOCABULARY.length)] ?? ''
const words = (random: Random, count: number): string => Array.from({ length: count }, () => word(random)).join(' ')

const paragraphs = (random: Random, length: number): string => {
  let text = ''
  while (text.length < length) text += `${words(random, 9)}\r\n`
  return text
}
