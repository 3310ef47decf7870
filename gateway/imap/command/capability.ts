/** CAPABILITY. RFC 3501 §6.1.1. */
import { capabilities } from '../capability.ts'
import { anyState, type Command, nothing } from '../command.ts'
import { ok } from '../reply.ts'

export const capability: Command<void> = {
  in: anyState,
  parse: nothing,
  async run(session) {
    session.output.line(`* CAPABILITY ${capabilities(session)}`)
    return ok('That is what there is')
  },
}
