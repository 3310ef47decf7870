/**
 * What it says about a message that it lies where it lies, marked as it is marked, having come from where it came.
 */
export type Folder = { folder: string; specialUse: string | null }
export type Lying = Folder & { keywords: string; isSeen: boolean; isAnswered: boolean; isDeleted: boolean }

/**
 *   junk    in the Junk folder, or bearing $Junk (RFC 6154, and IANA's registry of keywords; `Junk` in Thunderbird)
 *   out     taken from there by hand, or marked $NotJunk (`NonJunk` in Thunderbird)
 *   wanted  read, answered, or moved from Requests to INBOX
 *   kept    none of these: says something only of a message that was junk before
 *   nothing thrown away: that says neither that it is junk nor that it is not
 */
export type Sign = 'junk' | 'out' | 'wanted' | 'kept' | 'nothing'

/**
 * What was done last counts: moved to Junk it is junk, though some mail programs mark $NotJunk whatever they show.
 *
 * @param from the folder it was moved or copied from just now
 * @param wasMarked it bore $NotJunk before it was thrown on Junk
 */
export const signOf = (lying: Lying, from?: Folder, wasMarked = false): Sign => {
  const words = wordsOf(lying)
  if (from !== undefined && isJunk(lying)) return 'junk'
  if (isMarkedNot(lying) && !(wasMarked && isJunk(lying))) return 'out'
  if (words.some((word) => JUNK.has(word)) || isJunk(lying)) return 'junk'
  if (lying.isDeleted || lying.specialUse === '\\Trash') return 'nothing'
  if (from !== undefined && isJunk(from)) return 'out'
  const isAccepted = from?.folder === 'Requests' && lying.folder === 'INBOX'
  return isAccepted || lying.isSeen || lying.isAnswered ? 'wanted' : 'kept'
}

/** Whether it bears $NotJunk. */
export const isMarkedNot = (lying: Pick<Lying, 'keywords'>): boolean =>
  wordsOf(lying).some((word) => NOT_JUNK.has(word))

const JUNK: ReadonlySet<string> = new Set(['$junk', 'junk'])
const NOT_JUNK: ReadonlySet<string> = new Set(['$notjunk', 'nonjunk'])

const wordsOf = ({ keywords }: Pick<Lying, 'keywords'>): string[] => keywords.toLowerCase().split(' ')
const isJunk = ({ specialUse }: Folder): boolean => specialUse === '\\Junk'
