import { expect } from 'chai'
import { watchHealth } from '../../gateway/health.ts'
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
})
