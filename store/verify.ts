/**
 * Whether a home is whole: the database sound, every body there with its size and hash and as many
 * holders as it counts, every uid and modseq below its mailbox's, and every account's key there,
 * readable by us alone.
 *
 * It may run beside the gateway. What must agree within the database is read in one snapshot; the
 * bodies, which may take an hour, are not: as long as a snapshot is held the database's log can only
 * grow. A body or a key that is missed may have gone meanwhile, so it is looked up again.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Connection, openLying } from './engine/sqlite.ts'
import { unlessThere } from './file.ts'
import { databaseOf } from './store.ts'

/** `problems` are sentences; none means whole. */
export type Verdict = { problems: string[]; accounts: number; messages: number; bodies: number; bytes: number }

const PAGE = 500

/**
 * @param progress is told how many bodies are done, of how many
 * @param named where whoever is told of it mends what is wrong
 */
export const verify = async (
  home: string,
  progress: (done: number, of: number) => void = () => {},
  named = home,
): Promise<Verdict> => {
  await refuseEmpty(home)
  const db = await openLying(databaseOf(home))
  try {
    const problems = await soundness(db)
    await db.exec('BEGIN')
    problems.push(...(await numbers(db)), ...(await references(db)))
    const [counts] = await db.all<{ accounts: number; messages: number }>(
      'SELECT (SELECT COUNT(*) FROM account) AS accounts, (SELECT COUNT(*) FROM message WHERE mailbox IS NOT NULL) AS messages',
    )
    await db.exec('COMMIT')
    problems.push(...(await keys(db, home, named)))
    const sums = await bodies(db, join(home, 'blob'), progress)
    for (const { id, problem } of sums.problems) {
      const [still] = await db.all('SELECT id FROM body WHERE id = ?', [id])
      if (still) problems.push(problem)
    }
    return { problems, accounts: counts?.accounts ?? 0, messages: counts?.messages ?? 0, ...sums.totals }
  } finally {
    await db.close()
  }
}

/** @throws Error that says so: SQLite takes an empty file for a database, and a missing one for one that it may not write */
export const refuseEmpty = async (home: string): Promise<void> => {
  const database = databaseOf(home)
  if (((await stat(database).catch(unlessThere))?.size ?? 0) > 0) return
  throw new Error(
    `${database} is missing or empty: name a home by --home, or, if this one was lost, put a backup back: ` +
      '`vouchsafe restore FROM --home NEW`.',
  )
}

const soundness = async (db: Connection): Promise<string[]> => {
  const found = await db.all<{ integrity_check: string }>('PRAGMA integrity_check')
  const broken = await db.all<{ table: string; rowid: number }>('PRAGMA foreign_key_check')
  return [
    ...found.flatMap(({ integrity_check: says }) => (says === 'ok' ? [] : [`the database is damaged: ${says}`])),
    ...broken.map(({ table, rowid }) => `${table} ${rowid} belongs to something that is gone`),
  ]
}

const numbers = async (db: Connection): Promise<string[]> => {
  const wrong = await db.all<{ name: string; id: number }>(
    `SELECT mailbox.name AS name, mailbox.id AS id FROM mailbox JOIN message ON message.mailbox = mailbox.id
     GROUP BY mailbox.id, mailbox.name, uid_next, highest_modseq
     HAVING MAX(message.uid) >= uid_next OR MAX(message.modseq) > highest_modseq`,
  )
  const miscounted = await db.all<{ address: string; used: number; size: number }>(
    `SELECT address, used_bytes AS used, COALESCE(SUM(size), 0) AS size FROM account
     LEFT JOIN mailbox ON mailbox.account = account.id LEFT JOIN message ON message.mailbox = mailbox.id
     GROUP BY account.id, address, used_bytes HAVING used_bytes <> COALESCE(SUM(size), 0)`,
  )
  return [
    ...wrong.map(({ name, id }) => `folder ${name} (${id}) has a message with a uid or modseq it never gave out`),
    ...miscounted.map(({ address, used, size }) => `${address} keeps ${size} bytes, and ${used} are counted`),
  ]
}

/** Everything that holds a body. */
const HOLDERS = `SELECT body FROM message UNION ALL SELECT body FROM custody WHERE body IS NOT NULL
  UNION ALL SELECT body FROM submission WHERE body IS NOT NULL`

const references = async (db: Connection): Promise<string[]> => {
  const miscounted = await db.range<{ id: number; refs: number; held: number }>(
    `SELECT body.id AS id, 1 + COALESCE(more, 0) AS refs, COUNT(holder.body) AS held
     FROM body LEFT JOIN shared ON shared.body = body.id LEFT JOIN (${HOLDERS}) AS holder ON holder.body = body.id
     GROUP BY body.id, more HAVING 1 + COALESCE(more, 0) <> COUNT(holder.body)`,
  )
  const missing = await db.range<{ body: number }>(
    `SELECT DISTINCT body FROM (${HOLDERS}) AS holder WHERE body NOT IN (SELECT id FROM body)`,
  )
  const unparsed = await db.range<{ id: number }>(
    'SELECT id FROM message WHERE body NOT IN (SELECT body FROM parsed) ORDER BY id',
  )
  return [
    ...miscounted.map(({ id, refs, held }) => `body ${id} counts ${refs} holders and has ${held}`),
    ...missing.map(({ body }) => `body ${body} is held and gone`),
    ...unparsed.map(({ id }) => `message ${id} has no remembered structure`),
  ]
}

type Body = { id: number; size: number; sha256: string; file: string | null }

const bodies = async (db: Connection, blobDir: string, progress: (done: number, of: number) => void) => {
  const [total] = await db.all<{ count: number }>('SELECT COUNT(*) AS count FROM body')
  const totals = { bodies: 0, bytes: 0 }
  const problems: { id: number; problem: string }[] = []
  for (let after = 0; ; ) {
    const page = await db.all<Body & { bytes: Buffer | null }>(
      `SELECT id, size, sha256, file, bytes FROM body WHERE id > ? ORDER BY id LIMIT ${PAGE}`,
      [after],
    )
    for (const { bytes, ...body } of page) {
      const problem = body.file === null ? compare(body, bytes) : await compareFile(body, join(blobDir, body.file))
      if (problem) problems.push({ id: body.id, problem })
      totals.bytes += body.size
    }
    totals.bodies += page.length
    progress(totals.bodies, total?.count ?? 0)
    after = page.at(-1)?.id ?? 0
    if (page.length < PAGE) return { totals, problems }
  }
}

const compare = (body: Body, bytes: Buffer | null): string | undefined => {
  if (bytes === null) return `body ${body.id} has neither bytes nor a file`
  return judge(body, bytes.length, createHash('sha256').update(bytes).digest('hex'))
}

const compareFile = async (body: Body, path: string): Promise<string | undefined> => {
  const hash = createHash('sha256')
  let size = 0
  try {
    for await (const chunk of createReadStream(path)) {
      hash.update(chunk)
      size += chunk.length
    }
  } catch (error) {
    return `body ${body.id} can't be read: ${error instanceof Error ? error.message : error}`
  }
  return judge(body, size, hash.digest('hex'))
}

const judge = ({ id, size, sha256, file }: Body, actualSize: number, actualHash: string): string | undefined => {
  const where = file === null ? `body ${id}` : `body ${id} (blob/${file})`
  if (actualSize !== size) return `${where} has ${actualSize} bytes for ${size}`
  return actualHash === sha256 ? undefined : `${where} is not the one that was stored: its hash differs`
}

const keys = async (db: Connection, home: string, named: string): Promise<string[]> => {
  const dir = join(home, 'key')
  // Accounts first: a key is older than its account.
  const owners = await db.all<{ id: number; address: string; entity: string }>(
    'SELECT id, address, entity_id AS entity FROM account ORDER BY address',
  )
  const names = await readdir(dir).catch((): string[] => [])
  const problems: string[] = []
  if (!names.includes('agent.pem')) problems.push('the key of the gateway is missing: key/agent.pem')
  for (const { id, address, entity } of owners) {
    const name = `entity-${entity}.asc`
    if (names.includes(name)) continue
    const [still] = await db.all('SELECT id FROM account WHERE id = ?', [id])
    if (still) problems.push(`the key of ${address} is missing: key/${name}`)
  }
  for (const name of names) {
    if (name.endsWith('.new')) continue // being written, or what a crash left of that
    const path = join(dir, name)
    const found = await stat(path).catch(() => undefined)
    if (found === undefined) continue // its account was removed just now
    if ((found.mode & 0o077) !== 0)
      problems.push(`key/${name} can be read by others: chmod 600 ${join(named, 'key', name)}`)
    const bytes = await readFile(path).catch(() => null)
    if (bytes === null || bytes.length === 0) problems.push(`key/${name} is empty or can't be read`)
  }
  return problems
}
