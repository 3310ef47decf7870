/**
 * A home is worked on by its owner alone: what another user makes in it, root too, its owner can't read later.
 * A running gateway may be asked by whoever gets at its socket.
 */
import { readFile, stat } from 'node:fs/promises'

/**
 * @param me undefined where the system has no such users
 * @throws Error that names the owner, where it is another; a home that can't be looked at has none
 */
export const refuseOthers = async (home: string, me = process.geteuid?.()): Promise<void> => {
  const owner = me === undefined ? undefined : (await stat(home).catch(() => undefined))?.uid
  if (owner === undefined || owner === me) return
  const name = await nameOf(owner)
  throw new Error(
    `This home belongs to ${name ?? `user ${owner}`}: run it as that user, for example by sudo -u ${name ?? `'#${owner}'`} vouchsafe …`,
  )
}

/** By passwd(5), where it is: node names the user of the process alone. */
const nameOf = async (uid: number): Promise<string | undefined> => {
  const users = await readFile('/etc/passwd', 'utf8').catch(() => '')
  return users
    .split('\n')
    .map((line) => line.split(':'))
    .find(([, , id]) => id === String(uid))?.[0]
}
