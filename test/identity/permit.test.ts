import { expect } from 'chai'
import { agentFromPem, agentToPem, generateAgent } from '../../src/identity/agent.ts'
import { isPermit, permitOf } from '../../src/identity/permit.ts'

const [agent, other] = [generateAgent(), generateAgent()]
const [origin, ann, bob] = [other.id, 'a'.repeat(52), 'b'.repeat(52)]
const permit = permitOf(agent, origin, ann)

describe('identity: a permit', () => {
  it('is 16 bytes in hex, the same after a restart', () => {
    expect(permit).to.match(/^[0-9a-f]{32}$/)
    expect(permitOf(agentFromPem(agentToPem(agent)), origin, ann)).to.equal(permit)
  })

  const cases: [what: string, isRight: boolean, permit: string, by: typeof agent, origin: string, to: string][] = [
    ['as it was given', true, permit, agent, origin, ann],
    ['to somebody else', false, permit, agent, origin, bob],
    ['from another origin', false, permit, agent, agent.id, ann],
    ['at another gateway', false, permit, other, origin, ann],
    ['with a digit exchanged', false, permit.replace(/^./, (one) => (one === '0' ? '1' : '0')), agent, origin, ann],
    ['cut short', false, permit.slice(2), agent, origin, ann],
    ['that is no hex', false, 'x'.repeat(32), agent, origin, ann],
  ]
  for (const [what, isRight, given, by, from, to] of cases)
    it(`${what}: ${isRight ? 'holds' : 'does not hold'}`, () => expect(isPermit(given, by, from, to)).to.equal(isRight))
})
