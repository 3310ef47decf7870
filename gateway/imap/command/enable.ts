/**
 * ENABLE. RFC 5161, RFC 9051 §6.3.1.
 * enable = "ENABLE" 1*(SP capability)
 *
 * The answer names what this very command switched on; what is unknown is passed over in silence.
 */
import { type Command, loggedIn } from '../command.ts'
import { extensions } from '../extension.ts'
import { ok } from '../reply.ts'

export const enable: Command<string[]> = {
  in: loggedIn,
  parse(words) {
    const names: string[] = []
    do {
      words.space()
      names.push(words.keyword())
    } while (!words.isAtEnd())
    return names
  },
  async run({ enabled, output }, names) {
    const fresh = new Set(names.flatMap((name) => extensions.get(name) ?? []).filter((one) => !enabled.has(one)))
    for (const one of fresh) enabled.add(one)
    output.line(['* ENABLED', ...fresh].join(' '))
    return ok('Enabled what is known')
  },
}
