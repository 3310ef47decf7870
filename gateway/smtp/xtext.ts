/**
 * xtext, RFC 3461 §4: `+2B` for a plus, `+3D` for an equals sign, and so for all that is not printable ASCII. Only ENVID,
 * ORCPT and AUTH are written in it; smtp-server undoes it in the value of every parameter.
 */
const coded = new Set(['ENVID', 'ORCPT', 'AUTH'])

const parameter = /(?<=\s)([A-Za-z0-9][A-Za-z0-9-]*)=(\S+)/g

/** The line of MAIL or RCPT, so that undoing xtext everywhere leaves the other values as they were said. */
export const allAsXtext = (line: string): string =>
  line.replace(parameter, (whole, name: string) => (isCoded(name) ? whole : whole.replaceAll('+', '+2B')))

const isCoded = (name: string): boolean => coded.has(name.toUpperCase())
