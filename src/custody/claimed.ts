/**
 * A letter from an address that its recipient knows by another key. Whoever wrote it is a stranger until a
 * person has decided: it waits in Requests, mail to the address is still sealed for the known key, and the
 * recipient is told both keys in words. Once for each other key, and not more than once a week: anybody can
 * make keys that claim an address.
 */
import { nothing, type Step } from '../effect.ts'
import { fingerprintWords } from '../identity/words.ts'
import { letterHome } from '../report/letter.ts'
import { contactKey, type Local, type State } from '../state.ts'

const AGAIN_MS = 7 * 86_400_000

/** Who else is known by the sender's address, if anybody. */
export const holderBeside = (state: State, sender: { from: string; address: string }): string | undefined => {
  const holder = state.knownAt.get(sender.address)
  return holder === sender.from ? undefined : holder
}

export const tellClaim = (state: State, to: Local, sender: { from: string; address: string }, now: number): Step => {
  const holder = holderBeside(state, sender)
  const contact = holder === undefined ? undefined : state.contacts.get(contactKey(to.entity, holder))
  if (holder === undefined || contact === undefined || contact.trust === 'none') return nothing
  const { rival } = contact
  if (rival !== undefined && (rival.entity === sender.from || now < rival.at + AGAIN_MS)) return nothing
  const { address, from } = sender
  const [words, others] = [fingerprintWords(holder), fingerprintWords(from)]
  const paragraphs = [
    `A letter from ${address} has come that was signed with another key than the one you know this address by. It waits in Requests. Somebody may have had to make a new key; or somebody pretends to be ${address}.`,
    `The key you know reads "${words}". The other reads "${others}".`,
    `What you can do: ask ${address}, in person or by telephone, which six words are theirs. If they say "${words}", leave the letter alone, or move it to Junk. If they say "${others}", have your administrator run "vouchsafe contact forget ${address}", and move the letter to INBOX.`,
    'Until then nothing changes: your letters to this address are sealed for the key you know.',
  ]
  const letter = { to, gateway: state.domain, now, subject: `Another key claims to be ${address}`, paragraphs }
  return {
    changes: [
      { put: 'contact', row: { ...contact, rival: { entity: from, at: now } } },
      letterHome({ ...letter, id: `claim.${from}.${now}` }),
    ],
    effects: [
      { do: 'log', event: 'key-changed', level: 'warn', detail: `${address}: known as ${holder}, now ${from}` },
    ],
  }
}
