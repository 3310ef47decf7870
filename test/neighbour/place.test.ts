import { expect } from 'chai'
import { placeOf } from '../../gateway/neighbour/knocking.ts'

describe('the place of a guest', () => {
  const places: [remote: string, place: string][] = [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::6', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
  ]
  for (const [remote, place] of places) it(`of ${remote} is ${place}`, () => expect(placeOf(remote)).to.equal(place))
})
