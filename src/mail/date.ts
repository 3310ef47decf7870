/** `Tue, 1 Jul 2003 10:52:37 +0200` and its obsolete forms, RFC 5322 §3.3 and §4.3. */

/** @returns epoch ms, or null where it can't be read */
export const parseDate = (value: string): number | null => {
  const match = DATE.exec(value.slice(0, 200).replace(/\([^()]*\)/g, ' '))
  if (!match) return null
  const [, day, monthName = '', yearText = '', hour, minute, second, zone = ''] = match
  const month = MONTHS.indexOf(monthName.toLowerCase())
  if (month % 3 !== 0) return null
  const year = fullYear(Number(yearText), yearText.length)
  const at = Date.UTC(year, month / 3, Number(day), Number(hour), Number(minute), Number(second ?? 0))
  return Number.isNaN(at) ? null : at - zoneMinutes(zone) * 60_000
}

/** As `parseDate` reads it; always UTC, so that it tells no one where its writer lives. */
export const formatDate = (at: number): string => new Date(at).toUTCString().replace('GMT', '+0000')

const DATE =
  /(\d{1,2})[\s-]+([A-Za-z]{3})[a-z]*[\s-]+(\d{2,4})\s+(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?\s*([+-]\d{4}|[A-Za-z]{1,5})?/

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
