import { expect } from 'chai'
import { inWords } from '../../gateway/cli/fault.ts'

describe('what the system says is told in words', () => {
  const cases: [what: string, said: string, words: RegExp][] = [
    ['a full disk', 'ENOSPC: no space left on device, write', /^The disk is full: make room.* \(ENOSPC: no space/],
    [
      'another user’s home',
      "EACCES: permission denied, open 'a/vouchsafe.toml'",
      /^That belongs to another user: .*\(chown\)\. \(EACCES/,
    ],
    ['another user’s gateway', 'connect EACCES a/control.sock', /run as the owner of the home/],
    ['what is in words already', 'There is no account EACCES@a.test.', /^There is no account EACCES@a\.test\.$/],
  ]
  for (const [what, said, words] of cases) it(what, () => expect(inWords(said)).to.match(words))
})
