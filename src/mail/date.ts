/** `Tue, 1 Jul 2003 10:52:37 +0200` and its obsolete forms, RFC 5322 §3.3 and §4.3. */

/** @returns epoch ms, or null where it can't be read */
export const parseDate = (value: string): number | null => readDate(value)?.at ?? null

/** `at` is that moment, `day` the day it names in its own zone: `Tue, 1 Jul 2003 23:52:37 -0800` is the 1st. */
export const readDate = (value: string): { at: number; day: number } | null => {
  const match = DATE.exec(withoutComments(value.slice(0, 200)))
  if (!match) return null
  const [, date, monthName = '', yearText = '', hour = '0', minute = '0', second = '0', zone = ''] = match
  const month = MONTHS.indexOf(monthName.toLowerCase())
  if (month % 3 !== 0) return null
  const day = Date.UTC(fullYear(Number(yearText), yearText.length), month / 3, Number(date))
  const minutes = Number(hour) * 60 + Number(minute) - zoneMinutes(zone)
  return { at: day + minutes * 60_000 + Number(second) * 1000, day }
}

/** From the inside out, for they nest. */
const withoutComments = (text: string): string => {
  const less = text.replace(/\([^()]*\)/g, ' ')
  return less === text ? text : withoutComments(less)
}

/** As `parseDate` reads it; always UTC, so that it tells no one where its writer lives. */
export const formatDate = (at: number): string => new Date(at).toUTCString().replace('GMT', '+0000')

/** Without a time it is 00:00:00. RFC 5256 §2.2. */
const DATE =
  /(\d{1,2})[\s-]+([A-Za-z]{3})[a-z]*[\s-]+(\d{2,4})(?!\d|[:.]\d)(?:\s+(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?\s*([+-]\d{4}|[A-Za-z]{1,5})?)?/

const MONTHS = 'janfebmaraprmayjunjulaugsepoctnovdec'

/** RFC 5322 §4.3: two digits below 50 are of this century, three count from 1900. */
const fullYear = (year: number, digits: number): number => {
  if (digits === 2) return year + (year < 50 ? 2000 : 1900)
  return digits === 3 ? year + 1900 : year
}

const ZONES: Record<string, number> = { EST: -5, EDT: -4, CST: -6, CDT: -5, MST: -7, MDT: -6, PST: -8, PDT: -7 }

const zoneMinutes = (zone: string): number => {
  if (!/^[+-]/.test(zone)) return (ZONES[zone.toUpperCase()] ?? 0) * 60
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3))
  return zone.startsWith('-') ? -minutes : minutes
}
