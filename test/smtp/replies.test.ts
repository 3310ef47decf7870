import { expect } from 'chai'
import { asReply, refused, replies } from '../../gateway/smtp/replies.ts'
import { isFinal, Refusal, type RefusalCode, refusalCodes } from '../../src/refusal.ts'

describe('smtp replies', () => {
  for (const code of refusalCodes)
    it(`${code} is a reply of RFC 5321 whose codes agree, with a sentence that says what to do`, () => {
      const [basic, enhanced, text] = replies[code]
      expect(String(basic)).to.match(/^[45][0-5]\d$/)
      expect(enhanced).to.match(/^[45]\.\d{1,3}\.\d{1,3}$/)
      expect(enhanced[0]).to.equal(String(basic)[0])
      expect(text).to.match(/^[A-Z][\x20-\x7e]{15,}$/)
      expect(`${basic} ${enhanced} ${text}\r\n`.length).to.be.at.most(512) // RFC 5321 §4.5.3.1.5
    })

  // The damage is the way's and not the message's: the client keeps its own copy and tries again.
  const mendedByTrying: RefusalCode[] = ['payload-mismatch']

  it('what no waiting mends is 5yz: the client must not try for days', () => {
    const temporary = refusalCodes.filter((code) => replies[code][0] < 500 && !mendedByTrying.includes(code))
    expect(temporary.filter(isFinal)).to.deep.equal([])
  })

  it('the detail of a refusal, which may quote somebody, stays out', () => {
    const reply = asReply(new Refusal('mailbox-full', 'quoted\r\n250 OK'))
    expect(reply.message).to.equal(refused('mailbox-full').message)
    expect(reply.responseCode).to.equal(452)
  })

  it('a fault is temporary, and its cause stays in the log', () => {
    const reply = asReply(new Error('EIO: /secret/path'))
    expect(reply.responseCode).to.equal(451)
    expect(reply.message)
      .to.match(/^4\.3\.0 /)
      .and.not.contain('secret')
  })
})
