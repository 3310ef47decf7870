import { expect } from 'chai'
import { allAsXtext } from '../../gateway/smtp/xtext.ts'

describe('smtp: xtext', () => {
  const lines: [what: string, line: string, written: string][] = [
    ['a time zone', 'MAIL FROM:<a@a.test> HOLDUNTIL=1T0+01:00', 'MAIL FROM:<a@a.test> HOLDUNTIL=1T0+2B01:00'],
    ['a sign', 'MAIL FROM:<a@a.test> by=+2B;R', 'MAIL FROM:<a@a.test> by=+2B2B;R'],
    ['what is xtext already', 'MAIL FROM:<a@a.test> envid=+2B AUTH=+2B', 'MAIL FROM:<a@a.test> envid=+2B AUTH=+2B'],
    ['an address', 'RCPT TO: <a+b=c+d@a.test> ORCPT=rfc822;a+2Bb', 'RCPT TO: <a+b=c+d@a.test> ORCPT=rfc822;a+2Bb'],
  ]
  for (const [what, line, written] of lines) it(what, () => expect(allAsXtext(line)).to.equal(written))
})
