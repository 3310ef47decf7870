import { expect } from 'chai'
import { createPlaces } from '../../gateway/places.ts'

describe('places', () => {
  const cases: [what: string, total: number, each: number, remotes: string[], taken: number][] = [
    ['an address has its own', 100, 2, ['192.0.2.1', '192.0.2.1', '192.0.2.1'], 2],
    ['another has its own, too', 100, 1, ['192.0.2.1', '192.0.2.2'], 2],
    ['IPv4 is one, however the listener sees it', 100, 1, ['192.0.2.1', '::ffff:192.0.2.1'], 1],
    ['an IPv6 network of 64 bits is one', 100, 1, ['2001:db8::1', '2001:db8::2', '2001:db8:0:1::1'], 2],
    ['loopback has all but a tenth', 10, 1, Array<string>(12).fill('127.0.0.1'), 9],
    ['as IPv6 sees it, too', 10, 1, Array<string>(12).fill('::ffff:127.0.0.1'), 9],
    ['and on ::1', 10, 1, Array<string>(12).fill('::1'), 9],
    ['or what an address has, if that is more', 4, 4, Array<string>(12).fill('::1'), 4],
  ]
  for (const [what, total, each, remotes, taken] of cases)
    it(what, () => {
      const places = createPlaces(total, each)
      expect(remotes.filter((remote) => places.take(remote))).to.have.length(taken)
    })

  it('a place given back is free', () => {
    const places = createPlaces(10, 1)
    places.take('192.0.2.1')
    places.give('192.0.2.1')
    expect(places.take('192.0.2.1')).to.equal(true)
  })
})
