/**
 * Signatures without cryptography: a record is genuine if it was made here, by whom it says.
 * A text that somebody only wrote down, in whoever's name, does not verify.
 */
import { Refusal } from '../../src/refusal.ts'

export type Notary = {
  sign(by: string, type: string, body: object): string
  /** @throws Refusal `signature-wrong` for an invented record, `record-type` for another kind */
  verify(text: string, type: string): { by: string; body: unknown }
}

export const openNotary = (): Notary => {
  const made = new Map<string, { by: string; type: string; body: unknown }>()
  return {
    sign(by, type, body) {
      const text = JSON.stringify({ by, type, ...body })
      if (!made.has(text)) made.set(text, { by, type, body: { v: 1, ...body } })
      return text
    },
    verify(text, type) {
      const record = made.get(text)
      if (record === undefined) throw new Refusal('signature-wrong', 'nobody signed this')
      if (record.type !== type) throw new Refusal('record-type', `expected ${type}`)
      return record
    },
  }
}
