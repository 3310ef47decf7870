/**
 * What `bench:imap` measures with one session in a mailbox of many letters. A row is what is asked, and how long
 * one answer took in ms; for what changes the mailbox, what was there before is there again afterwards.
 */
import { performance } from 'node:perf_hooks'
import type { Random } from '../../test/village/random.ts'
import type { ImapClient } from './imap-client.ts'
import { COMMON_WORD, RARE_WORD } from './letters.ts'
import { median } from './table.ts'

/** `target` is how many times as fast as the better peer we are to be. */
export type Row = {
  what: string
  target: number
  /** Left out where the server does not offer this. */
  needs?: string
  /** Median ms of one. */
  measure(client: ImapClient, random: Random, letters: number): Promise<number>
}

export const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now()
  await work()
  return performance.now() - start
}

const asks = (what: string, target: number, command: string, needs?: string): Row => ({
  what,
  target,
  ...(needs !== undefined && { needs }),
  measure: (client) => timed(() => client.ok(command)),
})

/** Single bodies are quick: the median of so many. Of a hundred it wavered, with each server, by more than they differ. */
const SINGLES = 1000

export const readRows: readonly Row[] = [
  asks('FETCH 1:* (FLAGS UID)', 1, 'FETCH 1:* (FLAGS UID)'),
  asks('FETCH 1:* (FLAGS UID ENVELOPE)', 1.5, 'FETCH 1:* (FLAGS UID ENVELOPE)'),
  asks('FETCH 1:* (BODYSTRUCTURE)', 1.5, 'FETCH 1:* (BODYSTRUCTURE)'),
  asks('FETCH 1:* (four header fields)', 1.5, 'FETCH 1:* (BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE)])'),
  asks('FETCH 1:1000 (BODY.PEEK[])', 1, 'FETCH 1:1000 (BODY.PEEK[])'),
  {
    what: 'FETCH one at random (BODY.PEEK[])',
    target: 1,
    async measure(client, random, letters) {
      const times = []
      for (let i = 0; i < SINGLES; i++) {
        const seq = random.between(1, letters)
        times.push(await timed(() => client.ok(`FETCH ${seq} (BODY.PEEK[])`)))
      }
      return median(times)
    },
  },
  asks('SEARCH UNSEEN', 1, 'SEARCH UNSEEN'),
  asks('SEARCH SUBJECT', 1, `SEARCH SUBJECT "${COMMON_WORD}"`),
  asks('SEARCH FROM', 1, 'SEARCH FROM "kalo"'),
  asks('SEARCH TEXT, a rare word', 10, `SEARCH TEXT "${RARE_WORD}"`),
  asks('SEARCH BODY, a frequent word', 10, `SEARCH BODY "${COMMON_WORD}"`),
  asks('SORT (DATE)', 1, 'SORT (DATE) UTF-8 ALL', 'SORT'),
  asks('SORT (SUBJECT FROM)', 1, 'SORT (SUBJECT FROM) UTF-8 ALL', 'SORT'),
  asks('THREAD REFERENCES', 1, 'THREAD REFERENCES UTF-8 ALL', 'THREAD=REFERENCES'),
]

export const largeRows: readonly Row[] = [
  asks('SELECT', 1, 'SELECT INBOX'),
  asks('FETCH 1:* (FLAGS)', 1, 'FETCH 1:* (FLAGS)'),
  asks('SEARCH UNSEEN', 1, 'SEARCH UNSEEN'),
  asks('SEARCH SUBJECT', 1, `SEARCH SUBJECT "${COMMON_WORD}"`),
  asks('SEARCH TEXT, a rare word', 10, `SEARCH TEXT "${RARE_WORD}"`),
  asks('SEARCH BODY, a frequent word', 10, `SEARCH BODY "${COMMON_WORD}"`),
  asks('SORT (DATE)', 1, 'SORT (DATE) UTF-8 ALL', 'SORT'),
  asks('THREAD REFERENCES', 1, 'THREAD REFERENCES UTF-8 ALL', 'THREAD=REFERENCES'),
]

type Changes = Record<(typeof changeRows)[number], number>
export const changeRows = ['STORE 1:* +FLAGS', 'COPY 1 000', 'MOVE 1 000', 'EXPUNGE 1 000'] as const

/** One after the other, each with what the last one left; the mailbox is as before when it ends. */
export const measureChanges = async (client: ImapClient): Promise<Changes> => {
  await client.ok('SELECT INBOX')
  const store = await timed(() => client.ok('STORE 1:* +FLAGS (\\Flagged)'))
  await client.ok('STORE 1:* -FLAGS.SILENT (\\Flagged)')
  await client.ok('CREATE One')
  await client.ok('CREATE Two')
  const copy = await timed(() => client.ok('COPY 1:1000 One'))
  await client.ok('SELECT One')
  const move = await timed(() => client.ok('MOVE 1:1000 Two'))
  await client.ok('SELECT Two')
  await client.ok('STORE 1:* +FLAGS.SILENT (\\Deleted)')
  const expunge = await timed(() => client.ok('EXPUNGE'))
  await client.ok('SELECT INBOX')
  await client.ok('DELETE One')
  await client.ok('DELETE Two')
  return { 'STORE 1:* +FLAGS': store, 'COPY 1 000': copy, 'MOVE 1 000': move, 'EXPUNGE 1 000': expunge }
}
