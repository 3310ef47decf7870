/** What the system says of a file or a socket, with words in front for whoever can mend it. */
export const inWords = (said: string): string => {
  const words = faults.find(([code]) => code.test(said))?.[1]
  const short = said.replace(longStatement, '$1')
  return words === undefined ? short : `${words} (${short})`
}

/** What the database was asked, behind what it said: one of several lines is of no use to a person. */
const longStatement = /^(SQLITE_\w+: .*?) \(.*\n.*\)$/s

const faults: [code: RegExp, words: string][] = [
  [/^(?:ENOSPC|EDQUOT)\b/, 'The disk is full: make room, then say it again.'],
  [
    /^(?:connect )?(?:EACCES|EPERM)\b/,
    'That belongs to another user: run as the owner of the home, or give the file to it (chown).',
  ],
  // Of a full disk, too, where the database wants a file beside it.
  [
    /^SQLITE_IOERR\b/,
    'The disk of the home is full or fails: make room (df), or see what the system says of it (dmesg).',
  ],
  [/^SQLITE_(?:CORRUPT|NOTADB)\b/, 'The database is damaged: put a backup back, `vouchsafe restore FROM --home NEW`.'],
  [/^(?:connect )?ENOTDIR\b/, 'A file stands where a folder should be: name another place.'],
  [/^EROFS\b/, 'That disk can be read only.'],
  [
    /^SQLITE_(?:READONLY|CANTOPEN|PERM)\b/,
    'The database can not be written here: give the home to whoever runs this (chown, chmod u+w), or mount its disk for writing.',
  ],
]
