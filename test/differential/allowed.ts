/** Where we may differ from Dovecot 2.3.19, and by what right. */
export type Allowed = string

/** `isReadOnly`: the session has its mailbox by EXAMINE. */
type Met = { command: string; what: string; ours: string; theirs: string; isReadOnly: boolean }
type Entry = { because: Allowed; is(met: Met): boolean }

/** Codes that a client acts upon. The others explain a NO to people (RFC 5530), and every server has its own taste in them. */
const ACTED_UPON =
  /^(APPENDUID|COPYUID|UIDVALIDITY|TRYCREATE|READ-WRITE|READ-ONLY|MODIFIED|UNKNOWN-CTE|BADCHARSET|UIDNOTSTICKY)\b/

export const matters = (code: string): string => (ACTED_UPON.test(code) ? code : '')

/** Sections of parts that are not there: NIL and "" say the same. A JSON string is what stands between quotes. */
const withoutEmptySections = (answers: string): string =>
  answers.replace(/"(?:BODY|BINARY)\[\d[^\]]*\]":(null|"\\""),?/g, '').replaceAll(',}', '}')

/** Whatever the parts are said to be that are asked for inside of leaves. */
const withoutPartOfLeaf = (answers: string): string =>
  withoutEmptySections(answers.replace(/"(?:BODY\[2\.1\]|BINARY\[1\.1\])":(null|"(?:[^"\\]|\\.)*"),?/g, ''))

const entries: Entry[] = [
  {
    because:
      'RFC 3501 §6.3.2: a mailbox opened by EXAMINE is not changed; we say NO [READ-ONLY], Dovecot says OK and changes nothing, or BAD to numbers that nobody has',
    is: ({ what, command, ours, theirs, isReadOnly }) =>
      isReadOnly &&
      /^(UID )?STORE/.test(command) &&
      ((what === 'status' && ours === '"NO"' && theirs !== '"NO"') || (what === 'code' && ours === '"READ-ONLY"')),
  },
  {
    because:
      'RFC 3501 §6.4.7: without the target it is NO [TRYCREATE], also if the set names nobody, where Dovecot says OK',
    is: ({ what, command, ours, theirs }) =>
      /^UID (COPY|MOVE) .* nowhere$/.test(command) &&
      ((what === 'status' && ours === '"NO"' && theirs === '"OK"') ||
        (what === 'code' && ours === '"TRYCREATE"' && theirs === '""')),
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
      /FETCH.*(BODY\.PEEK\[2\.1\]|BINARY\.PEEK\[1\.1\])/.test(command) &&
      withoutPartOfLeaf(ours) === withoutPartOfLeaf(theirs),
  },
  {
    because: 'RFC 3501 §6.4.4: a part text/rfc822-headers is text of the body and searched; Dovecot leaves it out',
    is: ({ what, command, ours, theirs }) =>
      what === 'answers' && command === 'UID SEARCH BODY subject' && holdsAll(ours, theirs),
  },
  {
    because:
      'RFC 3501 §6.4.4: what is SEEN and no DRAFT is NOT (SEEN DRAFT), and OR UNSEEN UNDRAFT; Dovecot takes the flags for one, of which none may be set',
    is: ({ what, command, ours, theirs }) =>
      what === 'answers' && /^UID SEARCH (NOT \(\w+ \w+\)|OR UN\w+ UN\w+)$/.test(command) && holdsAll(ours, theirs),
  },
  {
    because:
      'RFC 3501 §6.4.4: what has 289 octets is SMALLER 500, so it is NOT among NOT OR SMALLER 200 SMALLER 500; Dovecot finds it',
    is: ({ what, command, ours, theirs }) =>
      what === 'answers' && command === 'UID SEARCH NOT OR SMALLER 200 SMALLER 500' && holdsAll(theirs, ours),
  },
  {
    because:
      'RFC 5256 §3: of equals the next key decides; Dovecot, after an order by CC, FROM, SUBJECT or TO without the last messages, puts these behind their equals',
    is: ({ what, command, ours, theirs }) =>
      what === 'answers' &&
      /^(UID )?SORT \([^)]*\b(CC|FROM|SUBJECT|TO)\b/.test(command) &&
      sorted(ours).some(
        (last) => isSameOrder(ours, theirs, (uid) => uid <= last) && isSameOrder(ours, theirs, (uid) => uid > last),
      ),
  },
]

/** An answer to SORT, [[uid, …]]. */
const sorted = (answer: string): number[] => (JSON.parse(answer) as string[][]).flat().map(Number)

const isSameOrder = (ours: string, theirs: string, counts: (uid: number) => boolean): boolean =>
  `${sorted(ours).filter(counts)}` === `${sorted(theirs).filter(counts)}`

/** Of two answers to SEARCH or SORT, [[uid, …]]: the first finds whatever the second does. */
const holdsAll = (more: string, fewer: string): boolean => {
  const [all, some] = [more, fewer].map((answer) => new Set((JSON.parse(answer) as unknown[][]).flat()))
  return [...(some ?? [])].every((uid) => all?.has(uid))
}

export const isAllowed = (met: Met): Allowed | undefined => entries.find(({ is }) => is(met))?.because
