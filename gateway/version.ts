/** The version of this program, as package.json says it. */
import { readFileSync } from 'node:fs'

// Two folders to look in: this file runs as gateway/version.ts and as dist/gateway/version.js.
const readVersion = (): string => {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      return (JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { version: string }).version
    } catch {
      // not there: the other one
    }
  }
  throw new Error('package.json is missing beside the program: reinstall it')
}

export const version = readVersion()
