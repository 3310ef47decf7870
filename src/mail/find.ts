/** Texts this long, `includes` looks for in a time that hardly depends on what they are. */
const SHORT = 64

/**
 * Whether a text has another in it. A long one is looked for by Knuth, Morris and Pratt, in time that grows with the
 * text alone: `includes` compares nearly all of it at nearly every place, where both are nearly all of one letter.
 */
export const finder = (wanted: string): ((text: string) => boolean) => {
  if (wanted.length <= SHORT) return (text) => text.includes(wanted)
  const borders = bordersOf(wanted)
  return (text) => {
    let matched = 0
    for (let i = 0; i < text.length; i++) {
      matched = longer(wanted, borders, matched, text.charCodeAt(i))
      if (matched === wanted.length) return true
    }
    return false
  }
}

/** How long a beginning of it ends at each place, the whole beginning up to there aside. */
const bordersOf = (wanted: string): Uint32Array => {
  const borders = new Uint32Array(wanted.length)
  for (let i = 1; i < wanted.length; i++) {
    borders[i] = longer(wanted, borders, borders[i - 1] ?? 0, wanted.charCodeAt(i))
  }
  return borders
}

/** How much of the beginning stands there with one more character behind it. */
const longer = (wanted: string, borders: Uint32Array, matched: number, code: number): number => {
  let length = matched
  while (length > 0 && wanted.charCodeAt(length) !== code) length = borders[length - 1] ?? 0
  return wanted.charCodeAt(length) === code ? length + 1 : length
}
