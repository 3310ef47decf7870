/** What is asked of each message of the comparison, and where our answers are others than Dovecot 2.3.19's, and why. */

export const sections: readonly string[] = [
  'BODY.PEEK[]',
  'BODY.PEEK[HEADER]',
  'BODY.PEEK[TEXT]',
  'BODY.PEEK[1]',
  'BODY.PEEK[1.MIME]',
  'BODY.PEEK[1.1]',
  'BODY.PEEK[1.HEADER]',
  'BODY.PEEK[1.TEXT]',
  'BODY.PEEK[2]',
  'BODY.PEEK[2.MIME]',
  'BODY.PEEK[2.HEADER]',
  'BODY.PEEK[2.TEXT]',
  'BODY.PEEK[2.2]',
  'BODY.PEEK[2.2.MIME]',
  'BODY.PEEK[HEADER.FIELDS (SUBJECT TO X-NONE)]',
  'BODY.PEEK[HEADER.FIELDS.NOT (RECEIVED FROM)]',
  'BODY.PEEK[]<20.300>',
  'BODY.PEEK[TEXT]<0.50>',
]

/** Whole messages; nothing else is made of these. */
export const structureDiffers: Readonly<Record<string, string>> = {
  'empty field values': 'an empty Content-Type is none: text/plain (RFC 2045 §5.2), where Dovecot shows ("" "")',
  'broken addresses': 'an address list without addresses is none, so Reply-To defaults to From',
  'rfc 2231 continued file name':
    'a piece that was not encoded is encoded when joined to those that were (RFC 2231 §4.1)',
  'broken content type': 'a Content-Type without a subtype is not valid: text/plain (RFC 2045 §5.2)',
  'broken content type parameters': 'a name without end quote or quotes is kept whole, as its sender meant it',
  'multipart without boundary': 'its text is shown as text/plain instead of as no part at all',
  'bare LF lines': 'the bytes are sent as they came',
  'bare CR': 'the same, where Dovecot leaves out a CR at the end',
  'some bare LF': 'sizes count the bytes as they are; Dovecot counts, and sends, CRLF',
}

type Rule = { because: string; is(label: string, ours: string | null, theirs: string | null): boolean }

const isPart = (label: string): boolean => /^BODY\[\d/.test(label)
const withoutLineEnds = (text: string | null): string => (text ?? '"\\""').replace(/(?:\\r\\n)+"$/, '"')
const withoutNumbers = (text: string | null): string => (text ?? '').replace(/"\d+"/g, '0')

/** How a single item may differ, in any message; values as JSON, null for what is not there. */
export const rules: readonly Rule[] = [
  {
    because:
      'RFC 3501 §6.4.5: only multiparts and message/rfc822 have parts inside; Dovecot gives a part 1 to any leaf',
    is: (label, ours) => /^BODY\[[\d.]*\.1\]$/.test(label) && ours === null,
  },
  {
    because:
      "RFC 2046 §5.1.1: the line end before a delimiter is the delimiter's; Dovecot gives it to a multipart that ends there",
    is: (label, ours, theirs) =>
      isPart(label) && !/(MIME|HEADER)\]$/.test(label) && withoutLineEnds(ours) === withoutLineEnds(theirs),
  },
  {
    because: 'the same, as it is counted: sizes and lines of what holds such a multipart',
    is: (label, ours, theirs) => /^BODY(STRUCTURE)?$/.test(label) && withoutNumbers(ours) === withoutNumbers(theirs),
  },
  {
    because: 'RFC 9051 §6.4.5.1: a header ends with its empty line, also where the message has none',
    is: (label, ours, theirs) => /MIME\]|HEADER/.test(label) && withoutLineEnds(ours) === withoutLineEnds(theirs),
  },
]
