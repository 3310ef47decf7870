/** What the system says of a file or a socket, with words in front for whoever can mend it. */
export const inWords = (said: string): string => {
  const words = faults.find(([code]) => code.test(said))?.[1]
  return words === undefined ? said : `${words} (${said})`
}

const faults: [code: RegExp, words: string][] = [
  [/^(?:ENOSPC|EDQUOT)\b/, 'The disk is full: make room, then say it again.'],
  [
    /^(?:connect )?(?:EACCES|EPERM)\b/,
    'That belongs to another user: run as the owner of the home, or give the file to it (chown).',
  ],
  [/^EROFS\b/, 'That disk can be read only.'],
]
