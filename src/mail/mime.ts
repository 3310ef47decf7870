/**
 * What a header says about the body below it: RFC 2045 §5 and §6, RFC 2183, RFC 3282, RFC 2557.
 */
import { type Field, trim, unfold } from './header.ts'
import { parseParams, withoutComments } from './param.ts'
import type { Mime } from './structure.ts'

/** A part whose header says nothing. */
export const PLAIN: Mime = {
  type: 'text',
  subtype: 'plain',
  params: [],
  id: null,
  description: null,
  encoding: '7bit',
  md5: null,
  disposition: null,
  language: [],
  location: null,
}

/**
 * Reads the Content-* fields; of a repeated one, the first counts.
 *
 * @param fallback what a part without a Content-Type is: RFC 2045 §5.2, in a digest RFC 2046 §5.1.5
 */
export const readMime = (fields: readonly Field[], fallback: 'text/plain' | 'message/rfc822'): Mime => {
  const content = new Map<string, string>()
  for (const [name, value] of fields) {
    const key = name.toLowerCase()
    if (key.startsWith('content-') && !content.has(key)) content.set(key, unfold(value))
  }
  const { value, params } = parseParams(content.get('content-type') ?? fallback)
  const [, type = 'text', subtype = 'plain'] = TYPE.exec(value) ?? []
  const disposition = content.get('content-disposition')
  return {
    type,
    subtype,
    // RFC 2045 §5.2: what can't be read is text/plain in us-ascii, whatever else it claims.
    params: TYPE.test(value) ? params : [],
    id: content.get('content-id') ?? null,
    description: content.get('content-description') ?? null,
    encoding: parseParams(content.get('content-transfer-encoding') ?? '').value || '7bit',
    md5: content.get('content-md5') ?? null,
    disposition: disposition ? parseParams(disposition) : null,
    language: withoutComments(content.get('content-language') ?? '')
      .split(',')
      .flatMap((tag) => trim(tag) || []),
    location: content.get('content-location') ?? null,
  }
}

/** Neither has blanks inside; around the slash there may be some (RFC 2045 §5.1, tokens). */
const TYPE = /^([^\s/]+)\s*\/\s*(\S+)$/
