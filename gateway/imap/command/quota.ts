/**
 * GETQUOTA and GETQUOTAROOT: one root for all mailboxes of an account, called "", where there is a limit at all.
 * RFC 9208. STORAGE is told in units of 1024 octets.
 */
import { canonicalName } from '../../../store/mailbox.ts'
import { quotaOf } from '../../../store/quota.ts'
import { type Command, loggedIn, type Session } from '../command.ts'
import { mailboxNo } from '../mailbox/reply.ts'
import { no, ok } from '../reply.ts'
import { mailboxName } from '../wire/writer.ts'
import { oneMailbox } from './select.ts'

const noRoot = no('NONEXISTENT', 'There is no such limit here')

export const getQuota: Command<[root: string]> = {
  in: loggedIn,
  parse: (words) => words.all(words.astring),
  async run(session, [root]) {
    const line = root === '' ? await quotaLine(session) : undefined
    if (line === undefined) return noRoot
    session.output.line(line)
    return ok('That is how it stands')
  },
}

export const getQuotaRoot: Command<string> = {
  in: loggedIn,
  parse: oneMailbox,
  async run(session, name) {
    const { output, isUtf8 } = session
    // It need not be there: who asks may be about to make it. RFC 9208 §4.1.2.
    const mailbox = canonicalName(name)
    if (mailbox === undefined) return mailboxNo.malformed
    const line = await quotaLine(session)
    const spelled = mailboxName(mailbox, isUtf8)
    output.line(`* QUOTAROOT ${spelled}${line === undefined ? '' : ' ""'}`)
    if (line !== undefined) output.line(line)
    return ok(line === undefined ? 'There is no limit' : 'That is how it stands')
  },
}

const quotaLine = async ({ edge, user }: Session): Promise<string | undefined> => {
  const { used, limit } = await quotaOf(edge.store.db, user.id, edge.config.quota)
  return limit === Number.POSITIVE_INFINITY ? undefined : `* QUOTA "" (STORAGE ${kib(used)} ${kib(limit)})`
}

/** Rounded up: what is over its limit must look so. */
const kib = (bytes: number): number => Math.ceil(bytes / 1024)
