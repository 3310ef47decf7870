/** `vouchsafe queue` and `vouchsafe trace`: what is under way, and where it has been. */
import type { Command } from 'commander'
import { QUEUE_SHOWN } from '../house.ts'
import { act, noun, perform, type ResultOf, verb } from './context.ts'
import { bytes, clock, facts, plural, span, table } from './layout.ts'

export const queueCommands = (root: Command): void => {
  trace(verb(root, 'trace', 'the signed trail of one message'))
  noun(root, 'queue', 'messages under way', [list, show, retry, hold, release, drop])
}

const id = ['<id>', 'envelope id, the id the mail program was told ("Accepted as …"), or Message-ID'] as const

const show = (queue: Command): void => trace(verb(queue, 'show', 'one message under way, with its trail'))

const trace = (command: Command): void =>
  act<{ signed?: true }>(
    command.argument(...id).option('--signed', 'show the signed records themselves'),
    async (context, [text = ''], { signed }) => {
      const trails = await perform(context, 'queue.show', { id: text })
      return { result: trails, text: trails.map((trail) => describe(trail, signed === true)).join('\n\n') }
    },
  )

const describe = (trail: ResultOf<'queue.show'>[number], isSigned: boolean): string => {
  const rows = trail.steps.map((step) => [clock(step.at), step.byName, step.text])
  return [
    facts({
      envelope: trail.envelope,
      'message-id': trail.messageId ?? undefined,
      to: trail.to,
      size: bytes(trail.sizeBytes),
      now: nowOf(trail),
      'given up': trail.outcome ? undefined : clock(trail.expires),
    }),
    '',
    table(['when', 'who', 'what'], rows),
    ...(isSigned
      ? ['', ...trail.steps.filter((step) => step.signed !== '').map((step) => `${step.event}: ${step.signed}`)]
      : []),
  ].join('\n')
}

const nowOf = (trail: ResultOf<'queue.show'>[number]): string => {
  const { outcome, anew } = trail
  if (outcome === null) return whyOf(trail)
  if (anew !== null) return `sent anew as ${anew}, ${clock(outcome.at)}`
  return `${outcome.event}${outcome.code ? ` (${outcome.code})` : ''} ${clock(outcome.at)}`
}

/** What it waits for, and when it is tried again whatever comes. */
export const whyOf = ({
  why,
  state,
  retryAt,
}: Pick<ResultOf<'queue.list'>[number], 'why' | 'state' | 'retryAt'>): string =>
  state === 'waiting' && retryAt !== null ? `${why}; tries again at ${clock(retryAt)}` : why

const list = (queue: Command): void =>
  act(verb(queue, 'list', 'all messages under way'), async (context) => {
    const all = await perform(context, 'queue.list', {})
    const underway = all.length < QUEUE_SHOWN ? all.length : (await perform(context, 'status', {})).underway
    return { result: all, text: listed(all, underway, Date.now()) }
  })

/**
 * What goes later, or came with a clock ahead of ours, has not waited yet.
 * @param underway how many there are: the list may have but the first of them
 */
export const listed = (all: ResultOf<'queue.list'>, underway: number, now: number): string => {
  if (all.length === 0) return 'Nothing is under way.'
  const rows = all.map((one) => [
    one.envelope,
    one.to.length > 40 ? `${one.to.slice(0, 39)}…` : one.to,
    bytes(one.sizeBytes),
    span(Math.max(0, now - one.created)),
    whyOf(one),
  ])
  const count = `${plural(underway, 'message')} under way`
  const isMore = underway > all.length
  return `${table(['envelope', 'to', 'size', 'for', 'state'], rows)}\n\n${count}${isMore ? `; shown are ${all.length}` : ''}`
}

const retry = (queue: Command): void =>
  act(verb(queue, 'retry', 'try a waiting message now').argument(...id), async (context, [text = '']) => {
    const done = await perform(context, 'queue.retry', { id: text })
    return {
      result: done,
      text: [
        ...(done.retried.length > 0 ? [`${plural(done.retried.length, 'envelope')} tried again.`] : []),
        ...leftAlone(done.left),
      ].join('\n'),
      next: [`vouchsafe trace ${text}`],
    }
  })

const hold = (queue: Command): void =>
  act(
    verb(queue, 'hold', 'hold a message back that has not left: it is not handed on until it is released').argument(
      ...id,
    ),
    async (context, [text = '']) => {
      const done = await perform(context, 'queue.hold', { id: text })
      const some = done.held.length > 0
      return {
        result: done,
        text: [...(some ? [`${plural(done.held.length, 'envelope')} held back.`] : []), ...leftAlone(done.left)].join(
          '\n',
        ),
        next: some
          ? [
              `vouchsafe queue release ${text}, or vouchsafe queue drop ${text}`,
              'its time goes on: its sender hears of the delay, and of the end',
            ]
          : [`vouchsafe trace ${text}`],
        failed: !some,
      }
    },
  )

const release = (queue: Command): void =>
  act(verb(queue, 'release', 'let a message go that was held back').argument(...id), async (context, [text = '']) => {
    const done = await perform(context, 'queue.release', { id: text })
    return {
      result: done,
      text: `${plural(done.released.length, 'envelope')} released.`,
      next: [`vouchsafe trace ${text}`],
    }
  })

const leftAlone = (left: { envelope: string; why: string }[]): string[] =>
  left.map(({ envelope, why }) => `${envelope} was left alone: ${why}.`)

const drop = (queue: Command): void =>
  act(verb(queue, 'drop', 'give a message up; its sender is told').argument(...id), async (context, [text = '']) => {
    const done = await perform(context, 'queue.drop', { id: text })
    return { result: done, text: `${plural(done.dropped.length, 'envelope')} given up. The sender gets a notice.` }
  })
