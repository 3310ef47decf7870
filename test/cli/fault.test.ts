import { expect } from 'chai'
import { inWords } from '../../gateway/cli/fault.ts'

describe('what the system says is told in words', () => {
  const cases: [what: string, said: string, words: RegExp][] = [
    ['a full disk', 'ENOSPC: no space left on device, write', /^The disk is full: make room.* \(ENOSPC: no space/],
    [
      'one too full to read the database',
      'SQLITE_IOERR: disk I/O error (PRAGMA integrity_check)',
      /^The disk of the home is full or fails: make room.* \(SQLITE_IOERR/,
    ],
    [
      'another user’s home',
      "EACCES: permission denied, open 'a/vouchsafe.toml'",
      /^That belongs to another user: .*\(chown\)\. \(EACCES/,
    ],
    ['another user’s gateway', 'connect EACCES a/control.sock', /run as the owner of the home/],
    [
      'a damaged database, without what it was asked',
      'SQLITE_CORRUPT: database disk image is malformed (SELECT COUNT(id)\n  FROM (body)\n  WHERE id > ?)',
      /^The database is damaged: .*restore.* \(SQLITE_CORRUPT: database disk image is malformed\)$/,
    ],
    ['no database', 'SQLITE_NOTADB: file is not a database (PRAGMA x)', /^The database is damaged: .* \(PRAGMA x\)\)$/],
    [
      'a home that can only be read',
      'SQLITE_READONLY: attempt to write a readonly database (BEGIN EXCLUSIVE)',
      /^The database can not be written here: .*chmod u\+w.* \(SQLITE_READONLY/,
    ],
    ['a home that is a file', 'connect ENOTDIR a/x/control.sock', /^A file stands where a folder .* \(connect ENOTDIR/],
    ['what is in words already', 'There is no account EACCES@a.test.', /^There is no account EACCES@a\.test\.$/],
  ]
  for (const [what, said, words] of cases) it(what, () => expect(inWords(said)).to.match(words))
})
