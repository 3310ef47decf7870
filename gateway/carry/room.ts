/**
 * Whether there is room for more mail to somebody who lives here (store/quota.ts). What there is none for waits with
 * whoever has it: a neighbour, who offers it again until it expires, or the sender's own mail client.
 */
import { isFull } from '../../store/quota.ts'
import type { Core } from '../core.ts'

export type HasRoom = (entity: string) => Promise<boolean>

/** @param usual bytes an account may keep that has no limit of its own */
export const roomIn =
  ({ store, engine }: Pick<Core, 'store' | 'engine'>, usual: number): HasRoom =>
  async (entity) => {
    const local = engine.state.locals.get(entity)
    return local === undefined || !(await isFull(store.db, local.account, usual))
  }
