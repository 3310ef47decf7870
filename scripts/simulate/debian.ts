/**
 * A real web of trust: who of Debian's people has certified whose key, from the package
 * `debian-keyring`. A link of ours is mutual trust, so two keys are linked when each certifies the
 * other; the web is the largest part that hangs together. Keys are read, never kept or written.
 */
import { existsSync, readFileSync } from 'node:fs'
import { type Graph, graphOf, largestPart } from './graph.ts'
import { isCertification, keyId, PRIMARY_KEY, packets, SIGNATURE, signatureOf } from './packet.ts'

export const DEBIAN_PACKAGE = 'debian-keyring'
/** Developers, maintainers, developers who do not upload. The keys of roles are nobody's. */
const KEYRINGS = ['debian-keyring', 'debian-maintainers', 'debian-nonupload'].map(
  (name) => `/usr/share/keyrings/${name}.gpg`,
)

/** `certifications`: pairs (who, whose) of the keys here, however many user ids were signed. */
type DebianWeb = { keys: number; certifications: number; graph: Graph }

/** @returns undefined when the package is not installed */
export const debianWeb = (): DebianWeb | undefined => {
  if (!KEYRINGS.every((file) => existsSync(file))) return undefined
  const signers = new Map<string, Set<string>>()
  for (const file of KEYRINGS) readKeyring(readFileSync(file), signers)
  const numbers = new Map([...signers.keys()].map((id, i) => [id, i]))
  const certified = [...signers].map(
    ([id, by]) => new Set([...by].flatMap((other) => (other === id ? [] : (numbers.get(other) ?? [])))),
  )
  const mutual = certified.flatMap((by, a) => [...by].filter((b) => certified[b]?.has(a)).map((b) => [a, b] as const))
  const all = graphOf(signers.size, mutual)
  const certifications = certified.reduce((sum, by) => sum + by.size, 0)
  return { keys: signers.size, certifications, graph: largestPart(all) }
}

/** Adds, for each primary key, the ids of those who certified one of its user ids. */
const readKeyring = (bytes: Buffer, signers: Map<string, Set<string>>): void => {
  let mine: Set<string> | undefined
  for (const { tag, body } of packets(bytes)) {
    if (tag === PRIMARY_KEY) {
      const id = keyId(body)
      mine = id === undefined ? undefined : (signers.get(id) ?? new Set())
      if (id !== undefined && mine !== undefined) signers.set(id, mine)
    }
    if (tag !== SIGNATURE) continue
    const { type, issuer } = signatureOf(body)
    if (issuer !== undefined && isCertification(type)) mine?.add(issuer)
  }
}
