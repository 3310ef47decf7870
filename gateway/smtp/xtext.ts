/**
 * xtext, RFC 3461 §4: `+2B` for a plus, `+3D` for an equals sign, and so for all that is not printable ASCII. Only ENVID,
 * ORCPT and AUTH are written in it; smtp-server undoes it in the value of every parameter, and lets stand what is none.
 */
const xtext = String.raw`(?:[!-*,-<>-~]|\+[0-7][0-9A-F])*`
/** RFC 6533 §3: an address beyond ASCII as it is. */
const unitext = String.raw`[Uu][Tt][Ff]-8;(?:[!-*,-<>-~]|[^\p{ASCII}\p{C}\p{Z}])*`
const coded: ReadonlyMap<string, RegExp> = new Map([
  ['ENVID', new RegExp(`^${xtext}$`)],
  ['ORCPT', new RegExp(`^(?:${xtext}|${unitext})$`, 'u')],
  ['AUTH', new RegExp(`^${xtext}$`)],
])

const parameter = /(?<=\s)([A-Za-z0-9][A-Za-z0-9-]*)=(\S+)/g

/** The line of MAIL or RCPT, so that undoing xtext everywhere leaves the other values as they were said. */
export const allAsXtext = (line: string): string =>
  line.replace(parameter, (whole, name: string) =>
    coded.has(name.toUpperCase()) ? whole : whole.replaceAll('+', '+2B'),
  )

/** @returns the name of the first parameter that should be xtext and is not */
export const notXtext = (line: string): string | undefined => {
  for (const [, name = '', value = ''] of line.matchAll(parameter))
    if (coded.get(name.toUpperCase())?.test(value) === false) return name.toUpperCase()
  return undefined
}
