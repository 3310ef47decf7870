/**
 * ID. RFC 2971.
 * id = "ID" SP ("(" *(string SP nstring) ")" / "NIL")
 *
 * What a client says of itself goes to the log, where it explains much.
 */
import { version } from '../../version.ts'
import { anyState, type Command } from '../command.ts'
import { ok } from '../reply.ts'
import { fail, type Words } from '../wire/words.ts'
import { humanText, string } from '../wire/writer.ts'

/** RFC 2971 §3.3. */
const FIELDS_MAX = 30

export const id: Command<Map<string, string>> = {
  in: anyState,
  parse(words) {
    words.space()
    const fields = words.peek() === '(' ? words.list(() => field(words)) : nil(words)
    words.end()
    return fields.length <= FIELDS_MAX ? new Map(fields) : fail('that is more than 30 fields')
  },

  async run(session, client) {
    const [name, version_] = [client.get('name'), client.get('version')].map((text) =>
      humanText(text ?? '').slice(0, 60),
    )
    session.edge.log.info({ event: 'client', account: session.account?.address, name, version: version_ }, 'a client')
    session.output.line(`* ID ("name" "Vouchsafe" "version" ${string(version)})`)
    return ok('Pleased to meet you')
  },
}

const field = (words: Words): [string, string] => {
  const name = words.string().toLowerCase()
  words.space()
  return [name, words.tryWord('NIL') ? '' : words.string()]
}

const nil = (words: Words): [string, string][] => (words.keyword() === 'NIL' ? [] : fail('a list or NIL was expected'))
