import hooks from 'node:perf_hooks'
import { expect } from 'chai'
import { watchHealth } from '../../gateway/health.ts'
import { createMetrics } from '../../gateway/metrics.ts'
import { eachWithHouse } from './house.ts'

describe('health', () => {
  const { house } = eachWithHouse()
  const wallClock = Date.now
  afterEach(() => {
    Date.now = wallClock
  })

  it('is asked anew after a while, also when the clock was set back', async () => {
    let now = 0
    const { store } = house()
    const health = watchHealth(store, () => now)
    expect(await health()).to.include({ status: 'ok', upSeconds: 0 })

    await store.db.close()
    Date.now = () => wallClock() - 86_400_000
    now = 4_000
    expect(await health()).to.include({ status: 'ok', upSeconds: 4 })
    now = 6_000
    expect(await health()).to.include({ status: 'failing', upSeconds: 6 })
  })

  it('the process is measured once, though all was opened anew', async () => {
    const { monitorEventLoopDelay } = hooks
    let measuring = 0
    hooks.monitorEventLoopDelay = (options) => {
      measuring++
      return monitorEventLoopDelay(options)
    }
    try {
      for (const { registry } of [createMetrics(), createMetrics()])
        expect(await registry.metrics()).to.match(/^nodejs_eventloop_lag_seconds \d/m)
      expect(measuring).to.equal(0)
    } finally {
      hooks.monitorEventLoopDelay = monitorEventLoopDelay
    }
  })
})
