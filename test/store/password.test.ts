import { createHook } from 'node:async_hooks'
import { hash } from '@node-rs/argon2'
import { expect } from 'chai'
import { remove } from '../../store/account.ts'
import { challenge, login, passwords, prove, removePassword, setPassword } from '../../store/password.ts'
import { clientProof } from '../fixture/scram.ts'
import { eachWithStore, rowsOf } from './home.ts'

describe('store: app passwords', () => {
  const bench = eachWithStore()
  const tryWith = async (password: string, address = 'ann@a.test') =>
    (await login(bench().db, address, password, 'imap'))?.account.address
  beforeEach(() => setPassword(bench().db, bench().account, 'phone', 'correct horse'))

  it('the right one logs in, again and again', async () => {
    for (let i = 0; i < 3; i++)
      expect((await login(bench().db, 'ann@a.test', 'correct horse', 'imap'))?.account).to.deep.equal(bench().account)
  })

  it('a wrong one does not, nor does a right one at another address', async () => {
    expect(await tryWith('wrong')).to.equal(undefined)
    expect(await tryWith('')).to.equal(undefined)
    expect(await tryWith('correct horse', 'bob@a.test')).to.equal(undefined)
  })

  it('a remembered one is not argued about for each of the others', async () => {
    for (let i = 0; i < 4; i++) await setPassword(bench().db, bench().account, `device ${i}`, `password ${i}`)
    await tryWith('password 3')
    const costs = await derivations(async () => {
      for (let i = 0; i < 9; i++) expect(await tryWith('password 3')).to.equal('ann@a.test')
    })
    expect(costs).to.deep.equal([0, 0])
  })

  it('a wrong one costs as much for five passwords as for an address that is nobody', async () => {
    for (let i = 0; i < 4; i++) await setPassword(bench().db, bench().account, `device ${i}`, `password ${i}`)
    await tryWith('wrong', 'nobody@a.test') // who has a decoy from then on
    const costs: [pbkdf2: number, argon2: number][] = []
    for (const address of ['ann@a.test', 'nobody@a.test'])
      costs.push(await derivations(() => tryWith('wrong too', address)))
    expect(costs[0]).to.deep.equal(costs[1])
    expect(costs[0]?.join()).not.to.equal('0,0')
  })

  it('one beyond ASCII is the same, however a keyboard composes it', async () => {
    await setPassword(bench().db, bench().account, 'laptop', 'Gr\u00fc\u00dfe aus K\u00f6ln')
    await setPassword(bench().db, bench().account, 'tablet', 'u\u0308bel\u00a0und kurz')
    expect(await tryWith('Gru\u0308\u00dfe aus Ko\u0308ln')).to.equal('ann@a.test')
    expect(await tryWith('\u00fcbel und kurz')).to.equal('ann@a.test')
    expect(await tryWith('ubel und kurz')).to.equal(undefined)
  })

  it('one that was kept as it was typed still holds', async () => {
    const typed = 'u\u0308bel'
    await setPassword(bench().db, bench().account, 'phone', typed)
    const kept = await hash(typed, { memoryCost: 19_456, timeCost: 2, parallelism: 1 })
    await bench().db.transaction((tx) => tx.run('UPDATE password SET hash = ?', [kept]))
    expect(await tryWith(typed)).to.equal('ann@a.test')
  })

  it('removing or changing one forgets it at once, and leaves the others', async () => {
    const { db, account } = bench()
    await setPassword(db, account, 'laptop', 'battery staple')
    expect(await tryWith('correct horse')).to.equal('ann@a.test')
    expect(await tryWith('battery staple')).to.equal('ann@a.test')
    expect(await removePassword(db, account.id, 'phone')).to.equal(true)
    expect(await removePassword(db, account.id, 'phone')).to.equal(false)
    await setPassword(db, account, 'laptop', 'new')
    expect(await tryWith('correct horse')).to.equal(undefined)
    expect(await tryWith('battery staple')).to.equal(undefined)
    expect(await tryWith('new')).to.equal('ann@a.test')
  })

  it('whoever logged in with one hears when it is removed, replaced, or gone with its account', async () => {
    const { db, account, changes } = bench()
    const enter = async (password: string) => (await login(db, account.address, password, 'imap'))?.by
    const first = await enter('correct horse')
    expect(first?.label).to.equal('phone')
    await setPassword(db, account, 'laptop', 'battery staple')
    await setPassword(db, account, 'phone', 'correct horse', 'imap') // the same, for less
    const second = await enter('correct horse')
    await removePassword(db, account.id, 'phone')
    await removePassword(db, account.id, 'phone')
    const third = await enter('battery staple')
    await remove(db, account.id)
    const heard = changes.flatMap((change) => (change.on === 'password' ? [change] : []))
    expect(new Set([first?.id, second?.id, third?.id]).size).to.equal(3)
    expect(heard).to.deep.equal(
      [first, second, third].map((by) => ({ on: 'password', mailbox: 0, account: account.id, id: by?.id })),
    )
  })

  it('a proof says whose it is, too', async () => {
    const { db, account } = bench()
    const { salt, iterations } = await challenge(db, account.address)
    const { proof } = clientProof('correct horse', salt, iterations, 'the message')
    const proved = await prove(db, account.address, { message: 'the message', proof }, 'imap')
    expect(proved?.by).to.deep.equal((await login(db, account.address, 'correct horse', 'imap'))?.by)
  })

  it('one for sending does not read, and the other way round', async () => {
    const { db, account } = bench()
    await setPassword(db, account, 'printer', 'sends only', 'smtp')
    expect(await tryWith('sends only')).to.equal(undefined)
    expect((await login(db, 'ann@a.test', 'sends only', 'smtp'))?.account.address).to.equal('ann@a.test')
    expect((await login(db, 'ann@a.test', 'correct horse', 'smtp'))?.account.address).to.equal('ann@a.test')
    expect((await passwords(db, account.id)).map(({ label, scope, usedFor }) => [label, scope, usedFor])).to.deep.equal(
      [
        ['phone', 'all', 'smtp'],
        ['printer', 'smtp', 'smtp'],
      ],
    )
  })

  it('each can be proved by SCRAM, with the salt that all of an account have', async () => {
    const { db, account } = bench()
    await setPassword(db, account, 'laptop', 'battery staple')
    const { salt, iterations } = await challenge(db, 'ann@a.test')
    expect(await challenge(db, 'ann@a.test')).to.deep.equal({ salt, iterations })
    expect((await challenge(db, 'nobody@a.test')).salt).not.to.equal(salt)
    expect(await challenge(db, 'nobody@a.test')).to.deep.equal(await challenge(db, 'nobody@a.test'))
    for (const [password, signature] of [
      ['correct horse', true],
      ['battery staple', true],
      ['wrong', false],
    ] as const) {
      const { proof, expected } = clientProof(password, salt, iterations, 'the message')
      const proved = await prove(db, 'ann@a.test', { message: 'the message', proof }, 'imap')
      expect(proved?.signature).to.equal(signature ? expected : undefined)
      expect(await prove(db, 'ann@a.test', { message: 'another', proof }, 'imap')).to.equal(undefined)
      expect(await prove(db, 'nobody@a.test', { message: 'the message', proof }, 'imap')).to.equal(undefined)
    }
  })

  it('are proved with no more iterations than Cyrus SASL computes', async () => {
    expect((await challenge(bench().db, 'ann@a.test')).iterations).to.be.within(4096, 0x10000)
  })

  it('of a home that began with another number of iterations keep it, and nobody shows by it', async () => {
    const { db, account } = bench()
    await db.transaction((tx) => tx.run('UPDATE password SET iterations = 5000', []))
    await setPassword(db, account, 'phone', 'correct horse')
    await setPassword(db, account, 'laptop', 'battery staple')
    const { salt, iterations } = await challenge(db, 'ann@a.test')
    expect([iterations, (await challenge(db, 'nobody@a.test')).iterations]).to.deep.equal([5000, 5000])
    const { proof } = clientProof('battery staple', salt, iterations, 'the message')
    expect(await prove(db, 'ann@a.test', { message: 'the message', proof }, 'imap')).not.to.equal(undefined)
    expect(await tryWith('correct horse')).not.to.equal(undefined)
  })

  it('the last use is kept', async () => {
    const { db, account } = bench()
    expect((await passwords(db, account.id)).map(({ label, usedAt }) => [label, usedAt])).to.deep.equal([
      ['phone', null],
    ])
    await tryWith('correct horse')
    expect((await passwords(db, account.id))[0]?.usedAt).to.be.closeTo(Date.now(), 5000)
  })

  it('what is kept tells nobody the password', async () => {
    expect(JSON.stringify(await rowsOf(bench().db, 'password'))).to.match(/\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect(JSON.stringify(await rowsOf(bench().db, 'password'))).not.to.include('correct horse')
  })
})

/** How often a key is derived meanwhile, which takes milliseconds each time. Work of native modules has no name. */
const derivations = async (work: () => Promise<unknown>): Promise<[pbkdf2: number, argon2: number]> => {
  const begun: unknown[] = []
  const hook = createHook({ init: (_id, type) => void begun.push(type) }).enable()
  await work()
  hook.disable()
  const count = (name: unknown) => begun.filter((type) => type === name).length
  return [count('PBKDF2REQUEST'), count(undefined) + count('undefined')]
}
