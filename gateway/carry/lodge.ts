/**
 * Mail for people here whose mail another server keeps: from custody, or a letter of ours, into its hands.
 */
import { openBody } from '../../store/blob.ts'
import { posted } from '../../store/web.ts'
import type { Core } from '../core.ts'
import { custodyOf } from '../engine/batch.ts'
import { handByLmtp, type LmtpAddress, type LmtpAnswer, type LmtpMessage } from '../lmtp/client.ts'

/** Ends in `lodged`: also where `signal` ends it, and the letter waits. */
export const lodgeRow = async (core: Core, key: string, signal: AbortSignal): Promise<void> => {
  const row = await custodyOf(core, key)
  if (row?.lodge === undefined || row.state !== 'handing' || row.body === null) return
  const { size } = row
  const body = await openBody(core.store.db, row.body)
  const handed = hand(core.lmtp, { ...row.lodge, size, body }, signal)
  const { answer, text } = await handed.finally(() => body.destroy()) // a server out of reach has read none of it
  if (answer !== 'taken')
    core.log.warn(
      { area: 'lmtp', event: 'not-taken', envelope: row.id, messageId: row.messageId, answer, text },
      answer === 'later' ? 'the mail server did not take it; it is tried again' : 'the mail server refuses it',
    )
  await core.engine.handle({ on: 'lodged', key, answer })
}

/** Ends in `posted`. @throws when it has to be tried again */
export const postLetter = async (core: Core, id: string, signal: AbortSignal): Promise<void> => {
  const [row] = await posted.load(core.store.db, [id])
  if (row === undefined) return
  const body = Buffer.from(row.letter, 'base64')
  const { answer, text } = await hand(core.lmtp, { from: '', to: row.to, size: body.length, body }, signal)
  const isOver = core.now() > row.at + core.engine.state.terms.knownLifeMs
  if (answer === 'later' && !isOver) throw new Error(`a letter of ours was not taken: ${text}`)
  if (answer !== 'taken')
    core.log.warn(
      { area: 'lmtp', event: 'letter-lost', to: row.to, answer, text },
      'the mail server never took a letter',
    )
  await core.engine.handle({ on: 'posted', id })
}

/** What was begun by a gateway that handed mail on waits, should the configuration name no server any more. */
const hand = async (at: LmtpAddress | undefined, message: LmtpMessage, signal: AbortSignal): Promise<LmtpAnswer> =>
  at === undefined
    ? { answer: 'later', text: 'no [delivery] lmtp in the configuration' }
    : handByLmtp(at, message, signal)
