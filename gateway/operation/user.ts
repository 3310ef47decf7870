/**
 * Accounts. Adding one makes its entity: the key first, then the account; removing one goes the other
 * way. So whatever goes wrong in between leaves a key nobody uses, never an account without a key.
 * Of very many messages most go first: what is interrupted there leaves an account with less mail, and is done again.
 * The web knows an account from the commit that makes it to the commit that ends it.
 */
import { randomBytes } from 'node:crypto'
import { base32 } from '../../src/address.ts'
import { countOf, type Level, levelOf } from '../../src/complaint/policy.ts'
import { fingerprintWords } from '../../src/identity/words.ts'
import { type Account, byAddress, create, list, remove, removeMost } from '../../store/account.ts'
import { list as listMailboxes, statuses } from '../../store/mailbox.ts'
import { type AppPassword, passwords, removePassword, type Scope, scopes, setPassword } from '../../store/password.ts'
import { quotaOf, setQuota } from '../../store/quota.ts'
import { readSize } from '../config/value.ts'
import type { House, Operation } from '../house.ts'
import { OperationError } from './error.ts'
import { accountOf, addressHere } from './who.ts'

type UserView = {
  address: string
  name: string
  entity: string
  words: string
  createdAt: number
}
export type UserDetail = UserView & {
  folders: { name: string; messages: number; unseen: number; size: number }[]
  passwords: Omit<AppPassword, 'id'>[]
  /** Bytes; `limit` null: none. */
  quota: { used: number; limit: number | null }
  /** What complaints about its mail have led to, and how many different people complained in 28 days. */
  sending: { level: Level; complainers: number; latest: number | null }
}

/** Below this a password can be guessed even over a throttled login. */
const PASSWORD_MIN = 8
/** The label of the password an account is made with. */
const FIRST_LABEL = 'main'

/** `password`: as given, or made here; only one made here is in the answer, this once. */
export const userAdd: Operation<
  { address: string; name?: string; password?: string },
  UserView & { password?: string }
> = async (house, args) => {
  const address = addressHere(house, args.address)
  const { db } = house.store
  const secret = passwordFrom(args.password)
  if (await byAddress(db, address)) throw exists(address)

  const { generateEntity } = await import('../../src/identity/entity.ts')
  const name = args.name?.trim() ?? ''
  const entity = await generateEntity({ name, address, now: Date.now() })
  await house.keyring.add(entity)
  const account = await createAdmitted(house, { address, name, entityId: entity.id }).catch(async (error) => {
    await house.keyring.remove(entity.id)
    throw error
  })
  await setPassword(db, account, FIRST_LABEL, secret.password)
  house.log.info({ area: 'user', event: 'added', account: address }, 'a new account')
  return { ...viewOf(account), ...secret.shown }
}

const createAdmitted = ({ store, web }: House, wanted: Parameters<typeof create>[1]): Promise<Account> =>
  store.db.transaction(async (tx) => {
    const account = await create(tx, wanted)
    if (account === 'exists') throw exists(wanted.address)
    const { id, address, entityId } = account
    tx.afterCommit(() => web.admit({ entity: entityId, account: id, address }))
    return account
  })

export const userList: Operation<object, UserView[]> = async ({ store }) => (await list(store.db)).map(viewOf)

export const userShow: Operation<{ address: string }, UserDetail> = async (house, { address }) => {
  const account = await accountOf(house, address)
  const { db } = house.store
  const boxes = await listMailboxes(db, account.id)
  const ids = boxes.map(({ id }) => id)
  const counts = new Map((await statuses(db, ids)).map((one) => [one.id, one]))
  return {
    ...viewOf(account),
    folders: boxes.map(({ id, name }) => {
      const { messages = 0, unseen = 0, size = 0 } = counts.get(id) ?? {}
      return { name, messages, unseen, size }
    }),
    quota: await quotaView(house, account),
    sending: sendingOf(house, account),
    passwords: (await passwords(db, account.id)).map(({ id: _, ...one }) => one),
  }
}

/** What was held against an account counts no more: it may send as anybody else. */
export const userAllow: Operation<{ address: string }, { address: string; was: Level }> = async (house, args) => {
  const account = await accountOf(house, args.address)
  const { level } = sendingOf(house, account)
  await house.web.allow(account.entityId)
  return { address: account.address, was: level }
}

/** `limit`: a size as the configuration has them, "none", or "usual" for what the configuration says. */
export const userQuota: Operation<
  { address: string; limit: string },
  { address: string; quota: UserDetail['quota'] }
> = async (house, args) => {
  const account = await accountOf(house, args.address)
  const own = args.limit === 'none' ? 0 : args.limit === 'usual' ? null : readSize(args.limit)
  if (own === undefined || (own === 0 && args.limit !== 'none'))
    throw new OperationError(`${args.limit} is no limit: write a size like "5 GiB", or "none", or "usual".`)
  await setQuota(house.store.db, account.id, own)
  return { address: account.address, quota: await quotaView(house, account) }
}

const quotaView = async ({ store, config }: House, { id }: Account): Promise<UserDetail['quota']> => {
  const { used, limit } = await quotaOf(store.db, id, config.accounts.quotaBytes)
  return { used, limit: limit === Number.POSITIVE_INFINITY ? null : limit }
}

const sendingOf = ({ web, config }: House, { entityId }: Account): UserDetail['sending'] => {
  const repute = web.repute(entityId)
  const now = Date.now()
  return {
    level: levelOf(repute, config.complaints.policy, now),
    complainers: repute === undefined ? 0 : countOf(repute, now),
    latest: repute?.reproaches.at(-1)?.at ?? null,
  }
}

export const userPasswd: Operation<
  { address: string; label: string; scope?: string; password?: string },
  { address: string; label: string; scope: Scope; password?: string }
> = async (house, args) => {
  const account = await accountOf(house, args.address)
  const secret = passwordFrom(args.password)
  const scope = scopes.find((one) => one === (args.scope ?? 'all'))
  if (!scope) throw new OperationError(`A password is for ${scopes.join(', ')}. Name one of these.`)
  await setPassword(house.store.db, account, args.label, secret.password, scope)
  house.log.info(
    { area: 'user', event: 'password-set', account: account.address, label: args.label, scope },
    'a password was set',
  )
  return { address: account.address, label: args.label, scope, ...secret.shown }
}

export const userRevoke: Operation<{ address: string; label: string }, { address: string; label: string }> = async (
  house,
  { address, label },
) => {
  const account = await accountOf(house, address)
  if (!(await removePassword(house.store.db, account.id, label)))
    throw new OperationError(
      `${account.address} has no password "${label}". \`vouchsafe user show ${account.address}\` lists them.`,
    )
  house.log.info(
    { area: 'user', event: 'password-revoked', account: account.address, label },
    'a password was taken back',
  )
  return { address: account.address, label }
}

/** Deletes mail and key. Mail that is on its way to it will be refused, and its senders told. */
export const userRemove: Operation<{ address: string }, { address: string; messages: number }> = async (
  house,
  args,
) => {
  const account = await accountOf(house, args.address)
  const { folders } = await userShow(house, args, () => {})
  await removeMost(house.store.db, account.id)
  await house.store.db.transaction(async (tx) => {
    await remove(tx, account.id)
    tx.afterCommit(() => house.web.dismiss(account.entityId))
  })
  await house.keyring.remove(account.entityId)
  house.log.warn({ area: 'user', event: 'removed', account: account.address }, 'an account was removed')
  return { address: account.address, messages: folders.reduce((sum, box) => sum + box.messages, 0) }
}

const viewOf = ({ address, name, entityId, createdAt }: Account): UserView => ({
  address,
  name,
  entity: entityId,
  words: fingerprintWords(entityId),
  createdAt,
})

const passwordFrom = (given: string | undefined): { password: string; shown: { password?: string } } => {
  if (given === undefined) {
    // 100 random bits, in groups a person can copy.
    const made = (base32(randomBytes(13)).slice(0, 20).match(/.{5}/g) ?? []).join('-')
    return { password: made, shown: { password: made } }
  }
  if ([...given].length < PASSWORD_MIN)
    throw new OperationError(`A password has at least ${PASSWORD_MIN} characters. Leave it empty to have one made.`)
  return { password: given, shown: {} }
}

const exists = (address: string): Error =>
  new OperationError(`${address} is there already. \`vouchsafe user passwd ${address}\` gives it another password.`)
