import { expect } from 'chai'
import { createMeter, throttleLogins } from '../../gateway/throttle.ts'
import { Refusal } from '../../src/refusal.ts'

describe('throttle', () => {
  let now = 0
  const clock = () => now
  beforeEach(() => {
    now = 1_000_000
  })

  it('a bucket gives what it holds, then says how long to wait', () => {
    const meter = createMeter(3, 60_000, clock)
    expect([1, 2, 3].map(() => meter.take('a'))).to.deep.equal([0, 0, 0])
    expect(meter.take('a')).to.equal(20_000)
    expect(meter.take('b')).to.equal(0)
  })

  it('and fills again with time, no further than full', () => {
    const meter = createMeter(3, 60_000, clock)
    for (let i = 0; i < 3; i++) meter.take('a')
    now += 19_999
    expect(meter.take('a')).to.equal(1)
    now += 1
    expect(meter.take('a')).to.equal(0)
    now += 3_600_000
    expect([1, 2, 3].map(() => meter.take('a'))).to.deep.equal([0, 0, 0])
    expect(meter.take('a'), 'no more than full').to.be.above(0)
  })

  it('a clock set back neither fills nor empties it', () => {
    const meter = createMeter(2, 60_000, clock)
    meter.take('a')
    now -= 3_600_000
    expect(meter.take('a')).to.equal(0)
    expect(meter.take('a')).to.equal(30_000)
  })

  it('only the 18 000 touched last are sure to be remembered, whatever number of keys came', () => {
    const meter = createMeter(1, 60_000, clock)
    for (let i = 0; i < 290_000; i++) meter.take(`key ${i}`)
    expect(meter.take('key 289999'), 'the last').to.be.above(0)
    expect(meter.take('key 272000'), 'the last but 18 000').to.be.above(0)
    expect(meter.take('key 269999'), 'the last but 20 000').to.equal(0)
    expect(meter.take('key 0'), 'the first').to.equal(0)
  })

  const limits = { failures: 3, windowMs: 60_000 }
  const login = async (address: string, password: string) => (password === 'right' ? { address } : undefined)
  type Check = (address: string, password: string) => Promise<object | undefined>
  const throttle = (check: Check) => {
    const judge = throttleLogins(limits, clock)
    return (address: string, password: string, remote: string) =>
      judge(address, remote, (counted) => check(counted, password))
  }
  const codeOf = (result: object | undefined) => (result instanceof Refusal ? result.code : 'in')

  it('wrong passwords make the account wait where they come from, and nowhere else', async () => {
    const throttled = throttle(login)
    const tries = async (count: number) => {
      const codes: string[] = []
      for (let i = 0; i < count; i++) codes.push(codeOf(await throttled('a@a.test', 'wrong', '192.0.2.1')))
      return codes
    }
    expect(await tries(4)).to.deep.equal(['login-failed', 'login-failed', 'login-failed', 'login-throttled'])
    expect(codeOf(await throttled('a@a.test', 'right', '192.0.2.1'))).to.equal('login-throttled')
    expect(codeOf(await throttled('a@a.test', 'right', '::ffff:192.0.2.1'))).to.equal('login-throttled')
    expect(codeOf(await throttled('b@a.test', 'right', '192.0.2.1'))).to.equal('in')
    expect(codeOf(await throttled('a@a.test', 'right', '192.0.2.2'))).to.equal('in')
    now += 20_000
    expect(codeOf(await throttled('a@a.test', 'right', '192.0.2.1'))).to.equal('in')
  })

  it('right passwords cost nothing', async () => {
    const throttled = throttle(login)
    for (let i = 0; i < 100; i++) expect(codeOf(await throttled('a@a.test', 'right', '192.0.2.1'))).to.equal('in')
  })

  it('a hundred guesses at once are three', async () => {
    let asked = 0
    const slow = async () => {
      asked++
      await new Promise((resolve) => setImmediate(resolve))
      return undefined
    }
    const throttled = throttle(slow)
    const guesses = Array.from({ length: 100 }, () => throttled('a@a.test', 'x', '192.0.2.1'))
    const codes = (await Promise.all(guesses)).map(codeOf)
    expect(codes.filter((code) => code === 'login-failed')).to.have.length(3)
    expect(asked).to.equal(3)
  })

  it('a hundred right passwords at once all get in', async () => {
    const slowly = async (address: string, password: string) => {
      await new Promise((resolve) => setImmediate(resolve))
      return login(address, password)
    }
    const throttled = throttle(slowly)
    const logins = Array.from({ length: 100 }, (_, i) => throttled(`${i % 5}@a.test`, 'right', '192.0.2.1'))
    expect(new Set((await Promise.all(logins)).map(codeOf))).to.deep.equal(new Set(['in']))
    const mixed = Array.from({ length: 20 }, (_, i) => throttled('a@a.test', i % 2 ? 'right' : 'wrong', '192.0.2.1'))
    const codes = (await Promise.all(mixed)).map(codeOf)
    expect(codes.filter((code) => code === 'login-failed')).to.have.length(3)
  })

  it('one address guesses at no more than ten accounts as often', async () => {
    const throttled = throttle(login)
    const codes: string[] = []
    for (let i = 0; i < 31; i++) codes.push(codeOf(await throttled(`${i}@a.test`, 'wrong', '192.0.2.1')))
    expect(codes.filter((code) => code === 'login-failed')).to.have.length(30)
    expect(codes.at(-1)).to.equal('login-throttled')
  })

  it('but a loopback address, where a webmail stands, at each as often', async () => {
    const throttled = throttle(login)
    for (const remote of ['127.0.0.1', '::1', '::ffff:127.0.0.1'])
      for (let i = 0; i < 100; i++)
        expect(codeOf(await throttled(`${i} ${remote}@a.test`, 'wrong', remote))).to.equal('login-failed')
    for (let i = 0; i < 2; i++) await throttled('1 ::1@a.test', 'wrong', '::1')
    expect(codeOf(await throttled('1 ::1@a.test', 'right', '::1'))).to.equal('login-throttled')
    expect(codeOf(await throttled('a@a.test', 'right', '::1'))).to.equal('in')
  })

  it('an account is guessed at from no more than ten addresses as often; where its owner was before, he gets in', async () => {
    const throttled = throttle(login)
    expect(codeOf(await throttled('a@a.test', 'right', '192.0.2.200'))).to.equal('in')
    const codes: string[] = []
    for (let i = 0; i < 31; i++) codes.push(codeOf(await throttled('a@a.test', 'wrong', `192.0.2.${i}`)))
    expect(codes.filter((code) => code === 'login-failed')).to.have.length(30)
    expect(codeOf(await throttled('a@a.test', 'right', '192.0.2.201'))).to.equal('login-throttled')
    expect(codeOf(await throttled('a@a.test', 'right', '192.0.2.200'))).to.equal('in')
    expect(codeOf(await throttled('b@a.test', 'right', '192.0.2.201'))).to.equal('in')
  })

  it('of 20 000 who have logged in it is known from where; of one more, the longest unused is forgotten', async () => {
    const throttled = throttle(login)
    const others = Array.from({ length: 19_999 }, (_, i) => `other${i}@a.test`)
    for (const address of ['a@a.test', 'b@a.test', ...others]) await throttled(address, 'right', '192.0.2.200')
    const afterGuesses = async (address: string) => {
      for (let i = 0; i < 30; i++) await throttled(address, 'wrong', `192.0.2.${i}`)
      return codeOf(await throttled(address, 'right', '192.0.2.200'))
    }
    expect(await afterGuesses('a@a.test')).to.equal('login-throttled')
    expect(await afterGuesses('b@a.test')).to.equal('in')
  })

  it('the addresses of one IPv6 subscriber count as one', async () => {
    const throttled = throttle(login)
    const from = (remote: string) => throttled('a@a.test', 'wrong', remote)
    for (const remote of ['2001:db8:1:2::1', '2001:db8:1:2:ffff:1:2:3', '2001:DB8:1:2::']) await from(remote)
    expect(codeOf(await from('2001:db8:1:2::9'))).to.equal('login-throttled')
    expect(codeOf(await from('2001:db8:1:3::1'))).to.equal('login-failed')
    expect(codeOf(await from('::1'))).to.equal('login-failed')
    expect(codeOf(await from('fe80::1%eth0'))).to.equal('login-failed')
  })

  it('a store that fails is not held against anybody', async () => {
    let isBroken = true
    const throttled = throttle(async () => {
      if (isBroken) throw new Error('disk')
      return {}
    })
    for (let i = 0; i < 10; i++)
      await throttled('a@a.test', 'right', '192.0.2.1').then(
        () => expect.fail('a fault was hidden'),
        (error) => expect(error.message).to.equal('disk'),
      )
    isBroken = false
    expect(codeOf(await throttled('a@a.test', 'right', '192.0.2.1'))).to.equal('in')
  })
})
