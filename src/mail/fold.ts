/**
 * For comparing texts in a search: composed, and without the difference of case. RFC 9051 §6.4.4.
 *
 * Whatever stands in a text is found in it: a sigma is the same wherever it stands, and a small letter that has a
 * composed form (ǰ) has it also where its capital has none.
 */
export const fold = (text: string): string =>
  normalized(text, 'NFKC').toLowerCase().normalize('NFKC').replaceAll('ς', 'σ')

/** In a header blanks are one: a fold may have left a tab, or several, where the writer had a space. */
export const withSingleBlanks = (text: string): string => text.replace(/[ \t]{2,}|\t/g, ' ')

/**
 * Unicode's normal form of a text that strangers wrote. The marks of one letter are put in order by comparing them in
 * turn, which takes minutes for a megabyte of them: what is beyond 30 is left out (UAX #15, Stream-Safe Text Format).
 */
export const normalized = (text: string, form: 'NFC' | 'NFKC' | 'NFKD'): string =>
  BEYOND_ASCII.test(text) ? text.replace(MARK_BEYOND_30, '').normalize(form) : text

/** ASCII is normal already, and most mail is nothing else. */
const BEYOND_ASCII = /[^\p{ASCII}]/u
/** The halfwidth sound marks are letters, but become marks. */
const MARK_BEYOND_30 = /[\p{M}\uff9e\uff9f](?<=[\p{M}\uff9e\uff9f]{31})/gu
