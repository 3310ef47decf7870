/** What a person types into a mail client, from the configuration. */
import type { Config } from './config.ts'

/** One line a way in, best first; `name` → `server, port, security`. */
export const clientSettings = (config: Pick<Config, 'smtp' | 'imap'>): Record<string, string> => {
  const lines = [
    ...config.imap.listeners.map((at) => ['IMAP', at] as const),
    ...config.smtp.listeners.map((at) => ['SMTP', at] as const),
  ]
  const isBest = ({ security }: { security: string }) => security === 'tls'
  const sorted = [...lines.filter(([, at]) => isBest(at)), ...lines.filter(([, at]) => !isBest(at))]
  return Object.fromEntries(
    sorted
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([what, { host, port, security }]) => [
        `${what} ${security === 'tls' ? 'SSL/TLS' : 'STARTTLS'}`,
        `server ${host}, port ${port}, normal password`,
      ]),
  )
}
