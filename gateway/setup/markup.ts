/** XML and HTML with values in them: whatever a value holds, it stays text. */

/** A piece of markup that needs no more escaping. */
export class Markup {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

type Value = string | number | Markup | Markup[]

/** Template tag: values are escaped, markup within markup is not. */
export const markup = (parts: TemplateStringsArray, ...values: Value[]): Markup =>
  new Markup(parts.map((part, i) => part + (i < values.length ? written(values[i] ?? '') : '')).join(''))

const written = (value: Value): string => {
  if (value instanceof Markup) return value.text
  if (Array.isArray(value)) return value.map(({ text }) => text).join('')
  return String(value)
    .replace(NOT_XML, '')
    .replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}

/** Control characters can't stand in XML 1.0, not even escaped (§2.2). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
const NOT_XML = /[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g
