/**
 * The dyndns2 protocol, by which home routers keep a name current: one GET, and one word for an answer.
 *
 *   GET <url>?hostname=<name>&myip=<v4>,<v6>     HTTP Basic, a User-Agent that names who made it
 *   good ip | nochg ip                           done
 *   dnserr | 911                                 their fault: again, ever more seldom (name.ts)
 *   badauth, !donator, notfqdn, nohost, …        ours: asking again unchanged counts as abuse
 *
 * As documented by its maker ("Remote Access API", return codes) and spoken by many others since.
 */
import type { Own } from './seen.ts'

export type Account = { url: string; user: string; password: string }

export const requestFor = (
  { url, user, password }: Account,
  name: string,
  { v4, v6 }: Own,
  version: string,
): { url: string; headers: Record<string, string> } => {
  const target = new URL(url)
  target.searchParams.set('hostname', name)
  target.searchParams.set('myip', [v4, v6].filter((one) => one !== undefined).join(','))
  return {
    url: target.href,
    headers: {
      authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
      'user-agent': `Vouchsafe/${version} (mail gateway)`,
    },
  }
}

/** `stop`: not again before the configuration has changed. */
export type Verdict = { do: 'done' } | { do: 'later' | 'stop'; why: string }

export const verdictOf = (status: number, body: string): Verdict => {
  const [word = ''] = body.trim().split(/\s/, 1)
  if (word === 'good' || word === 'nochg') return { do: 'done' }
  const why = reasons[word]
  if (why !== undefined) return { do: 'stop', why }
  if (status === 401 || status === 403) return { do: 'stop', why: reasons.badauth ?? '' }
  return { do: 'later', why: `the provider answers ${status} ${JSON.stringify(word.slice(0, 20))}` }
}

const reasons: Record<string, string> = {
  badauth: 'the provider knows no such user, or another password: see user and password_file in [dns.dyndns2]',
  '!donator': 'the provider wants to be paid for this',
  notfqdn: 'the provider takes this name for none: dns.name must be whole, as home.example.org',
  nohost: 'the provider says that this name is not yours: see dns.name',
  numhost: 'the provider says that this is too many names',
  abuse: 'the provider has blocked this name for too many updates: unblock it on their site',
  badagent: 'the provider does not let this program in',
}
