/** Files and folders of a home: for their owner alone, whole or not at all, on the disk before anybody is answered. */
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Makes a folder, mode 0700, and those above it. Not by `recursive` of Node 20: below /proc, where nothing can be made
 * and nobody says why, it tries for ever.
 *
 * @returns whether it is new
 * @throws EEXIST, ENOTDIR if a file is in the way
 */
export const makeFolder = async (path: string): Promise<boolean> => {
  const made = await makeIn(path)
  if (made !== undefined) return made
  await makeFolder(dirname(path))
  const again = await makeIn(path)
  if (again !== undefined) return again
  throw new Error(`${path} can't be made: ${dirname(path)} takes no folders. Name another place.`)
}

/** @returns whether it is new; undefined where there is nothing to make it in */
const makeIn = async (path: string): Promise<boolean | undefined> => {
  try {
    await mkdir(path, { mode: 0o700 })
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    if (code === 'EEXIST' && (await stat(path).catch(() => undefined))?.isDirectory()) return false
    throw error
  }
}

/** What has this name is on the disk then: of a file its bytes, of a folder the names in it. */
export const syncPath = async (path: string): Promise<void> => {
  const handle = await open(path, 'r')
  await handle.sync().finally(() => handle.close())
}

/** Mode 0600, and on the disk. What a crash left half written is not taken up: its mode is not ours to trust. */
export const writeWhole = async (path: string, text: string): Promise<void> => {
  const beside = `${path}.new`
  await rm(beside, { force: true })
  await writeFile(beside, text, { mode: 0o600, flag: 'wx', flush: true })
  await rename(beside, path)
  await syncPath(dirname(path))
}

export const readIfThere = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(unlessThere)

/** For a `catch`: what is not there is nothing, and any other fault a fault. */
export const unlessThere = (error: NodeJS.ErrnoException): undefined => {
  if (error.code !== 'ENOENT') throw error
}
