import { expect } from 'chai'
import {
  type DialledBack,
  type Finding,
  fromOutside,
  type Here,
  inDirectory,
  type Lost,
  notConnected,
  ourClock,
} from '../../src/reach/diagnosis.ts'

const now = 1_700_000_000_000
const MINUTE = 60_000
const at = 'a.test:2740'
const back = (name: string, found: 'them' | 'wrong-key' | 'silent', address = at): DialledBack => ({
  name,
  probes: [{ address, found }],
})
const short = ({ state, side }: Finding): string => (side ? `${state} ${side}` : state)

describe('doctor: seen from outside', () => {
  const cases: [what: string, announced: string[], back: DialledBack[], finding: string, detail: RegExp][] = [
    ['who only dials is told so', [], [back('R', 'silent')], 'note', /only dials/],
    ['nobody to ask: nothing is known', [at], [], 'note', /no neighbour/],
    ['all reach us', [at], [back('R', 'them'), back('S', 'them')], 'ok', /R, S/],
    ['nobody does: our port is closed', [at], [back('R', 'silent'), back('S', 'silent')], 'wrong ours', /R, S/],
    ['some do: it is not us', [at], [back('R', 'them'), back('S', 'silent')], 'note between', /not by S/],
    [
      'another gateway is there: our name, or our router',
      [at],
      [back('R', 'wrong-key'), back('S', 'them')],
      'wrong ours',
      /R/,
    ],
    ['an address that was not announced yet', [at], [back('R', 'them', 'old.test:1')], 'note', /not.*yet|heard/],
  ]
  for (const [what, announced, words, finding, detail] of cases)
    it(what, () => {
      const [found] = fromOutside({ isMeant: announced.length > 0, announced }, words)
      expect(found && short(found)).to.equal(finding)
      expect(found?.detail).to.match(detail)
    })

  it('whose own address is not known yet is not told to be content with dialling', () => {
    const [found] = fromOutside({ isMeant: true, announced: [] }, [])
    expect(found?.detail).to.match(/no address is announced yet/)
  })

  it('each address is judged by itself', () => {
    const both = [
      {
        name: 'R',
        probes: [
          { address: at, found: 'them' as const },
          { address: 'b.test:1', found: 'silent' as const },
        ],
      },
    ]
    expect(fromOutside({ isMeant: true, announced: [at, 'b.test:1'] }, both).map(short)).to.deep.equal([
      'ok',
      'wrong ours',
    ])
  })
})

describe('doctor: a neighbour that is not connected', () => {
  const online: Here = { isOnline: true, isReached: true }
  const alone: Here = { isOnline: false, isReached: false }
  const silent = (why?: string): Lost['probes'] => [{ address: at, found: 'silent', ...(why && { why }) }]
  const cases: [what: string, lost: Partial<Lost>, here: Here, side: string, detail: RegExp][] = [
    ['its machine is there and refuses', { probes: silent('ECONNREFUSED') }, online, 'theirs', /no gateway runs/],
    ['its name is gone', { probes: silent('ENOTFOUND') }, online, 'theirs', /DNS/],
    [
      'nothing answers and nobody heard of it',
      { probes: silent('no answer in time') },
      online,
      'theirs',
      /nobody has heard/,
    ],
    [
      'it was heard of long ago',
      { probes: silent(), heardOf: now - 46 * MINUTE },
      online,
      'theirs',
      /nobody has heard/,
    ],
    ['others hear of it', { probes: silent('no answer in time'), heardOf: now - MINUTE }, online, 'between', /it runs/],
    [
      'even if something there refuses',
      { probes: silent('ECONNREFUSED'), heardOf: now - MINUTE },
      online,
      'between',
      /it runs/,
    ],
    ['another gateway answers', { probes: [{ address: at, found: 'wrong-key' }] }, online, 'theirs', /another gateway/],
    ['it answers, and makes no link', { probes: [{ address: at, found: 'them' }] }, online, 'theirs', /makes no link/],
    ['we have no network at all', { probes: silent('ENETUNREACH') }, alone, 'ours', /no network/],
    ['nor a name service', { probes: silent('EAI_AGAIN') }, alone, 'ours', /no network/],
    [
      'the same with others connected is not us',
      { probes: silent('ENETUNREACH') },
      online,
      'theirs',
      /nothing answers/,
    ],
    ['it only dials, and we can be dialled', { probes: [] }, online, 'theirs', /only dials/],
    ['it only dials, and we can not', { probes: [] }, { ...online, isReached: false }, 'ours', /only dials/],
    ['it only dials, and runs', { probes: [], heardOf: now - MINUTE }, online, 'between', /only dials/],
  ]
  for (const [what, lost, here, side, detail] of cases)
    it(`${what}: ${side}`, () => {
      const found = notConnected({ name: 'R', probes: [], ...lost }, here, now)
      expect([found.state, found.side]).to.deep.equal(['wrong', side])
      expect(found.detail).to.match(detail)
      expect(found.fix, 'it says what to do').to.be.a('string').that.is.not.empty
    })
})

describe('doctor: a directory', () => {
  const cases: [what: string, ours: string[], known: Parameters<typeof inDirectory>[2], finding: string][] = [
    ['it knows where we are', [at], { addresses: [at] }, 'ok'],
    ['we only dial: it need not know', [], undefined, 'ok'],
    ['it knows where we were', [at], { addresses: ['old.test:1'] }, 'note'],
    ['it knows nothing of us yet', [at], undefined, 'note'],
    ['it does not answer', [at], new Error('unreachable'), 'wrong theirs'],
  ]
  for (const [what, ours, known, finding] of cases)
    it(what, () => expect(short(inDirectory('d.test:1', ours, known))).to.equal(finding))
})

describe('doctor: the clock', () => {
  const cases: [what: string, ms: number[], finding: string][] = [
    ['nobody to compare with', [], 'note'],
    ['within a minute', [59_000, -59_000], 'ok'],
    ['most differ: ours is wrong', [600_000, 601_000, 10], 'wrong ours'],
    ['one of three differs: theirs is', [600_000, 5, 10], 'note theirs'],
    ['one of two: nobody knows, and it is said to them', [600_000, 5], 'note theirs'],
    ['the only one differs: look here', [-600_000], 'wrong ours'],
  ]
  for (const [what, offsets, finding] of cases)
    it(what, () => expect(short(ourClock(offsets.map((ms, i) => ({ name: `N${i}`, ms }))))).to.equal(finding))
})
