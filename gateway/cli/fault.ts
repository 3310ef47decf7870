/** What the system says of a file or a socket, with words in front for whoever can mend it. */
export const inWords = (said: string): string => {
  const words = faults.find(([code]) => code.test(said))?.[1]
  return words === undefined ? said : `${words} (${said})`
}

const faults: [code: RegExp, words: string][] = [
  [/^(?:ENOSPC|EDQUOT)\b/, 'The disk is full: make room, then say it again.'],
  [
    /^(?:connect )?(?:EACCES|EPERM)\b/,
    'This user may not do that: run the command as the user whom the home belongs to.',
  ],
  [/^EROFS\b/, 'That disk can be read only.'],
]
