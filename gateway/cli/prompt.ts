/**
 * Questions to a person, on a terminal only. Secrets are never taken from the arguments,
 * where `ps` shows them: they come by prompt, without echo, or by --password-stdin.
 */
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { UsageError } from './context.ts'

export const isInteractive = (): boolean => process.stdin.isTTY === true && process.stderr.isTTY === true

/** Asks twice, without echo. @returns undefined for an empty answer */
export const askNewSecret = async (what: string): Promise<string | undefined> => {
  const first = await askSecret(`${what} (empty: one is made for you): `)
  if (first === '') return undefined
  if ((await askSecret(`${what} again: `)) === first) return first
  throw new UsageError('The two were not the same. Nothing was changed.')
}

const askSecret = async (question: string): Promise<string> => {
  process.stderr.write(question)
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true })
  try {
    lines.on('SIGINT', () => {
      process.stderr.write('\n')
      process.exit(130)
    })
    return await lines.question('')
  } finally {
    lines.close()
    process.stderr.write('\n')
  }
}

/** The first line of standard input. */
export const readSecretLine = async (): Promise<string> => {
  let text = ''
  for await (const chunk of process.stdin) {
    text += String(chunk)
    if (text.includes('\n') || text.length > 4096) break
  }
  const [line = ''] = text.split(/\r?\n/)
  if (line === '') throw new UsageError('There is no password on standard input.')
  return line
}

/** @returns false for anything but a clear yes */
export const askYes = async (question: string): Promise<boolean> =>
  /^y(es)?$/i.test((await ask(`${question} [y/N] `)).trim())

export const ask = async (question: string): Promise<string> => {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await lines.question(question)
  } finally {
    lines.close()
  }
}
