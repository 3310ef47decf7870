/** Neighbours without an invitation: knock and approve, and open exchange. What each means: src/link/knocked.ts. */
import { canonical, isId } from '../../src/address.ts'
import { readWords } from '../../src/identity/words.ts'
import { Refusal } from '../../src/refusal.ts'
import type { House, Operation } from '../house.ts'
import { LinkFault } from '../link/handlers.ts'
import type { Outcome } from '../neighbour/knocking.ts'
import { OperationError } from './error.ts'
import { findStranger, hostPort, type LinkView, type StrangerView, viewOf, viewOfStranger } from './neighbour.ts'
import { soleEntity } from './who.ts'

/** Asks the gateway at an address. `note`: what its owner should know of us. */
export const linkKnock: Operation<{ address: string; note?: string }, LinkView | StrangerView> = async (
  house,
  { address, note },
) => {
  if (!house.serving) throw new OperationError('To knock the gateway must run, for it dials: `vouchsafe serve` first.')
  return shown(house, await house.knocking.knock(hostPort(address), note).catch(inWords(address)))
}

const inWords = (address: string) => (error: unknown) => {
  if (!(error instanceof LinkFault)) throw error
  const why = error.why ?? error.message
  throw new OperationError(`Nobody answers at ${address} (${why}). Is it spelled right, and does a gateway run there?`)
}

/** The guest is a neighbour from now on: its name stands for whoever has the words that were shown. */
export const linkApprove: Operation<{ neighbour: string }, LinkView | StrangerView> = async (house, { neighbour }) => {
  const { who, at, way, addresses } = findStranger(house, neighbour)
  if (at !== 'pending' && at !== 'refused')
    throw new Refusal('link-unknown', 'You asked them, and they have not agreed yet: only their owner can.')
  return shown(house, await house.knocking.want(who, way, addresses))
}

/** Turns a guest away, or takes a wish of our own back. */
export const linkRefuse: Operation<{ neighbour: string }, StrangerView> = async (house, { neighbour }) => {
  const knock = findStranger(house, neighbour)
  await house.knocking.decline(knock.who)
  return viewOfStranger(knock)
}

/** Both owners have compared fingerprints and do this, in either order; one address between them is enough. */
export const linkAdd: Operation<{ fingerprint: string; address?: string }, LinkView | StrangerView> = async (
  house,
  { fingerprint, address },
) => {
  const id = fingerprint.trim().toLowerCase()
  const who = isId(id) ? id : readWords(fingerprint)
  if (who === undefined)
    throw new OperationError(
      'That is no fingerprint: give the six words as the other owner reads them out, or the agent id.',
    )
  return shown(house, await house.knocking.want(who, 'open', address === undefined ? [] : [hostPort(address)]))
}

/** A direct link with the gateway of somebody who is reached through others: by a letter, without any person there. */
export const linkPair: Operation<{ as?: string; with: string }, LinkView | StrangerView> = async (house, args) => {
  if (!house.serving) throw new OperationError('To write to them the gateway must run: `vouchsafe serve` first.')
  const as = await soleEntity(house, args.as)
  const known = await house.web.find(isId(args.with) ? args.with : canonical(args.with))
  if (known === undefined)
    throw new Refusal('address-unknown', `None of the neighbours could find ${args.with}. Check the spelling.`)
  if (known.agent === house.keyring.agent.id)
    throw new Refusal('address-unknown', `${known.address} lives at this very gateway.`)
  return shown(house, await house.knocking.pair(known.agent, { as, to: known.address }))
}

const shown = ({ web }: House, outcome: Outcome): LinkView | StrangerView =>
  'link' in outcome ? viewOf(web, outcome.link) : viewOfStranger(outcome.knock)
