/**
 * Small hand-overs out. Those asked for in one turn of the loop share a call: a stream of HTTP/2 costs more than what
 * one letter says on it, and under load each commit sets many free at once. One that is alone leaves alone.
 */
import { encodeHead, handsAnswers, MAX_HANDS } from './frame.ts'
import { type Body, type HandAnswer, LinkFault, type Offer } from './handlers.ts'
import { gather } from './reading.ts'

type Hands = {
  hand(offer: Offer, body: Body): Promise<HandAnswer>
  /** Not yet answered. */
  busy(): number
}

type Waiting = { bytes: Buffer; resolve(answer: HandAnswer): void; reject(error: unknown): void }

/** @param call brings them to the neighbour, one behind the other; resolves to the answer as it came */
export const shareCalls = (call: (hands: Buffer) => Promise<unknown>, mostBytes: number): Hands => {
  let waiting: Waiting[] = []
  let busy = 0

  const leave = () => {
    const groups = grouped(waiting, mostBytes)
    waiting = []
    for (const group of groups) void bring(group)
  }
  const bring = async (group: Waiting[]) => {
    try {
      const answers = handsAnswers(await call(Buffer.concat(group.map(({ bytes }) => bytes))), group.length)
      for (const [i, answer] of answers.entries())
        if (answer instanceof LinkFault) group[i]?.reject(answer)
        else group[i]?.resolve(answer)
    } catch (error) {
      for (const { reject } of group) reject(error)
    }
  }
  return {
    busy: () => busy,
    async hand(offer, body) {
      busy += 1
      try {
        const { sha256, size } = body
        const payload = await whole(body)
        const bytes = Buffer.concat([encodeHead({ ...offer, sha256, size, from: 0 }), payload])
        return await new Promise((resolve, reject) => {
          if (waiting.length === 0) setImmediate(leave)
          waiting.push({ bytes, resolve, reject })
        })
      } finally {
        busy -= 1
      }
    },
  }
}

const whole = async ({ open, sha256, size }: Body): Promise<Buffer> => {
  const source = await open(0)
  const payload = Buffer.isBuffer(source) ? source : await gather(source)
  if (payload.length !== size) throw new Error(`our own payload ${sha256} has another size than ${size}`)
  return payload
}

/** In order, as many together as one call may hold. */
const grouped = (all: readonly Waiting[], mostBytes: number): Waiting[][] => {
  const groups: Waiting[][] = []
  let size = 0
  for (const one of all) {
    const last = groups.at(-1)
    size += one.bytes.length
    if (last && last.length < MAX_HANDS && size <= mostBytes) {
      last.push(one)
    } else {
      groups.push([one])
      size = one.bytes.length
    }
  }
  return groups
}
