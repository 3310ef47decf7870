/** For comparing texts in a search: composed, and without the difference of case. RFC 9051 §6.4.4. */
export const fold = (text: string): string => (BEYOND_ASCII.test(text) ? text.normalize('NFKC') : text).toLowerCase()

/** ASCII is composed already, and most mail is nothing else. */
const BEYOND_ASCII = /[^\p{ASCII}]/u
