/**
 * The payload of an envelope: one OpenPGP message, signed by the sender's entity, encrypted
 * to the recipient's, of the unaltered bytes of the mail. Binary, not armored.
 *
 *   PKESK (tag 1), SEIPD v1 (tag 18) { one-pass signature, literal data, signature, MDC }
 *
 * Whole in memory for the many small ones, as a stream for the few large ones.
 */
import type { EnvelopeId } from '../address.ts'
import { Refusal } from '../refusal.ts'
import type { Card } from './card.ts'
import type { Entity } from './entity.ts'
import { claimOf, letterNotation, unverified } from './letter.ts'
import * as openpgp from './library.ts'
import { profile } from './openpgp.ts'
import { checkHead, headChecked } from './payload-head.ts'
import { CLOCK_SKEW_MS } from './statement.ts'

type Sealing = {
  from: Entity
  to: Card
  id: EnvelopeId
  /** Text of the sender's own card, which the recipient verifies the letter by. */
  card: string
  /** Epoch ms; without it, the clock's. */
  now?: number
}

/** Seals a letter of up to some megabytes. @throws Refusal card-invalid if nothing can be encrypted to the card any more */
export const seal = async (letter: Sealing & { plaintext: Buffer }): Promise<Buffer> => {
  const message = await openpgp.createMessage({ binary: bytesOf(letter.plaintext), date: dateOf(letter) })
  const sealed = await openpgp.encrypt({ ...sealing(letter), message, format: 'binary' }).catch(asRefusal(letter))
  return Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
}

/** Seals a letter of any size in constant memory: as fast as the result is read. */
export const sealStream = async (
  letter: Sealing & { plaintext: AsyncIterable<Uint8Array> },
): Promise<AsyncIterable<Uint8Array>> => {
  const binary = ReadableStream.from(letter.plaintext)
  const message = await openpgp.createMessage({ binary, date: dateOf(letter) })
  return openpgp.encrypt({ ...sealing(letter), message, format: 'binary' }).catch(asRefusal(letter))
}

type Opening = {
  to: Entity
  net: string
  /** Epoch ms. */
  now: number
  /** The envelope it came in. */
  expect: { id: EnvelopeId }
}

type Opened = {
  /** The sender's card, verified. */
  from: Card
  id: EnvelopeId
  /** The recipient's address as the sender knew it. */
  address: string
  plaintext: Buffer
}

/** @throws Refusal seal-broken | sender-unverified */
export const open = async ({ payload, ...letter }: Opening & { payload: Buffer }): Promise<Opened> => {
  checkHead(payload)
  const { data, signatures } = await unseal(letter, bytesOf(payload), profile).catch(broken)
  const signature = await signatureIn(signatures)
  const { from, address } = await claimOf(signature, mustOf(letter))
  await verify(data, signature, from, letter.now)
  return { from, id: letter.expect.id, address, plaintext: Buffer.from(data.buffer, data.byteOffset, data.byteLength) }
}

/**
 * Opens a letter of any size in constant memory.
 *
 * Who signed is known only after the last byte, and whether anything was changed, too. So the
 * plaintext goes to `sink`, which must not show it to anybody until the promise resolves; then
 * it is read back by `replay` and the signature checked over what was truly kept.
 *
 * @param sink takes the plaintext, in order; awaited
 * @param replay called once, after the last of it
 * @returns `size` of the plaintext in bytes
 * @throws Refusal seal-broken | sender-unverified; and whatever payload, sink or replay throw
 */
export const openStream = async ({
  payload,
  sink,
  replay,
  ...letter
}: Opening & {
  payload: AsyncIterable<Uint8Array>
  sink: (chunk: Uint8Array) => Promise<void>
  replay: () => AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>
}): Promise<Omit<Opened, 'plaintext'> & { size: number }> => {
  // A disk that fails says nothing about the letter: the world's faults go out as they came.
  let fault: unknown
  const noting = (error: unknown): never => {
    fault ??= error
    throw error
  }
  const source = ReadableStream.from(watched(headChecked(payload), noting))
  let size = 0
  const signature = await unseal(letter, source, streaming)
    .then(async ({ data, signatures }) => {
      for await (const chunk of data) {
        size += chunk.length
        await sink(chunk).catch(noting)
      }
      return signatureIn(signatures)
    })
    .catch((error: unknown) => broken(fault ?? error, fault !== undefined))

  const { from, address } = await claimOf(signature, mustOf(letter))
  const kept = ReadableStream.from(watched(await replay(), noting))
  await verify(kept, signature, from, letter.now).catch((error: unknown) => {
    throw fault ?? error
  })
  return { from, id: letter.expect.id, address, size }
}

// Plaintext is given out before it is authenticated, to a sink that knows; how much it may hold is the sink's to say.
const streaming = { ...profile, allowUnauthenticatedStream: true, maxDecompressedMessageSize: Number.POSITIVE_INFINITY }

/** A recipient whose clock is ahead has a key from the future: the letter is dated no earlier than their card. */
const dateOf = ({ now, to }: Sealing): Date => new Date(Math.max(now ?? Date.now(), to.at))

const sealing = (letter: Sealing) => {
  const { from, to, id, card } = letter
  return {
    encryptionKeys: to.publicKey,
    signingKeys: from.key,
    signatureNotations: letterNotation({ id, from: from.id, to: to.entityId, address: to.address, card }),
    date: dateOf(letter),
    config: profile,
  }
}

/** Why it could not be sealed: the library looks for a key of the recipient's first, and says only that there is none. */
const asRefusal =
  (letter: Sealing) =>
  async (error: unknown): Promise<never> => {
    const { to } = letter
    await to.publicKey.getEncryptionKey(undefined, dateOf(letter), undefined, profile).catch((cause: unknown) => {
      throw new Refusal('card-invalid', `nothing can be sealed for ${to.address} by the key on its card: ${cause}`)
    })
    throw error
  }

/** A plain Uint8Array over the same memory: what the library slices must be a copy, and a Buffer's slices are not. */
const bytesOf = (buffer: Buffer): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)

/** Decrypts; whether what comes out can be believed is not asked yet. */
const unseal = async <T extends Uint8Array | ReadableStream<Uint8Array>>(
  { to, now }: Opening,
  payload: T,
  config: openpgp.PartialConfig,
) => {
  const message = await openpgp.readMessage({ binaryMessage: payload, config })
  return openpgp.decrypt({ message, decryptionKeys: to.key, format: 'binary', date: new Date(now), config })
}

const signatureIn = async ([
  first,
  ...more
]: openpgp.DecryptMessageResult['signatures']): Promise<openpgp.Signature> => {
  if (!first || more.length > 0) throw unverified('it does not bear one signature')
  return first.signature
}

const mustOf = ({ to, net, now, expect }: Opening) => ({ to: to.id, net, now, id: expect.id })

/** The inner signature is made over the bytes alone, so it verifies as a detached one. RFC 4880 §5.2.4. */
const verify = async (
  binary: Uint8Array | ReadableStream<Uint8Array>,
  signature: openpgp.Signature,
  by: Card,
  now: number,
): Promise<void> => {
  const date = new Date(now + CLOCK_SKEW_MS)
  const message = await openpgp.createMessage({ binary })
  try {
    const { data, signatures } = await openpgp.verify({
      ...{ message, signature, verificationKeys: by.publicKey, expectSigned: true, format: 'binary' },
      ...{ date, config: profile },
    })
    if (data instanceof ReadableStream) for await (const _ of data);
    for (const { verified } of signatures) await verified
  } catch {
    throw unverified('its signature does not hold')
  }
}

async function* watched<T>(source: AsyncIterable<T>, noting: (error: unknown) => never): AsyncGenerator<T> {
  try {
    yield* source
  } catch (error) {
    noting(error)
  }
}

const broken = (error: unknown, isFault = false): never => {
  if (isFault || error instanceof Refusal) throw error
  throw new Refusal('seal-broken', 'the letter does not open: it was sealed for another key, or changed on the way')
}
