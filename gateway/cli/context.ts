/**
 * What every command has in common: `--home`, `--json`, a passphrase for the keys, the way to
 * the house, and how its answer is shown.
 *
 * A command asks for an operation by name. Where a gateway runs on the home it does the
 * work; else the home is opened here, for this one operation. Heavy modules are loaded only then.
 */
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Command, InvalidArgumentError } from 'commander'
import { callControl, controlPath, type Progress } from '../control.ts'
import type { Operations } from '../operation/operations.ts'
import type { OpenHouse, Opening } from '../rooms.ts'
import { visibleLines } from '../terminal.ts'
import { calledAs, pasteable } from './hint.ts'
import { refuseOthers } from './owner.ts'

export type Context = { home: string; json: boolean; passphraseFd: number | undefined; say(line: string): void }

/**
 * What a command answers: `result` for --json, `text` for people, and what they may want to do next.
 * `picture` goes above the text as it stands: nothing in it may be another's words.
 */
export type Shown = { result: unknown; text: string; picture?: string; next?: string[]; failed?: boolean }

/** What was not given may stand there as undefined: JSON leaves it out, and an operation takes it for absent. */
type Given<Args> = { [Key in keyof Args]: object extends Pick<Args, Key> ? Args[Key] | undefined : Args[Key] }
type ArgsOf<Name extends keyof Operations> = Given<Parameters<Operations[Name]>[1]>
export type ResultOf<Name extends keyof Operations> = Awaited<ReturnType<Operations[Name]>>

/** Wrong use: exit code 2, with the sentence that says what is right. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** A noun with its verbs; its line in the help names them. */
export const noun = (root: Command, name: string, what: string, verbs: readonly ((noun: Command) => void)[]): void => {
  const made = root.command(name)
  for (const add of verbs) add(made)
  made.description(`${what}: ${made.commands.map((one) => one.name()).join(', ')}`)
}

/** A leaf of the command tree, with the options that all have. */
export const verb = (parent: Command, name: string, summary: string): Command =>
  parent
    .command(name)
    .description(summary)
    .option('--home <folder>', 'the home folder (or VOUCHSAFE_HOME; default ./var)')
    .option('--json', 'answer as JSON, for programs')
    .option('--passphrase-fd <number>', 'read the passphrase of the keys from this file descriptor', fdOf)

/** Ties a leaf to what it does. Exit code 0, or 1 if the answer says that something is wrong. */
export const act = <Options extends object>(
  command: Command,
  run: (context: Context, args: string[], options: Options) => Promise<Shown>,
): void => {
  command.action(async () => {
    const options = command.optsWithGlobals<Options & { home?: string; json?: true; passphraseFd?: number }>()
    const context: Context = {
      home: homeOf(options.home),
      json: options.json === true,
      passphraseFd: options.passphraseFd,
      say: (line) => void process.stderr.write(`${line}\n`),
    }
    const shown = await run(context, command.args, options)
    if (context.json) process.stdout.write(`${JSON.stringify(shown.result)}\n`)
    else {
      if (shown.picture) process.stdout.write(`${shown.picture}\n\n`)
      const here = calledAs(process.argv, process.env)
      const { text, next = [] } = shown
      if (text !== '') process.stdout.write(`${pasteable(visibleLines(text), here)}\n`) // names, ids: some are strangers'
      if (next.length > 0)
        process.stdout.write(`\nNext:\n${pasteable(next.map((line) => `  ${line}`).join('\n'), here)}\n`)
    }
    if (shown.failed) process.exitCode = 1
  })
}

/** An empty name, of a variable that is not set, would be the folder one stands in. */
const homeOf = (given: string | undefined): string => {
  if (given === '') throw new UsageError('--home is empty: name a folder.')
  return resolve(given ?? (process.env.VOUCHSAFE_HOME || 'var'))
}

/** A gateway that starts or stops has the home and answers nobody; so has another command, for its time. */
const PATIENCE_MS = 15_000
const LOOK_MS = 200

/** Does an operation in the running gateway, or here if none runs. */
export const perform = async <Name extends keyof Operations>(
  context: Context,
  name: Name,
  args: ArgsOf<Name>,
  progress: Progress = () => {},
): Promise<ResultOf<Name>> => {
  let opening: Promise<Opening> | undefined
  for (const until = Date.now() + PATIENCE_MS; ; await delay(LOOK_MS)) {
    const answer = await callControl(controlPath(context.home), name, args, progress)
    if (answer) return answer.result as ResultOf<Name>
    await refuseOthers(context.home)
    opening ??= openingOf(context)
    const house = await openHere(context, await opening, until)
    if (house === undefined) continue
    try {
      const { operations } = await import('../operation/operations.ts')
      const run = operations[name] as (house: object, args: object, progress: Progress) => Promise<ResultOf<Name>>
      return await run(house, args, progress)
    } finally {
      await house.close()
    }
  }
}

/** @returns undefined while another process has the home, who may answer in a moment @throws HomeInUse after `until` */
const openHere = async ({ home }: Context, opening: Opening, until: number): Promise<OpenHouse | undefined> => {
  const [{ openHouse }, { HomeInUse }] = await Promise.all([import('../rooms.ts'), import('../../store/lock.ts')])
  return openHouse(home, opening).catch((error: unknown) => {
    if (error instanceof HomeInUse && Date.now() < until) return undefined
    throw error
  })
}

/** Once for all tries: a file descriptor can be read once. */
const openingOf = async ({ passphraseFd }: Context): Promise<Opening> => {
  const [{ createLog }, { passphraseOf }] = await Promise.all([import('../log.ts'), import('../keys.ts')])
  const log = createLog({ level: 'warn', format: 'text' }, process.stderr)
  return { log, passphrase: await passphraseOf({ passphraseFd }) }
}

const fdOf = (value: string): number => {
  if (/^\d{1,4}$/.test(value)) return Number(value)
  throw new InvalidArgumentError('Give the number of an open file descriptor, for example 3.')
}
