import { expect } from 'chai'
import { startEngine } from '../../gateway/engine/engine.ts'
import { createLog } from '../../gateway/log.ts'
import { Refusal } from '../../src/refusal.ts'
import { emptyState } from '../../src/state.ts'
import { eachWithStore } from '../store/home.ts'

describe('engine', () => {
  const bench = eachWithStore()
  const lines: string[] = []
  const start = () =>
    startEngine(
      bench().db,
      emptyState('me', 'a.test'),
      createLog({ level: 'info', format: 'json' }, { write: (line) => lines.push(line) }),
    )

  it('closed, it has finished what was raised, also what nobody waits for, and takes nothing more', async () => {
    const engine = start()
    const ended: string[] = []
    const raise = (name: string, event: Parameters<typeof engine.handle>[0]) =>
      void engine.handle(event).then(() => ended.push(name))
    raise('sweep', { on: 'sweep' })
    raise('accepted', { on: 'accepted', key: 'k', by: 'r', receipt: '' })
    await engine.close()
    expect(ended.sort()).to.deep.equal(['accepted', 'sweep'])

    await bench().close()
    // A link that goes down as late as that must not keep a stopping gateway alive.
    const late = await engine.handle({ on: 'down', agent: 'r' }).catch((error: unknown) => error)
    expect(late).to.be.instanceOf(Refusal).and.include({ code: 'stopping' })
    expect(lines.join('')).not.to.contain('commit-failed')
  })

  it('goes on when the wait of an event that has time ends with nothing left to do', async () => {
    const engine = start()
    await Promise.all([
      engine.handle({ on: 'sweep' }), // takes along what waits for company
      engine.handle({ on: 'accepted', key: 'k', by: 'r', receipt: '' }),
    ])
    await new Promise((resolve) => setTimeout(resolve, 30)) // its wait is 10
    expect(await engine.handle({ on: 'sweep' })).to.deep.equal({ say: 'done' })
    await engine.close()
  })
})
