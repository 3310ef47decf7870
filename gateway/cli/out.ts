/** A file that an answer goes into: whether it can be written is asked before anything is done for it. */
import { access, constants, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UsageError } from './context.ts'

/** @throws Error in words; nothing is made */
export const refuseUnwritable = async (file: string): Promise<void> => {
  const there = await stat(file).catch(() => undefined)
  if (there?.isDirectory()) throw new UsageError(`${file} is a folder: name a file in it.`)
  const folder = dirname(file)
  await access(there ? file : `${folder}/.`, constants.W_OK).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error
    throw new Error(`${file} can't be written: ${folder} is no folder. Nothing was done.`)
  })
}
