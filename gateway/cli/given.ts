/** What is given behind an option, looked at before anything is done: a bad value is wrong use, exit code 2. */
import { InvalidArgumentError } from 'commander'
import { domain, duration, isEverywhere, readHostPort } from '../config/value.ts'

const given =
  (isGood: (value: string) => boolean, right: string) =>
  (value: string): string => {
    if (isGood(value)) return value
    throw new InvalidArgumentError(right)
  }

export const oneOf = (words: readonly string[]) =>
  given((value) => words.includes(value), `Give one of: ${words.join(', ')}.`)

export const domainOf = given((value) => domain.safeParse(value).success, 'Give one like example.org.')

export const spanOf = given(
  (value) => (duration.safeParse(value).data ?? 0) > 0,
  'Give a number with s, min, h or d, for example "400 d".',
)

const hostPortOf = given(
  (value) => !isEverywhere(readHostPort(value)?.host ?? '::'),
  'That is not an address and port to dial. Write for example mail.example.org:2740.',
)

/** Of an option that takes several, each comes by itself. */
export const hostPortsOf = (value: string, before: string[] = []): string[] => [...before, hostPortOf(value)]
