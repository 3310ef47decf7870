/** What an operation can't do as it was asked to: a sentence for whoever asked, and no fault of the program. */
import { LinkFault } from '../link/handlers.ts'
import type { Log } from '../log.ts'

export class OperationError extends Error {
  override readonly name = 'OperationError'
}

/** Of an operation that failed, the log keeps a stack only where a disk or the program is to blame. */
export const logFailures =
  (log: Log) =>
  (operation: string, error: unknown): void => {
    const isExpected = error instanceof OperationError || error instanceof LinkFault // a mistake, or nobody answers
    if (isExpected)
      log.info({ area: 'control', event: 'declined', operation, why: error.message }, 'an operation was declined')
    else log.error({ area: 'control', event: 'failed', operation, err: error }, 'an operation failed')
  }
