/** Invitations: make, list, take back, accept. What an invitation is: gateway/neighbour/pairing.ts. */
import { fingerprintWords } from '../../src/identity/words.ts'
import { linkOfInvitation } from '../../src/link/invitation.ts'
import type { House, Operation } from '../house.ts'
import { OperationError } from './error.ts'
import { hostPort, type LinkView, viewOf } from './neighbour.ts'

type InvitationView = {
  id: string
  /** Whom it was made for, if that was said. */
  guest?: string
  made: number
  expires: number
  state: 'open' | 'used' | 'expired'
  /** Who has used it: name and words are what its owner should see at the other side. */
  by?: { agent: string; name: string; words: string; at: number }
}

export const linkInvite: Operation<
  { hours: number; addresses?: string[]; guest?: string },
  { id: string; code: string; link: string; expires: number; addresses: string[]; agent: string; words: string }
> = async (house, { hours, addresses, guest }) => {
  if ((addresses ?? house.addresses()).length === 0)
    throw new OperationError(
      'No address is known at which the neighbour could dial. Name one with --address HOST:PORT, or in link.announce; ' +
        'or let the neighbour invite you, if this gateway can not be reached from outside.',
    )
  for (const address of addresses ?? []) hostPort(address)
  const { id, code, expires, announced } = await house.pairing.invite(hours * 3_600_000, addresses, guest)
  const agent = house.keyring.agent.id
  const words = fingerprintWords(agent)
  return { id, code, link: linkOfInvitation(code), expires, addresses: announced, agent, words }
}

export const linkInvitations: Operation<object, InvitationView[]> = async (house) =>
  (await house.pairing.invitations()).map((one) => viewOfInvitation(house, one))

export const linkUninvite: Operation<{ invitation: string }, InvitationView> = async (house, { invitation }) =>
  viewOfInvitation(house, await house.pairing.uninvite(invitation))

export const linkAccept: Operation<{ code: string }, LinkView> = async (house, { code }) => {
  if (!house.serving)
    throw new OperationError(
      'To accept an invitation the gateway must run, for it dials the neighbour: `vouchsafe serve` first.',
    )
  return viewOf(house.web, await house.pairing.accept(code))
}

type Kept = Awaited<ReturnType<House['pairing']['invitations']>>[number]

const viewOfInvitation = ({ web }: House, { id, guest, made, expires, used }: Kept): InvitationView => {
  const base = { id, ...(guest && { guest }), made, expires }
  if (used === undefined) return { ...base, state: expires <= Date.now() ? 'expired' : 'open' }
  const name = web.links().find((link) => link.agent === used.by)?.name ?? ''
  return { ...base, state: 'used', by: { agent: used.by, name, words: fingerprintWords(used.by), at: used.at } }
}
