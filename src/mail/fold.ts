/** For comparing texts in a search: composed, and without the difference of case. RFC 9051 §6.4.4. */
export const fold = (text: string): string => text.normalize('NFKC').toLowerCase()
