import { expect } from 'chai'
import { createLog } from '../../gateway/log.ts'
import { restAfterWork } from '../../gateway/rest.ts'
import { sleep, until } from '../../scripts/neighbourhood.ts'

describe('memory after work', function () {
  this.timeout(60_000)

  it('is given back once, when the work has been over for two looks', async () => {
    const lines: { event: string }[] = []
    const log = createLog({ level: 'debug', format: 'json' }, { write: (line) => lines.push(JSON.parse(line)) })
    const rested: string[] = []
    const resting = (name: string) => ({ rest: async () => void rested.push(name) })
    const end = restAfterWork(log, { db: resting('db'), texts: resting('texts') }, 500)
    const before = process.cpuUsage()
    // Microseconds of processor time: more than what makes a rest worth while.
    while (process.cpuUsage(before).user < 700_000) for (let i = 0; i < 1e6; i++) Math.sqrt(i)
    expect(lines, 'while it works').to.deep.equal([])
    await until('it is', async () => lines.length > 0)
    await sleep(1200) // two looks more
    end()
    expect(lines.map(({ event }) => event)).to.deep.equal(['rested'])
    expect(rested).to.deep.equal(['db', 'texts'])
  })
})
