/**
 * What a person here thinks of somebody elsewhere. `implicit`: wrote to them, or added them;
 * `explicit`: compared fingerprint words, in person or by telephone. Both let their mail into
 * INBOX; mail of anybody else goes to Requests. `none`: not trusted, whatever one writes to them.
 */
import { canonical } from '../../src/address.ts'
import { fingerprintWords, readWords } from '../../src/identity/words.ts'
import { Refusal } from '../../src/refusal.ts'
import type { Contact } from '../../src/state.ts'
import { categoryName } from '../../src/trust/contact.ts'
import type { House, Operation } from '../house.ts'
import { soleEntity } from './who.ts'

type ContactView = {
  address: string
  entity: string
  words: string
  trust: Contact['trust']
  since: number
  categories: string[]
  /** Another key that claims the address, since a person last said something about it. */
  rival?: { entity: string; words: string; since: number }
}

/** `as`: the account whose contact it is; may be left out where there is only one. */
export const contactAdd: Operation<{ as?: string; address: string }, ContactView> = async (house, { as, address }) => {
  const me = await soleEntity(house, as)
  return save(house, me, await found(house, address), 'implicit')
}

/** Those trusted, or all of a category, trusted or not. */
export const contactList: Operation<{ as?: string; category?: string }, ContactView[]> = async (
  house,
  { as, category },
) => {
  const contacts = await house.web.contacts(await soleEntity(house, as))
  const all = contacts.map((one) => viewOf(withRival(house, one)))
  if (category === undefined) return all.filter((one) => one.trust !== 'none')
  const name = categoryName(category)
  return all.filter((one) => one.categories.includes(name))
}

/** Any number of them for each contact; what is in both is taken out. */
export const contactCategory: Operation<
  { as?: string; address: string; add: string[]; remove: string[] },
  ContactView
> = async (house, { as, address, add, remove }) => {
  const entity = await soleEntity(house, as)
  const spelled = canonical(address)
  const contact = (await house.web.contacts(entity)).find((one) => one.address === spelled)
  if (contact === undefined)
    throw new Refusal('entity-unknown', `${spelled} is no contact yet: \`vouchsafe contact add ${spelled}\` first.`)
  const sorting = { entity, other: contact.other, add: add.map(categoryName), remove: remove.map(categoryName) }
  return viewOf(await house.web.sortContact(sorting))
}

/** Who the web says an address is, to be compared before it is trusted; changes nothing. */
export const contactLook: Operation<{ address: string }, { address: string; entity: string; words: string }> = async (
  house,
  { address },
) => {
  const { entity, address: spelled } = await found(house, address)
  return { address: spelled, entity, words: fingerprintWords(entity) }
}

/** `words`: as the other person read them out; they must be those of the key we know. */
export const contactTrust: Operation<{ as?: string; address: string; words: string }, ContactView> = async (
  house,
  { as, address, words },
) => {
  const me = await soleEntity(house, as)
  const known = await found(house, address)
  const expected = fingerprintWords(known.entity)
  const given = readWords(words)
  const was = (await house.web.contacts(me)).find((one) => one.other === known.entity)
  const rival = was?.rival ?? house.web.rival(known.entity)
  if (rival && given === fingerprintWords(rival.entity))
    throw new Refusal(
      'card-conflict',
      `These are the words of the other key that claims ${known.address}. If they are right, run ` +
        `\`vouchsafe contact forget ${known.address}\`, write to ${known.address}, and trust it then.`,
    )
  if (given !== expected)
    throw new Refusal(
      'card-conflict',
      `The words differ. The key known here for ${known.address} reads "${expected}". ` +
        'Do not trust it before you both see the same words.',
    )
  return save(house, me, known, 'explicit')
}

/** Their mail goes to Requests from now on, also after an answer to it: what a person said stands. */
export const contactUntrust: Operation<{ as?: string; address: string }, ContactView> = async (
  house,
  { as, address },
) => {
  const me = await soleEntity(house, as)
  const spelled = canonical(address)
  const was = (await house.web.contacts(me)).find((one) => one.address === spelled)
  const known = was ? { entity: was.other, address: was.address } : await found(house, spelled)
  return save(house, me, known, 'none')
}

/** Whoever the address was known as is known no more: what two keys claim, a person decides so. */
export const contactForget: Operation<{ address: string }, { address: string }> = async ({ web }, { address }) => {
  const spelled = canonical(address)
  await web.forget(spelled)
  return { address: spelled }
}

const found = async ({ web, serving }: House, text: string) => {
  const address = canonical(text)
  const known = await web.find(address)
  if (known) return known
  throw new Refusal(
    'address-unknown',
    serving
      ? `None of the neighbours could find ${address}. Check the spelling, and \`vouchsafe link list\`.`
      : `${address} isn't known here yet, and the gateway doesn't run to search for it: \`vouchsafe serve\` first.`,
  )
}

const save = async (
  { web }: House,
  me: string,
  known: { entity: string; address: string },
  trust: Contact['trust'],
): Promise<ContactView> => {
  const contact: Contact = { entity: me, other: known.entity, trust, address: known.address, at: Date.now() }
  return viewOf(await web.saveContact(contact))
}

/** Of a key that wrote from the address, and one that a search found for it, whichever there is. */
const withRival = ({ web }: House, contact: Contact): Contact => {
  const rival = contact.rival ?? web.rival(contact.other)
  return rival === undefined ? contact : { ...contact, rival }
}

const viewOf = ({ address, other, trust, at, categories = [], rival }: Contact): ContactView => ({
  address,
  entity: other,
  words: fingerprintWords(other),
  trust,
  since: at,
  categories,
  ...(rival && rival.at > at && { rival: { ...rivalView(rival.entity), since: rival.at } }),
})

const rivalView = (entity: string) => ({ entity, words: fingerprintWords(entity) })
