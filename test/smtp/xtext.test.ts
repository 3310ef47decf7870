import { expect } from 'chai'
import { allAsXtext, notXtext } from '../../gateway/smtp/xtext.ts'

describe('smtp: xtext', () => {
  const lines: [what: string, line: string, written: string][] = [
    ['a time zone', 'MAIL FROM:<a@a.test> HOLDUNTIL=1T0+01:00', 'MAIL FROM:<a@a.test> HOLDUNTIL=1T0+2B01:00'],
    ['a sign', 'MAIL FROM:<a@a.test> by=+2B;R', 'MAIL FROM:<a@a.test> by=+2B2B;R'],
    ['what is xtext already', 'MAIL FROM:<a@a.test> envid=+2B AUTH=+2B', 'MAIL FROM:<a@a.test> envid=+2B AUTH=+2B'],
    ['an address', 'RCPT TO: <a+b=c+d@a.test> ORCPT=rfc822;a+2Bb', 'RCPT TO: <a+b=c+d@a.test> ORCPT=rfc822;a+2Bb'],
  ]
  for (const [what, line, written] of lines) it(what, () => expect(allAsXtext(line)).to.equal(written))

  const values: [value: string, name: string | undefined][] = [
    ['ENVID=QQ+2B314159', undefined],
    ['ENVID=a+20b AUTH=<>', undefined],
    ['envid=a+zz', 'ENVID'],
    ['ENVID=a+2b', 'ENVID'],
    ['ENVID=a+80', 'ENVID'],
    ['ENVID=a+2', 'ENVID'],
    ['ENVID=a=b', 'ENVID'],
    ['AUTH=a=b', 'AUTH'],
    ['ORCPT=rfc822;a+2Bb@b.test', undefined],
    ['ORCPT=rfc822;ülf@b.test', 'ORCPT'],
    ['ORCPT=UTF-8;ülf@b.test', undefined],
    ['ORCPT=utf-8;\\x{FC}lf@b.test', undefined],
    ['ORCPT=utf-8;ülf+zz@b.test', 'ORCPT'],
    ['BY=+3600;R', undefined],
  ]
  for (const [value, name] of values)
    it(`${value} is ${name === undefined ? 'well written' : 'not'}`, () =>
      expect(notXtext(`MAIL FROM:<a@a.test> SIZE=1 ${value}`)).to.equal(name))
})
