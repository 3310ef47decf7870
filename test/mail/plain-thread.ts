/**
 * Conversations once more, made of objects step by step as RFC 5256 §3 tells it: what thread.ts is compared with.
 *
 * By references: every Message-ID that anybody names is a node, its parent the one named before it. A node that no
 * message here has is a *dummy*: it holds its children together and is not told. Threads left over are gathered by
 * the subject they share. Repeated ids, loops and messages naming themselves are all sent by somebody.
 */

/** Ascending by `number`, which is what the client is told. `sentAt` is epoch ms; `base` is folded for comparing. */
export type Threaded = {
  number: number
  sentAt: number
  id: string | null
  /** What it answers, the oldest first. */
  references: readonly string[]
  base: string
  isReply: boolean
}

/** `number` undefined: a message that is not here. */
export type Thread = { number?: number; children: Thread[] }

type Node = { message: Threaded | undefined; parent: Node | undefined; children: Set<Node> }

export const threadByReferences = (messages: readonly Threaded[]): Thread[] => {
  const roots = linked(messages)
    .filter((node) => !node.parent)
    .flatMap((root) => prunedRoot(root))
  const gathered = gatherBySubject(byDate(roots))
  return byDate(gathered).map(told)
}

/** Threads are those of one subject; the earliest is answered by all the others. */
export const threadBySubject = (messages: readonly Threaded[]): Thread[] => {
  const threads = new Map<string, Threaded[]>()
  for (const message of [...messages].sort(earlier)) {
    const thread = threads.get(message.base)
    if (thread) thread.push(message)
    else threads.set(message.base, [message]) // in the order of the first of each
  }
  return [...threads.values()].map(([first, ...rest]) => ({
    ...(first && { number: first.number }),
    children: rest.map(({ number }) => ({ number, children: [] })),
  }))
}

/** All nodes, linked as the messages say. A message whose id is missing or taken has a node of its own. */
const linked = (messages: readonly Threaded[]): Node[] => {
  const nodes: Node[] = []
  const byId = new Map<string, Node>()
  const fresh = (message?: Threaded): Node => {
    const node: Node = { message, parent: undefined, children: new Set() }
    nodes.push(node)
    return node
  }
  const named = (id: string): Node => {
    const node = byId.get(id) ?? fresh()
    byId.set(id, node)
    return node
  }
  const nodeOf = (message: Threaded): Node => {
    const node = message.id === null ? undefined : named(message.id)
    if (!node || node.message) return fresh(message)
    node.message = message
    return node
  }
  for (const message of messages) {
    const node = nodeOf(message)
    let parent: Node | undefined
    for (const id of message.references) {
      const next = named(id)
      if (parent && !next.parent) link(parent, next)
      parent = next
    }
    unlink(node) // what others said of it counts less than what it says itself, be it that it answers nothing
    if (parent) link(parent, node)
  }
  return nodes
}

/** No conversation is so deep, and every link is checked against all above it: what is deeper begins a thread. */
const DEPTH_MAX = 1000

/** Not where it would close a loop. */
const link = (parent: Node, child: Node): void => {
  let depth = 0
  for (let above: Node | undefined = parent; above; above = above.parent)
    if (above === child || ++depth > DEPTH_MAX) return
  child.parent = parent
  parent.children.add(child)
}

const unlink = (node: Node): void => {
  node.parent?.children.delete(node)
  node.parent = undefined
}

/** Without dummies, but for one that holds several threads together at the top. */
const prunedRoot = (root: Node): Node[] => {
  prune(root)
  if (root.message || root.children.size > 1) return [root]
  const only = [...root.children]
  for (const child of only) unlink(child)
  return only
}

/** The last first, so that a chain of any length needs no deep call. */
const prune = (root: Node): void => {
  for (const node of below(root).reverse()) {
    for (const child of [...node.children]) {
      if (child.message) continue
      unlink(child)
      for (const each of [...child.children]) {
        unlink(each)
        link(node, each)
      }
    }
  }
}

/** The node and all below it, parents before their children. */
const below = (root: Node): Node[] => {
  const all = [root]
  for (let i = 0; i < all.length; i++) for (const child of all[i]?.children ?? []) all.push(child)
  return all
}

/** Threads of one subject under the one that began it. RFC 5256 §3 (REFERENCES, 5). */
const gatherBySubject = (roots: readonly Node[]): Node[] => {
  const bySubject = new Map<string, Node>()
  for (const root of roots) {
    const { base, isReply } = saying(root)
    const first = bySubject.get(base)
    const isBetter = first?.message && (!root.message || (saying(first).isReply && !isReply))
    if (base !== '' && (!first || isBetter)) bySubject.set(base, root)
  }
  const merged = new Set(roots)
  for (const root of roots) {
    const { base } = saying(root)
    const first = bySubject.get(base)
    if (!first || first === root) continue
    merged.delete(root)
    if (!first.message && !root.message) adopt(first, root.children)
    else if (!first.message || (root.message?.isReply && !first.message.isReply)) adopt(first, [root])
    else {
      const both: Node = { message: undefined, parent: undefined, children: new Set() }
      adopt(both, [first, root])
      merged.delete(first)
      merged.add(both)
      bySubject.set(base, both)
    }
  }
  return [...merged]
}

const adopt = (parent: Node, children: Iterable<Node>): void => {
  for (const child of [...children]) {
    unlink(child)
    link(parent, child)
  }
}

const NOTHING: Threaded = { number: 0, sentAt: 0, id: null, references: [], base: '', isReply: false }

/** The message that speaks for a node: its own, or the first of those a dummy holds. */
const saying = ({ message, children }: Node): Threaded => {
  if (message) return message
  let first: Threaded | undefined
  for (const child of children) {
    const one = child.message
    if (one && (!first || earlier(one, first) < 0)) first = one
  }
  return first ?? NOTHING
}

/** By date, what came first first where dates are equal. */
const earlier = (a: Threaded, b: Threaded): number => a.sentAt - b.sentAt || a.number - b.number

const byDate = (nodes: readonly Node[]): Node[] => {
  const keyed = nodes.map((node) => ({ node, said: saying(node) }))
  return keyed.sort((a, b) => earlier(a.said, b.said)).map(({ node }) => node)
}

/** The last first again: children are ready before their parents. */
const told = (root: Node): Thread => {
  const done = new Map<Node, Thread>()
  for (const node of below(root).reverse()) {
    const children = byDate([...node.children]).flatMap((child) => done.get(child) ?? [])
    done.set(node, { ...(node.message && { number: node.message.number }), children })
  }
  return done.get(root) ?? { children: [] }
}
