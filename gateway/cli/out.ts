/** A new file that a secret answer goes into: whether it can be made is asked before anything is done for it. */
import { access, constants, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UsageError } from './context.ts'

/** @throws Error in words; nothing is made */
export const refuseUnwritable = async (file: string): Promise<void> => {
  const there = await stat(file).catch(() => undefined)
  if (there?.isDirectory()) throw new UsageError(`${file} is a folder: name a file in it.`)
  if (there) throw isThere(file)
  const folder = dirname(file)
  await access(`${folder}/.`, constants.W_OK).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
    throw new Error(`${file} can't be written: ${folder} is no folder. Nothing was done.`)
  })
}

/** Mode 0600: one that is there keeps its own, and so is not written over. */
export const writeNew = (file: string, content: string | Uint8Array): Promise<void> =>
  writeFile(file, content, { mode: 0o600, flag: 'wx', flush: true }).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST' ? isThere(file) : error
  })

const isThere = (file: string): Error => new Error(`${file} is there already. Nothing was written.`)
