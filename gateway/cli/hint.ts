/**
 * Commands in an answer, so that they work when pasted where the reader stands:
 *
 *   `vouchsafe link list`  becomes  `scripts/vouchsafe --home a link list`
 *
 * if that is how it was called; the launcher tells its name. What another owner shall run is written
 * `there: vouchsafe …` and stays; a line that names a --home itself gets no second one.
 */

/** How this process was called. */
export type Called = { program: string; home: string | undefined }

export const calledAs = (argv: readonly string[], env: NodeJS.ProcessEnv): Called => {
  const at = argv.findIndex((word) => word === '--home' || word.startsWith('--home='))
  const home = argv[at]?.startsWith('--home=') ? argv[at].slice('--home='.length) : argv[at + 1]
  return { program: env.VOUCHSAFE_CALLED || 'vouchsafe', home: at < 0 ? undefined : home }
}

/** With the first word of a command behind it: the name alone is the product's. */
const ours =
  /(?<!there: `?)\bvouchsafe(?= (?:init|serve|user|link|complaint|contact|trace|queue|status|doctor|key|backup|restore|verify)\b)/g

export const pasteable = (text: string, { program, home }: Called): string =>
  text
    .split('\n')
    .map((line) => {
      const folder = home === undefined || / --home \S/.test(line) ? '' : ` --home ${quoted(home)}`
      return line.replace(ours, () => `${quoted(program)}${folder}`)
    })
    .join('\n')

/** As a shell reads it back: names of files as they are, anything else in quotes. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
