/** `vouchsafe serve`: runs the gateway until SIGTERM or SIGINT. What happens is in the log, on standard output. */
import type { Command } from 'commander'
import { act, verb } from './context.ts'
import { refuseOthers } from './owner.ts'

export const serveCommand = (root: Command): void => {
  const serve = verb(root, 'serve', 'run the gateway until SIGTERM; SIGHUP reads certificate and configuration again')
  act(serve, async (context) => {
    process.on('SIGHUP', () => {}) // it would end us; what it wants to have read is still to be read
    await refuseOthers(context.home)
    const { serve } = await import('../main.ts')
    await serve(context.home, context)
    return { result: { stopped: true }, text: '' }
  })
}
