/** Where we may differ from Dovecot 2.3.19, and by what right. */
export type Allowed = string

type Met = { command: string; what: string; ours: string; theirs: string }
type Entry = { because: Allowed; is(met: Met): boolean }

/** Codes that a client acts upon. The others explain a NO to people (RFC 5530), and every server has its own taste in them. */
const ACTED_UPON = /^(APPENDUID|COPYUID|UIDVALIDITY|TRYCREATE|READ-WRITE|READ-ONLY|MODIFIED|BADCHARSET|UIDNOTSTICKY)\b/

export const matters = (code: string): string => (ACTED_UPON.test(code) ? code : '')

/** Sections of parts that are not there: NIL and "" say the same. A JSON string is what stands between quotes. */
const withoutEmptySections = (answers: string): string =>
  answers.replace(/"BODY\[\d[^\]]*\]":(null|"\\""),?/g, '').replaceAll(',}', '}')

/** Whatever the part 2.1 is said to be. */
const withoutPartOfLeaf = (answers: string): string =>
  withoutEmptySections(answers.replace(/"BODY\[2\.1\]":(null|"(?:[^"\\]|\\.)*"),?/g, ''))

const entries: Entry[] = [
  {
    because:
      'RFC 3501 §6.3.2: a mailbox opened by EXAMINE is not changed; we say NO [READ-ONLY], Dovecot says OK and changes nothing',
    is: ({ what, command, ours }) =>
      /^(UID )?STORE/.test(command) &&
      ((what === 'status' && ours === '"NO"') || (what === 'code' && ours === '"READ-ONLY"')),
  },
  {
    because:
      'RFC 3501 §6.4.7: without the target it is NO [TRYCREATE], also if the set names nobody, where Dovecot says OK',
    is: ({ what, command, ours }) =>
      /^UID (COPY|MOVE) .* nowhere$/.test(command) && (ours === '"NO"' || ours === '"TRYCREATE"') && what !== 'answers',
  },
  {
    because: 'RFC 3501 §6.4.5: a section of a part that is not there is NIL; Dovecot says "" where it ends in a word',
    is: ({ what, command, ours, theirs }) =>
      what === 'answers' && /FETCH/.test(command) && withoutEmptySections(ours) === withoutEmptySections(theirs),
  },
  {
    because:
      'RFC 3501 §6.4.5: only multiparts and message/rfc822 have parts inside; Dovecot gives a part 1 to any message/…',
    is: ({ what, command, ours, theirs }) =>
      what === 'answers' &&
      /FETCH.*BODY\.PEEK\[2\.1\]/.test(command) &&
      withoutPartOfLeaf(ours) === withoutPartOfLeaf(theirs),
  },
  {
    because: 'RFC 3501 §6.4.4: a part text/rfc822-headers is text of the body and searched; Dovecot leaves it out',
    is: ({ what, command }) => what === 'answers' && /BODY subject/.test(command),
  },
  {
    because:
      'RFC 3501 §6.4.4: what is SEEN and no DRAFT is NOT (SEEN DRAFT); Dovecot takes flags in brackets for one, of which none may be set',
    is: ({ what, command }) => what === 'answers' && NOT_TWO_FLAGS.test(command),
  },
  {
    because:
      'RFC 3501 §6.4.4: what has 289 octets is SMALLER 500, so it is NOT among NOT OR SMALLER 200 SMALLER 500; Dovecot finds it',
    is: ({ what, command }) => what === 'answers' && NOT_TWO_SIZES.test(command),
  },
]

const NOT_TWO_FLAGS = /NOT \((?:[^()]* )?(?:UN)?(?:SEEN|ANSWERED|DELETED|FLAGGED|DRAFT)\b/

/** Of one kind: Dovecot makes one of the two, as it may without NOT. */
const NOT_TWO_SIZES = /NOT OR (SMALLER|LARGER) \d+ \1 \d+/

export const isAllowed = (met: Met): Allowed | undefined => entries.find(({ is }) => is(met))?.because
