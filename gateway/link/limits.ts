/**
 * What a link may cost, and how long we wait. Sizes in bytes, times in ms. A neighbour
 * hears the ones he must keep (`announced`) when a link opens; breaking them is refused by name.
 */
export type LinkLimits = typeof linkLimits

export const linkLimits = {
  /** Largest payload taken. */
  payloadBytes: 2 * 2 ** 30,
  /** One small record. A card is ≤ 16 KiB, a PATH with its hops and card stays below twice that. */
  recordBytes: 64 * 1024,
  /** All records of one call. */
  batchBytes: 2 ** 20,
  /** Envelope, stamps and route before a payload: 16 stamps of ≤ 16 KiB would be the longest legal chain. */
  headBytes: 288 * 1024,
  /** An answer: a receipt, or an answer a record. */
  answerBytes: 256 * 1024,

  /** Payloads up to this stay in memory; as in the store, larger ones are files. */
  memoryBytes: 64 * 1024,
  /** Small hand-overs that share a call: at least one of any, and some forty of usual letters. */
  handsBytes: (288 + 64) * 1024,
  /** Above this, the receiver is asked what it already has. */
  resumeBytes: 256 * 1024,
  /** Unfinished payloads kept for one neighbour; the oldest goes first. */
  partsPerNeighbour: 16,
  /** An unfinished payload nobody took up again: past the longest wait for a custody (5 days). */
  partKeepMs: 7 * 86_400_000,

  /** HTTP/2 streams of one connection: the dialler's calls, `hands` + `records` + `largeHands` + 6 for offsets and hellos, and `lent`. */
  streams: 256,
  /** Of these, lent to the listener for as many calls of his. */
  lent: 128,
  /** Our own calls at once, below the neighbour's `streams`; apart, so that none waits for the others. */
  hands: 96,
  records: 24,
  largeHands: 2,
  /** Large payloads taken from one neighbour at once: twice what we send, as a new link may overlap an old one. */
  largeTaken: 4,
  /** Of one connection, in records and small hand-overs that are read or worked on: more than our own `records` and `hands` bring. */
  heldBytes: 64 * 2 ** 20,
  /** Flow control. The defaults of HTTP/2 (64 KiB) halve the rate and cost 47 ms at p99. */
  streamWindowBytes: 4 * 2 ** 20,
  sessionWindowBytes: 16 * 2 ** 20,
  /** One request's HTTP/2 header, ours has five short lines. */
  headerBytes: 4096,
  /** What HTTP/2 may hold for one session, above `sessionWindowBytes`. Node counts in MB. */
  sessionMemoryMb: 24,

  /** TCP connect, TLS handshake. */
  handshakeMs: 10_000,
  /** The hello's answer: the neighbour may first ping an older link (`pingTimeoutMs`). */
  helloMs: 20_000,
  /** Somebody who is not (yet) a neighbour: life of the connection, and calls on it. */
  strangerMs: 10_000,
  strangerCalls: 3,
  /** Connections that are not links (yet): in all, and from one IPv4 address or IPv6 network of 64 bits. */
  strangers: 256,
  strangersPerNetwork: 32,

  /** ARPL: a card (16 KiB) and a REKEY beside three proofs. */
  proofBytes: 48 * 1024,
  /** How long one secret lasts on a link that lives: of a home copied today, tomorrow's reader has nothing. */
  ratchetMs: 6 * 3_600_000,

  /** While calls of ours are under way; an idle link is pinged every fourth time, every 20 s. */
  pingEveryMs: 5_000,
  pingIdleEvery: 4,
  pingTimeoutMs: 10_000,
  /** A call or a payload on which nothing moves. The other side shows life every `lifeSignMs`. */
  idleMs: 60_000,
  lifeSignMs: 5_000,
  /** For an answer to anything but a large payload, whatever life is shown: the slowest hand-overs that share a call are read by then. */
  answerMs: 20 * 60_000,
  /** Slowest payload taken, after `idleMs`: 128 dribbling streams are not kept for ever. */
  leastBytesPerSecond: 512,
  /** Between an early answer and the end of its request. */
  graceMs: 1_000,

  backoffFirstMs: 250,
  backoffLastMs: 30_000,
  /** A link that lasted this long starts the backoff anew; of others, each doubles it. */
  stableMs: 60_000,
  /** In-flight calls at close(). */
  closeMs: 5_000,
}

/** The limits a neighbour is told, and keeps: it does not even offer what we would refuse. */
export type Announced = Pick<LinkLimits, 'payloadBytes' | 'recordBytes' | 'batchBytes'>

export const announced = ({ payloadBytes, recordBytes, batchBytes }: LinkLimits): Announced => ({
  payloadBytes,
  recordBytes,
  batchBytes,
})

/** Full jitter would let a lone agent redial at once; half keeps it apart from the others and from zero. */
export const backoffMs = (failures: number, limits: LinkLimits, random: number): number => {
  const whole = Math.min(limits.backoffLastMs, limits.backoffFirstMs * 2 ** Math.min(failures, 20))
  return whole / 2 + (whole / 2) * random
}
