/**
 * A message's way in words a person understands: who had it, since when, why it stopped, what to do.
 */
import { fingerprintWords } from '../identity/words.ts'
import type { RefusalCode } from '../refusal.ts'
import type { Known } from '../route/search.ts'
import type { State } from '../state.ts'
import { isFinalEvent, type TrailStep } from './report.ts'

/** A neighbour by the name on its link; anybody else by the first two of its fingerprint words. */
export const nameOf = (state: State, agent: string): string => {
  if (agent === state.me) return `this gateway (${state.domain})`
  const link = state.links.get(agent)
  return link ? link.name : `the gateway "${fingerprintWords(agent).split(' ').slice(0, 2).join(' ')}"`
}

export const tellTrail = (
  state: State,
  trail: readonly TrailStep[],
  acceptedAt: number,
): { text: string; at: number }[] => [
  { text: `${nameOf(state, state.me)} accepted it from your mail program`, at: acceptedAt },
  ...trail.map((step) => ({ text: `${nameOf(state, step.by)} ${did(state, step)}`, at: step.at })),
]

const did = (state: State, step: TrailStep): string => {
  switch (step.event) {
    case 'accepted':
      return 'took custody of it and signed for it'
    case 'forwarded':
      return `handed it on to ${step.next ? nameOf(state, step.next) : 'another gateway'}`
    case 'stalled':
      return `heard nothing from ${step.next ? nameOf(state, step.next) : 'the next gateway'}, and looks for another way`
    case 'delivered':
      return "put it into the recipient's mailbox"
    case 'refused':
      return `refused it (${step.code ?? 'no reason given'})`
    case 'expired':
      return 'gave it up: its time had run out'
  }
}

/** Who had it last, as far as the trail proves: whoever took it, not whoever gave up waiting for news of it. */
const holderIn = (state: State, trail: readonly TrailStep[]): string => {
  const taken = trail.findLast((step) => step.event === 'accepted' || step.event === 'forwarded')
  return nameOf(state, taken?.next ?? taken?.by ?? state.me)
}

/**
 * Why, in one sentence or two.
 * @param unsure agents it was handed to that neither signed for it nor refused it
 */
export const explain = (
  what: RefusalCode | 'delayed' | 'held-back' | 'delivered',
  state: State,
  trail: readonly TrailStep[],
  unsure: readonly string[] = [],
): string => {
  const holder = holderIn(state, trail)
  if (what === 'delivered') return "It is in the recipient's mailbox."
  if (what === 'delayed') return `It has not arrived yet. ${capital(holder)} has it and goes on trying.`
  if (what === 'held-back') return 'It has not arrived yet: the administrator of your gateway holds it back.'
  if (what === 'expired' || what === 'envelope-expired')
    return `It could not be delivered in time, as far as we know. ${capital(holder)} had it last.${doubt(state, unsure)}`
  if (what === 'given-up') return givenUp(state, trail, unsure)
  return reasons[what] ?? `It was refused with the code ${what}.`
}

const doubt = (state: State, unsure: readonly string[]): string =>
  unsure.length === 0
    ? ''
    : ` It was sent to ${unsure.map((agent) => nameOf(state, agent)).join(', ')}, too, and no answer came back: it may have arrived.`

/** Here, or at a gateway on the way whose report says so. */
const givenUp = (state: State, trail: readonly TrailStep[], unsure: readonly string[]): string => {
  const by = trail.findLast((step) => isFinalEvent(step.event) && step.code === 'given-up')?.by
  if (by === undefined) return `${reasons['given-up']}${beyondReach(state, trail, unsure)}`
  const handedOn = trail.some((step) => step.event === 'forwarded' && step.by === by)
  const rest = handedOn ? goesOn(state, trail) : doubt(state, unsure)
  return `An administrator of ${nameOf(state, by)} took it out of the queue.${rest}`
}

const beyondReach = (state: State, trail: readonly TrailStep[], unsure: readonly string[]): string =>
  trail.some((step) => step.event === 'accepted') ? goesOn(state, trail) : doubt(state, unsure)

/** Whoever has signed for it goes on: nothing is called back. */
const goesOn = (state: State, trail: readonly TrailStep[]): string =>
  ` ${capital(holderIn(state, trail))} had taken custody of it by then: it may still arrive.`

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** In a sentence, for the sender. */
export const reasons: Partial<Record<RefusalCode, string>> = {
  'address-unknown': 'Nobody in the web of trust knows this address.',
  'mailbox-missing': 'There is no such mailbox at that gateway.',
  'entity-unknown': "The recipient's gateway does not represent this person any more.",
  'message-too-large': "The message is larger than the recipient's gateway takes.",
  'payload-too-large': 'The message is larger than a gateway on the way takes.',
  'seal-broken': "The recipient's gateway could not open the sealed message: it was sealed for another key.",
  'sender-unverified': "The recipient's gateway could not verify who signed the message.",
  'card-invalid': "The recipient's card (their key and who represents them) is no longer valid.",
  'card-conflict': 'It was sealed for a key that is not held to be the right one for this address any more.',
  'store-refused': "The server that keeps the recipient's mail did not take it.",
  'mailbox-full': "The recipient's mailbox is full.",
  'given-up': 'An administrator of your gateway took it out of the queue.',
  'strangers-full': "Many people of this gateway have written to the recipient's lately whom nobody there knows.",
  'permit-ended': "The recipient's gateway does not know the sender as somebody the recipient trusts any more.",
  'no-route': 'No path of trusted gateways leads to the recipient at present.',
}

/** Two keys claim one address: both are shown, and how a person settles it. Until then it waits for the one we know. */
export const tellRivals = (
  state: State,
  { entity, address, agent }: Known,
  rival: { entity: string; agent: string },
  isOver: boolean,
): { reason: string; advice: string } => {
  const [words, others] = [fingerprintWords(entity), fingerprintWords(rival.entity)]
  const otherwise = `If they say "${others}", have your administrator run \`vouchsafe contact forget ${address}\``
  return {
    reason:
      `Two different keys claim this address. The one known here reads "${words}" and is at ${nameOf(state, agent)}, ` +
      `which can not be reached. The other reads "${others}" and is at ${nameOf(state, rival.agent)}.`,
    advice:
      `Ask ${address}, in person or by telephone, which six words are theirs. ` +
      (isOver
        ? `${otherwise}. Then send it again.`
        : `If they say "${words}", you need not do anything. ${otherwise}: you will hear that this message has failed, and can send it again.`),
  }
}

/** What to do, in one sentence. */
export const advise = (what: RefusalCode | 'delayed' | 'held-back' | 'delivered', address: string): string => {
  switch (what) {
    case 'delivered':
      return 'You need not do anything.'
    case 'delayed':
      return 'You need not do anything: you will hear when it is delivered or given up.'
    case 'mailbox-missing':
      return `Check the spelling of ${address}. If their account there was made anew, it has another key: have your administrator run \`vouchsafe contact forget ${address}\`, then send it again.`
    case 'address-unknown':
      return `Check the spelling of ${address}, or ask the person for their present address.`
    case 'message-too-large':
    case 'payload-too-large':
      return 'Send it in smaller parts, or share the attachment in another way.'
    case 'card-conflict':
      return 'Send it again: it will be sealed for the key that is found then.'
    case 'strangers-full':
      return `Ask ${address} to write to you first, or send it again in a month: it will be welcome then.`
    case 'given-up':
    case 'held-back':
      return 'Ask the administrator of your gateway why.'
    case 'seal-broken':
    case 'sender-unverified':
    case 'card-invalid':
      return `Ask ${address} for their present card, or compare fingerprints with them, then send it again.`
    default:
      return `Send it again later, or reach ${address} in another way; your administrator can see the whole trail.`
  }
}
