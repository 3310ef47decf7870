import { expect } from 'chai'
import { checkHead } from '../../src/identity/payload-head.ts'
import { Refusal } from '../../src/refusal.ts'

/** RFC 4880 §4.2: tag 1 is a session key, tag 18 the encrypted data, which only the newer header can say. */
describe('the head of a payload', () => {
  const sealed = [0xd2, 0xea]
  const key = (header: number[], size: number): number[] => [...header, ...Array<number>(size).fill(0)]
  const refusalOf = (head: number[]): string => {
    try {
      checkHead(Buffer.from(head))
      return 'taken'
    } catch (error) {
      if (error instanceof Refusal) return error.code
      throw error
    }
  }

  const forms: [what: string, header: number[], size: number][] = [
    ['newer, one octet', [0xc1, 191], 191],
    ['newer, two octets', [0xc1, 192, 0], 192],
    ['newer, two octets at the most', [0xc1, 223, 255], 8383],
    ['newer, five octets', [0xc1, 255, 0, 0, 1, 12], 268],
    ['older, one octet', [0x84, 255], 255],
    ['older, two octets, as gpg writes for RSA', [0x85, 1, 12], 268],
    ['older, four octets', [0x86, 0, 0, 1, 12], 268],
  ]
  for (const [what, header, size] of forms) {
    it(`shows a session key whose length is ${what}`, () => {
      expect(refusalOf([...key(header, size), ...sealed])).to.equal('taken')
      expect(refusalOf([...key(header, size), ...key(header, size), ...sealed]), 'and another').to.equal('taken')
    })
    it(`cut off in a length that is ${what}, is refused`, () => {
      for (let end = 0; end < header.length; end++)
        expect(refusalOf(header.slice(0, end)), `${end}`).to.equal('seal-broken')
    })
  }

  const keys = (count: number): number[] => Array.from({ length: count }, () => key([0xc1, 1], 1)).flat()
  const others: [what: string, head: number[]][] = [
    ['encrypted data without a session key', sealed],
    ['a session key alone', keys(1)],
    ['seventeen session keys', [...keys(17), ...sealed]],
    ['a session key in parts', [...key([0xc1, 224], 8385), ...sealed]],
    ['a session key without a length', [...key([0x87], 1), ...sealed]],
    ['a session key longer than the head', [...key([0xc1, 255, 1, 0, 0, 0], 300), ...sealed]],
    ['another packet between', [...keys(1), ...key([0xcb, 1], 1), ...sealed]],
    ['another packet first', [...key([0xcb, 1], 1), ...sealed]],
    ['what is no packet', [...key([0x04, 1], 1), ...sealed]],
  ]
  for (const [what, head] of others) it(`${what} is refused`, () => expect(refusalOf(head)).to.equal('seal-broken'))

  it('sixteen session keys are taken', () => expect(refusalOf([...keys(16), ...sealed])).to.equal('taken'))
})
