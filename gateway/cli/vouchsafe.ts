/**
 * `vouchsafe <noun> <verb>`: the entry. Exit codes: 0 done, 1 failed (the reason is on
 * standard error), 2 wrong use. Only what a command needs is loaded, so that it starts at once.
 */
import { Command, CommanderError } from 'commander'
import { Refusal } from '../../src/refusal.ts'
import { visibleLines } from '../terminal.ts'
import { version } from '../version.ts'
import { backupCommand, restoreCommand, verifyCommand } from './backup.ts'
import { complaintCommands } from './complaint.ts'
import { contactCommands } from './contact.ts'
import { UsageError } from './context.ts'
import { doctorCommand } from './doctor.ts'
import { inWords } from './fault.ts'
import { calledAs, pasteable } from './hint.ts'
import { initCommand } from './init.ts'
import { keyCommands } from './key.ts'
import { linkCommands } from './link.ts'
import { queueCommands } from './queue.ts'
import { serveCommand } from './serve.ts'
import { statusCommand } from './status.ts'
import { userCommands } from './user.ts'

/** @param isJson what commander says of wrong use is kept back: `explain` says it as JSON */
const program = (isJson: boolean): Command => {
  const root = new Command('vouchsafe')
    .description('A mail gateway over a web of trust: keep your mail client, seal every message.')
    .version(version)
    .option('--home <folder>', 'the home folder (or VOUCHSAFE_HOME; default ./var)')
    .option('--json', 'answer as JSON, for programs')
    .exitOverride()
    .showHelpAfterError(isJson ? false : '(with --help it says how it is used)')
    .configureOutput(isJson ? { outputError: () => {} } : {})
  for (const add of [
    initCommand,
    serveCommand,
    userCommands,
    linkCommands,
    complaintCommands,
    contactCommands,
    queueCommands,
    statusCommand,
    doctorCommand,
    keyCommands,
    backupCommand,
    restoreCommand,
    verifyCommand,
  ])
    add(root)
  return root
}

const main = async (argv: string[]): Promise<void> => {
  const isJson = argv.includes('--json')
  try {
    await program(isJson).parseAsync(argv)
  } catch (error) {
    process.exitCode = explain(error, isJson)
  }
}

/** Says on standard error what went wrong. @returns the exit code */
const explain = (error: unknown, isJson: boolean): number => {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0
    // In words it has been said already, and so has the help that a noun without its verb gets.
    const isSaid = !isJson || error.code === 'commander.help'
    return isSaid ? 2 : explain(new UsageError(error.message.replace(/^error: /, '')), isJson)
  }
  const isUsage = error instanceof UsageError
  const code = error instanceof Refusal ? error.code : isUsage ? 'usage' : 'failed'
  const said = error instanceof Refusal ? error.detail : error instanceof Error ? error.message : String(error)
  const detail = inWords(said)
  if (isJson) process.stderr.write(`${JSON.stringify({ error: { code, detail } })}\n`)
  else {
    const text = pasteable(visibleLines(detail), calledAs(process.argv, process.env))
    process.stderr.write(`vouchsafe: ${text}${error instanceof Refusal ? ` (${code})` : ''}\n`)
  }
  if (process.env.VOUCHSAFE_TRACE && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  return isUsage ? 2 : 1
}

// What is said beside the answer is not worth the command: its disk may be full, or the gateway's terminal closed.
process.stderr.on('error', () => {})
// Whoever stops reading, as `head` does, has what they wanted.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return
  process.stderr.write(`vouchsafe: it is done, but the answer could not be written (${error.message})\n`)
  process.exit(1)
})
await main(process.argv)
