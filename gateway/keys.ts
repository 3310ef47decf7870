/**
 * The private keys of this gateway, at rest and at hand.
 *
 *   <home>/key/                     mode 0700
 *     agent.pem                     mode 0600: the agent's Ed25519 key, PKCS#8
 *     former-<n>-<agentId>.pem      mode 0600: keys it had before, which were stolen, oldest first
 *     entity-<entityId>.asc         mode 0600: a represented entity's OpenPGP key, armored, below two
 *                                   lines `address:` and `name:` (what `gpg --import` skips)
 *
 * Each file may be sealed by a passphrase as a whole. A file comes into being whole or not at all:
 * written beside, synced, renamed, the folder synced. What a crash leaves beside is overwritten by
 * the next try.
 */
import { readFile } from 'node:fs'
import { readdir, readFile as readFileOf, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { EntityId } from '../src/address.ts'
import { type Agent, agentFromPem, agentToPem, generateAgent } from '../src/identity/agent.ts'
import { type Entity, exportEntity, importEntity } from '../src/identity/entity.ts'
import { isSealed, type Sealer, sealerOf } from '../src/identity/passphrase.ts'
import { makeFolder, readIfThere, syncPath, unlessThere, writeWhole } from '../store/file.ts'

export type Keyring = {
  agent: Agent
  /** Keys it had before, oldest first: what was begun with one is finished with it. */
  former: readonly Agent[]
  /** Another agent key, durable when it resolves; counts from the next opening. @returns the new one */
  renew(): Promise<Agent>
  entities(): ReadonlyMap<EntityId, Entity>
  entity(id: EntityId): Entity | undefined
  /** Durable when it resolves; again with the same entity: its name or address changed. */
  add(entity: Entity): Promise<void>
  /** Deletes the key; what was sealed for it opens no more. */
  remove(id: EntityId): Promise<void>
}

const AGENT = 'agent.pem'

/** Makes the folder and the agent's key, as far as they are not there, and opens them: for a new home alone. */
export const makeKeyring = async (home: string, passphrase?: string): Promise<Keyring> => {
  const folder = folderOf(home)
  await makeFolder(folder)
  await syncPath(home)
  await refuseReadable(folder, '700')
  const names = await readdir(folder)
  // Entities without their agent are what is left of a damaged home; another agent would not be theirs.
  if (!names.includes(AGENT) && !names.some((name) => entityFile.test(name)))
    await save(folder, AGENT, agentToPem(generateAgent()), sealerFor(passphrase))
  return openKeyring(home, passphrase)
}

/**
 * Loads every key. With a passphrase, what still lies open on the disk is sealed now.
 *
 * @param options `sealOpen: false` for whoever only looks: nothing is written
 * @throws Error naming the file and what to do: readable by others, sealed and no passphrase, wrong passphrase
 */
export const openKeyring = async (home: string, passphrase?: string, { sealOpen = true } = {}): Promise<Keyring> => {
  const folder = folderOf(home)
  const sealer = sealerFor(passphrase)
  const loaded = (name: string) => load(folder, name, sealer, sealOpen)
  await refuseReadable(folder, '700')
  const agentIn = async (name: string) => {
    const pem = await loaded(name)
    return keyIn(join(folder, name), () => agentFromPem(pem))
  }
  const agent = await agentIn(AGENT)
  const former = await Promise.all(
    (await readdir(folder))
      .filter((name) => formerFile.test(name) && !name.includes(agent.id)) // a crash may have come before the new one
      .sort()
      .map(agentIn),
  )
  const entities = new Map<EntityId, Entity>()
  for (const name of await readdir(folder)) {
    const [, id] = entityFile.exec(name) ?? []
    if (id !== undefined) entities.set(id, await entityIn(join(folder, name), id, await loaded(name)))
  }

  let last: Promise<unknown> = Promise.resolve() // one write at a time: two of one entity share a name
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const done = last.then(work)
    last = done.catch(() => undefined)
    return done
  }
  return {
    agent,
    former,
    async renew() {
      const made = generateAgent()
      await inTurn(async () => {
        await save(folder, formerOf(former.length, agent.id), agentToPem(agent), sealer)
        await save(folder, AGENT, agentToPem(made), sealer)
      })
      return made
    },
    entities: () => entities,
    entity: (id) => entities.get(id),
    add: (entity) =>
      inTurn(async () => {
        await save(folder, fileOf(entity.id), textOf(entity), sealer)
        entities.set(entity.id, entity)
      }),
    remove: (id) =>
      inTurn(async () => {
        if (!entities.has(id)) return
        await unlink(join(folder, fileOf(id)))
        await syncPath(folder)
        entities.delete(id)
      }),
  }
}

/**
 * The passphrase of the keys, from the first of: the file descriptor of `--passphrase-fd`, the systemd
 * credential `vouchsafe-passphrase`, the environment variable VOUCHSAFE_PASSPHRASE. One line; its end is
 * no part of it.
 */
export const passphraseOf = async (from: {
  passphraseFd?: number | undefined
  env?: NodeJS.ProcessEnv
}): Promise<string | undefined> => {
  const { passphraseFd, env = process.env } = from
  if (passphraseFd !== undefined) return given(await readDescriptor(passphraseFd), `--passphrase-fd ${passphraseFd}`)
  if (env.CREDENTIALS_DIRECTORY !== undefined) {
    const credential = join(env.CREDENTIALS_DIRECTORY, 'vouchsafe-passphrase')
    const text = await readIfThere(credential)
    if (text !== undefined) return given(text, credential)
  }
  return env.VOUCHSAFE_PASSPHRASE || undefined
}

/** Nobody has ten thousand of them. */
const formerOf = (count: number, id: string): string => `former-${String(count).padStart(4, '0')}-${id}.pem`
const formerFile = /^former-\d{4}-[a-z2-7]{52}\.pem$/
const entityFile = /^entity-([a-z2-7]{52})\.asc$/
const fileOf = (id: EntityId): string => `entity-${id}.asc`
const folderOf = (home: string): string => join(home, 'key')
const sealerFor = (passphrase?: string): Sealer | undefined => (passphrase ? sealerOf(passphrase) : undefined)

const textOf = (entity: Entity): string => `address: ${entity.address}\nname: ${entity.name}\n\n${exportEntity(entity)}`

const entityIn = async (file: string, id: EntityId, text: string): Promise<Entity> => {
  const [, address, name, armored] = /^address: ([^\n]*)\nname: ([^\n]*)\n\n(.*)$/s.exec(text) ?? []
  if (address === undefined || name === undefined || armored === undefined) throw new Error(`${file} is no key file`)
  const entity = { ...(await keyIn(file, () => importEntity(armored, address))), name }
  if (entity.id !== id) throw new Error(`${file} holds another key than its name says: ${entity.id}`)
  return entity
}

/** What the libraries say of a key names no file. */
const keyIn = async <Key>(file: string, read: () => Key | Promise<Key>): Promise<Key> => {
  try {
    return await read()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : cause
    throw new Error(`${file} is damaged: put it back from a backup (${why})`, { cause })
  }
}

const load = async (folder: string, name: string, sealer: Sealer | undefined, sealOpen: boolean): Promise<string> => {
  const file = join(folder, name)
  await refuseReadable(file, '600')
  const text = await readFileOf(file, 'utf8')
  if (!isSealed(text)) {
    if (sealer && sealOpen) await save(folder, name, text, sealer)
    return text
  }
  if (!sealer)
    throw new Error(
      `${file} is sealed by a passphrase: give it by --passphrase-fd, systemd credential or VOUCHSAFE_PASSPHRASE`,
    )
  try {
    return sealer.unseal(text)
  } catch (cause) {
    throw new Error(`${file}: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}

const save = (folder: string, name: string, text: string, sealer?: Sealer): Promise<void> =>
  writeWhole(join(folder, name), sealer ? sealer.seal(text) : text)

/**
 * A key that others on this machine can read is no secret, and whoever runs the gateway must know.
 *
 * @throws Error that says what to do
 */
export const refuseReadable = async (path: string, mode: '600' | '700'): Promise<void> => {
  const found = await stat(path).catch(unlessThere)
  if (!found) throw new Error(`${path} is missing: put it back. The keys of a home are in its backups.`)
  if ((found.mode & 0o077) !== 0) throw new Error(`${path} is open to others on this machine: chmod ${mode} ${path}`)
}

/** The first line. Whoever gives a passphrase wants sealed keys: an empty one must not leave them open. */
const given = (text: string, where: string): string => {
  const [line = ''] = text.split(/\r?\n/, 1)
  if (line === '') throw new Error(`The passphrase is empty: nothing stands in the first line of ${where}.`)
  return line
}

const readDescriptor = (fd: number): Promise<string> =>
  new Promise<string>((resolve, reject) =>
    readFile(fd, 'utf8', (error, text) => (error ? reject(error) : resolve(text))),
  ).catch((cause: unknown) => {
    // node may say a TypeError of its own where nothing is open
    throw new Error(`--passphrase-fd ${fd} is not open for reading. Open it on the same line: ${fd}< FILE`, { cause })
  })
