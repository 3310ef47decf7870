import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { type Logins, openLogins } from '../../gateway/login.ts'
import { Refusal } from '../../src/refusal.ts'
import { create } from '../../store/account.ts'
import { removePassword, setPassword } from '../../store/password.ts'
import { eachWithStore } from '../store/home.ts'

describe('logins', () => {
  const bench = eachWithStore()
  const spellings = ['ann@a.test', 'ANN@A.test', '"ann"@a.test', '"\\ann"@a.test', '"a\\nn"@a.test']
  const limits = { failures: 3, windowMs: 60_000 }
  const codeOf = (found: object) => (found instanceof Refusal ? found.code : 'in')

  const guesses: Record<string, (logins: Logins, address: string) => Promise<object>> = {
    'a password': ({ login }, address) => login(address, 'wrong', '192.0.2.1'),
    'a proof': ({ scram }, address) =>
      scram.prove(address, { message: 'the message', proof: randomBytes(32) }, '192.0.2.1'),
  }
  for (const [what, guess] of Object.entries(guesses))
    it(`${what} is guessed as often, however the address is spelled`, async () => {
      await setPassword(bench().db, bench().account, 'phone', 'correct horse')
      const logins = openLogins(bench().db, limits, new Set(['a.test']))('imap')
      const codes: string[] = []
      for (const address of spellings) codes.push(codeOf(await guess(logins, address)))
      expect(codes).to.deep.equal([
        ...Array<string>(3).fill('login-failed'),
        ...Array<string>(2).fill('login-throttled'),
      ])
      expect(codeOf(await logins.login('Ann@a.test', 'correct horse', '192.0.2.2'))).to.equal('in')
    })

  it('a password holds at every edge until it is replaced or removed', async () => {
    const { db, account } = bench()
    const logins = openLogins(db, limits, new Set(['a.test']))
    const [imap, smtp] = [logins('imap'), logins('smtp')]
    const enter = async (password: string) => {
      const found = await imap.login(account.address, password, '192.0.2.1')
      if (found instanceof Refusal) throw found
      return () => [imap.holds(found.by), smtp.holds(found.by)]
    }
    await setPassword(db, account, 'phone', 'correct horse')
    await setPassword(db, account, 'laptop', 'battery staple')
    const [phone, laptop] = [await enter('correct horse'), await enter('battery staple')]
    await setPassword(db, account, 'phone', 'a new one')
    expect([phone(), laptop(), (await enter('a new one'))()].flat()).to.deep.equal([
      false,
      false,
      true,
      true,
      true,
      true,
    ])
    await removePassword(db, account.id, 'laptop')
    expect(laptop()).to.deep.equal([false, false])
  })

  it('a domain here is known in either of its spellings', async () => {
    const [address, typed] = ['zoe@münchen.test', 'zoe@xn--mnchen-3ya.test']
    const zoe = await bench().db.transaction((tx) => create(tx, { address, name: '', entityId: 'z' }))
    if (zoe === 'exists') throw new Error('she is there')
    await setPassword(bench().db, zoe, 'phone', 'correct horse')
    const entered = async (domain: string) => {
      const { login } = openLogins(bench().db, limits, new Set([domain]))('imap')
      return codeOf(await login(typed, 'correct horse', '192.0.2.1'))
    }
    expect([await entered('münchen.test'), await entered('b.test')]).to.deep.equal(['in', 'login-failed'])
  })
})
