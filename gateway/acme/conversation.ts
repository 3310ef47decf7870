/** Signed requests to an authority, one after the other, each with the nonce of the answer before it: RFC 8555 §6. */
import type { KeyObject } from 'node:crypto'
import { version } from '../version.ts'
import { AuthorityError, kindOf, type Problem, wordsFor } from './problem.ts'
import { signed } from './signing.ts'

export type Answer = {
  text: string
  json<Body>(): Body
  /** Where the thing is that was made. */
  location: string
  /** So long the authority wants to be left alone. */
  pauseMs: number
}

export type Conversation = {
  /** @param payload absent asks for what is there @throws AuthorityError */
  ask(url: string, payload?: object): Promise<Answer>
  /** From now on the account speaks, by its URL. */
  as(account: string): void
}

/** How often a nonce may be too old: another one comes with each such answer. */
const NONCE_TRIES = 5
/** Between two looks: where the authority does not say how long, or no time at all; and at most, longer than any order is waited for. */
const PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 3_600_000
/** It is asked to say so in seconds, or names the moment (RFC 9110 §10.2.3). Longer than an order lasts, it is not waited for. */
export const retryAfterMs = (value: string | null, now: number): number | undefined => {
  if (value === null) return undefined
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}

export const converse = (newNonce: string, key: KeyObject, signal: AbortSignal): Conversation => {
  let account: string | undefined
  let nonce: string | null = null

  const post = async (url: string, payload: object | undefined): Promise<Response> => {
    nonce ??= await freshNonce()
    const body = JSON.stringify(signed({ key, account }, url, nonce ?? '', payload))
    const response = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/jose+json' },
      body,
      signal,
    })
    nonce = response.headers.get('replay-nonce')
    return response
  }

  const freshNonce = async (): Promise<string | null> => {
    const response = await request(newNonce, { method: 'HEAD', signal })
    if (!response.ok) throw refusalIn(response, '')
    return response.headers.get('replay-nonce')
  }

  return {
    async ask(url, payload) {
      for (let tries = 1; ; tries++) {
        const response = await post(url, payload)
        const text = await response.text()
        if (response.ok) return asAnswer(response, text)
        if (kindOf(asProblem(response, text)) === 'badNonce' && tries < NONCE_TRIES) continue
        throw refusalIn(response, text)
      }
    },
    as(url) {
      account = url
    },
  }
}

const asAnswer = ({ headers }: Response, text: string): Answer => ({
  text,
  json: <Body>() => JSON.parse(text) as Body,
  location: headers.get('location') ?? '',
  pauseMs: pauseOf(retryAfterMs(headers.get('retry-after'), Date.now())),
})

/** Node's timers run at once where there is no pause, and where it is of a month. */
export const pauseOf = (askedMs = 0): number => Math.min(LONGEST_PAUSE_MS, Math.max(PAUSE_MS, askedMs))

/** What an answer that is no success says, and when to ask again. */
export const refusalIn = (response: Response, text: string): AuthorityError => {
  const retryMs = retryAfterMs(response.headers.get('retry-after'), Date.now())
  return new AuthorityError(
    wordsFor(asProblem(response, text)),
    retryMs === undefined ? undefined : Date.now() + retryMs,
  )
}

/** A web server before the authority may answer for it, with a page or with nothing. */
const asProblem = ({ status }: Response, text: string): Problem => {
  try {
    return JSON.parse(text) as Problem
  } catch {
    return { detail: `HTTP ${status} ${text}`.trim() }
  }
}

/** @throws AuthorityError when nobody answers */
export const request = (url: string, options: RequestInit): Promise<Response> => {
  const headers = { ...options.headers, 'user-agent': `vouchsafe/${version}` } // wanted by §6.1
  return fetch(url, { ...options, headers, redirect: 'error' }).catch((error: unknown) => {
    throw new AuthorityError(`${new URL(url).host} can not be reached (${causeOf(error)}): it is asked again by itself`)
  })
}

const causeOf = (error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return String((cause as NodeJS.ErrnoException).code ?? cause)
}
