/**
 * What a crash leaves in `blob/`, removed at the start, before anybody writes: spools in `blob/tmp`,
 * and files that no row names, because their draft was never put or their row went just before.
 * Other folders are left alone: links keep unfinished payloads in `blob/part`, to go on with them.
 */
import { readdir, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Source } from './db.ts'
import { makeFolder } from './file.ts'

/** @returns the files removed that were complete, below `blob/` */
export const sweepBlobs = async (db: Source): Promise<string[]> => {
  await rm(join(db.blobDir, 'tmp'), { recursive: true, force: true })
  await makeFolder(join(db.blobDir, 'tmp'))
  const rows = await db.read.range<{ file: string }>('SELECT file FROM body WHERE file IS NOT NULL')
  const named = new Set(rows.map(({ file }) => file))
  const removed = (await bodyFiles(db.blobDir)).filter((file) => !named.has(file))
  for (const file of removed) await unlink(join(db.blobDir, file))
  return removed
}

/** All complete bodies in a blob folder, whether a row names them or not. */
export const bodyFiles = async (blobDir: string): Promise<string[]> => {
  const folders = (await readdir(blobDir)).filter((name) => /^[0-9a-f]{2}$/.test(name))
  const files = await Promise.all(
    folders.map(async (folder) => (await readdir(join(blobDir, folder))).map((name) => `${folder}/${name}`)),
  )
  return files.flat()
}
