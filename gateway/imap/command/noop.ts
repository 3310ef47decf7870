/** NOOP and CHECK: a moment at which the mailbox may tell its news. RFC 3501 §6.1.2, §6.4.1. */
import { anyState, type Command, mailboxOpen, nothing } from '../command.ts'
import { ok } from '../reply.ts'

const run = async () => ok('Done')

export const noop: Command<void> = { in: anyState, parse: nothing, run }

/** Everything answered so far is on the disk already. */
export const check: Command<void> = { in: mailboxOpen, parse: nothing, run }
