import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { loadState } from '../../gateway/engine/batch.ts'
import { startEngine } from '../../gateway/engine/engine.ts'
import type { House } from '../../gateway/house.ts'
import { status } from '../../gateway/operation/status.ts'
import { userAdd, userList, userRemove, userRevoke, userShow } from '../../gateway/operation/user.ts'
import { emptyState, removeLocal } from '../../src/state.ts'
import { byAddress } from '../../store/account.ts'
import { find } from '../../store/mailbox.ts'
import { append } from '../../store/message.ts'
import { draftOf } from '../../store/spool.ts'
import { submission } from '../custody/rows.ts'
import { eachWithHouse } from '../gateway/house.ts'
import { draft, letterOf, parse } from '../store/home.ts'

const none = () => {}
const messageOf = (error: Error) => error.message
const password = 'correct horse'

describe('accounts', function () {
  this.timeout(60_000) // a key for each
  const { house, again } = eachWithHouse()
  const add = (address: string, from: House = house()) => userAdd(from, { address, password }, none)
  const addresses = async () => (await userList(house(), {}, none)).map((one) => one.address)
  const keys = async () => (await readdir(join(house().home, 'key'))).filter((name) => name.startsWith('entity-'))

  /** What the web is told, and whether the account was there at that moment. */
  const told = (events: string[]): House => {
    const { web } = house()
    return {
      ...house(),
      web: {
        ...web,
        admit: (local) => {
          events.push(`admit ${local.address}`)
          web.admit(local)
        },
        dismiss: (entity) => {
          events.push(`dismiss ${entity.slice(0, 4)}`)
          web.dismiss(entity)
        },
      },
    }
  }
  /** Fails every transaction, as a full disk does. */
  const full = (from: House): House => ({
    ...from,
    store: {
      ...from.store,
      db: Object.assign(Object.create(from.store.db), {
        transaction: () => Promise.reject(new Error('SQLITE_FULL')),
      }),
    },
  })

  it('whoever takes back a password that is not there is told where to look', async () => {
    await add('ann')
    expect(await userRevoke(house(), { address: 'ann', label: 'fax' }, none).catch(messageOf)).to.equal(
      'ann@a.test has no password "fax". `vouchsafe user show ann@a.test` lists them.',
    )
  })

  it('the web is told of an account once it is durable', async () => {
    const events: string[] = []
    await add('ann', told(events))
    expect(events).to.deep.equal(['admit ann@a.test'])
    expect(await addresses()).to.deep.equal(['ann@a.test'])
  })

  it('one that could not be made leaves neither key nor entity', async () => {
    const events: string[] = []
    expect(await add('ann', full(told(events))).catch(messageOf)).to.equal('SQLITE_FULL')
    expect([events, await keys(), await addresses()]).to.deep.equal([[], [], []])
    await add('ann')
    expect(await addresses()).to.deep.equal(['ann@a.test'])
  })

  it('of two who make one address at once, one does, and no key is left over', async () => {
    const made = await Promise.all([add('ann'), add('ann')].map((one) => one.then(() => 'made', messageOf)))
    expect(made.filter((one) => one === 'made')).to.have.length(1)
    expect(made.find((one) => one !== 'made')).to.include('is there already')
    expect(await keys()).to.have.length(1)
  })

  it('a removal that fails leaves the account alive, with its key', async () => {
    await add('ann')
    const events: string[] = []
    const removed = userRemove(full(told(events)), { address: 'ann' }, none)
    expect(await removed.catch(messageOf)).to.equal('SQLITE_FULL')
    expect(events).to.deep.equal([])
    expect(await keys()).to.have.length(1)
    expect((await userShow(house(), { address: 'ann' }, none)).folders).to.have.length(8)
  })

  it('a removal ends account and key, and the web is told after', async () => {
    await add('ann')
    const events: string[] = []
    expect(await userRemove(told(events), { address: 'ann' }, none)).to.deep.equal({
      address: 'ann@a.test',
      messages: 0,
    })
    expect(events).to.have.length(1)
    expect([await keys(), await addresses()]).to.deep.equal([[], []])
    await again()
    expect(await addresses()).to.deep.equal([])
  })

  it('of very many messages most go before the account does', async () => {
    await add('ann')
    const { db } = house().store
    const inbox = await find(db, (await byAddress(db, 'ann@a.test'))?.id ?? 0, 'INBOX')
    await append(db, inbox?.id ?? 0, Array(5001).fill(await draft(house().home, letterOf('hello'))))
    const heard: string[] = []
    db.changes.on('change', ({ on }) => heard.push(on))
    expect(await userRemove(house(), { address: 'ann' }, none)).to.include({ messages: 5001 })
    expect(heard.slice(0, 2)).to.deep.equal(['expunged', 'mailbox'])
  })

  it('an account is looked after by its address also when the gateway has another domain', async () => {
    await add('ann')
    const moved = { ...house(), domain: 'b.test' }
    const failed = async (address: string) => userShow(moved, { address }, none).catch(messageOf)
    expect(await failed('ann')).to.include('There is no account ann@b.test')
    expect(await failed('bo@a.test')).to.include('end in @b.test')
    expect(await failed('ann@a.test')).to.include({ address: 'ann@a.test' })
    expect(await userRemove(moved, { address: 'ann@a.test' }, none)).to.include({ address: 'ann@a.test' })
  })

  it('mail that meets the removal half-way is a fault to its sender, never dropped', async () => {
    await add('ann')
    await add('bo')
    const { home, log, store } = house()
    const state = emptyState('me', 'a.test')
    await loadState(store.db, state) // knows Ann for a moment longer
    const engine = startEngine(store.db, state, log)
    const bytes = letterOf('hello')
    const recipients = [{ address: 'ann@a.test', notify: [], envelope: 'e'.repeat(32), stage: 'Queued' } as const]
    const send = async (id: string) =>
      engine.handle(
        ([here = 0]) => ({ on: 'submitted', submission: submission({ id, account: 2, body: null, recipients }), here }),
        [{ body: await draftOf(home, bytes), parsed: parse(bytes) }],
      )
    expect(await send('1')).to.deep.equal({ say: 'done' }) // and its folders are remembered
    await userRemove({ ...house(), web: { ...house().web, dismiss: none } }, { address: 'ann' }, none)
    expect(
      await send('2').then(
        () => 'delivered',
        () => 'a fault',
      ),
    ).to.equal('a fault')
    expect(state.addresses.has('ann@a.test'), 'found to be gone').to.equal(false)
  })

  it('a notice to a removed account is dropped, and does not take anybody’s mail with it', async () => {
    await add('ann')
    await add('bo')
    const { home, log, store } = house()
    const state = emptyState('me', 'a.test')
    await loadState(store.db, state)
    let now = Date.now()
    const engine = startEngine(store.db, state, log, () => now)
    const bytes = letterOf('hello')
    const recipient = { address: 'zoe@b.test', notify: [], stage: 'Queued' } as const
    const entities = [...state.locals.values()]
    const send = async (account: number) =>
      engine.handle(
        ([here = 0]) => ({
          on: 'submitted',
          submission: submission({
            id: `${account}`,
            account,
            entity: entities.find((one) => one.account === account)?.entity ?? '',
            body: here,
            recipients: [{ ...recipient, envelope: `${account}`.repeat(32) }],
          }),
          here,
        }),
        [{ body: await draftOf(home, bytes), parsed: parse(bytes) }],
      )
    expect(await send(1)).to.deep.equal({ say: 'done' }) // and her folders are remembered
    const dismiss = (entity: string) => removeLocal(state, entity)
    await userRemove({ ...house(), web: { ...house().web, dismiss } }, { address: 'ann' }, none)
    now += 30 * 86_400_000 // her letter ends, and she would hear of it
    const [key = ''] = [...state.custody.keys()]
    expect(await Promise.all([engine.handle({ on: 'due', key }), send(2)])).to.have.deep.members([
      { say: 'done' },
      { say: 'done' },
    ])
  })

  it('status names the account whose key is gone, whatever other keys are there', async () => {
    await add('ann')
    const bo = await add('bo')
    const { keyring } = house()
    await keyring.remove(bo.entity)
    const problems = async (from: House) =>
      (await status(from, {}, none)).problems.filter((one) => one.includes('key of'))
    expect(await problems(house())).to.have.length(1)
    const entities = new Map([...keyring.entities(), ['left over', keyring.entities().values().next().value]])
    const more = { ...house(), keyring: { ...keyring, entities: () => entities } } as House
    expect((await problems(more))[0]).to.match(/^the key of bo@a\.test is missing from .*key: restore/)
  })
})
