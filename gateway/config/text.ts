/**
 * The configuration file as `vouchsafe init` writes it: every key, with its default and what it is for. The
 * sample in etc/vouchsafe.toml is this text without a domain (a test compares them).
 */
import { isIP } from 'node:net'
import { inAscii, writeHostPort } from './value.ts'

/** What `init` decides; the rest are defaults. */
export type Choices = {
  domain?: string | undefined
  name?: string | undefined
  ports: Ports
  /** Whether mail clients may learn their settings over HTTP; off by default. */
  setup?: boolean | undefined
  net?: string | undefined
  plainLoopback?: boolean | undefined
  /** Name or address under which neighbours reach this gateway, the domain by default; a loopback address keeps links on this machine. */
  host?: string | undefined
}
export type Ports = Record<'smtp' | 'smtps' | 'imap' | 'imaps' | 'http' | 'https' | 'link' | 'health', number>

export const defaultPorts: Ports = {
  smtp: 2587,
  smtps: 2465,
  imap: 2143,
  imaps: 2993,
  http: 2408,
  https: 2443,
  link: 2740,
  health: 2780,
}

/** The well-known last digits on top of a base: 2000 gives 2025 (SMTP), 2046, 2014 (IMAP), 2093, 2008 (set-up), 2043, 2040, 2080. */
export const portsFrom = (base: number): Ports => ({
  smtp: base + 25,
  smtps: base + 46,
  imap: base + 14,
  imaps: base + 93,
  http: base + 8,
  https: base + 43,
  link: base + 40,
  health: base + 80,
})

export const configText = ({
  domain,
  name,
  net,
  ports,
  setup = false,
  plainLoopback = false,
  host,
}: Choices): string => {
  const q = JSON.stringify // a TOML basic string escapes as JSON does
  const isLocal = host === '127.0.0.1' || host === '::1' || host === 'localhost'
  const linkHost = isLocal ? host : isIP(host ?? '') === 6 ? '::' : '0.0.0.0'
  const reached = host ?? domain
  const announce = reached === undefined ? '[]' : `[${q(writeHostPort({ host: inAscii(reached), port: ports.link }))}]`
  return `# Vouchsafe. Every key is optional and shown with its default where it is commented out.
# After a change: restart, or SIGHUP (systemctl reload vouchsafe). A renewed certificate is taken up within a minute.

[gateway]
# The domain of the addresses that live here. Without one, addresses end in
# <agent id>.vouchsafe.alt: they work everywhere in the web, and need no DNS.
${domain === undefined ? '# domain = "example.org"' : `domain = ${q(domain)}`}
# How neighbours see this gateway; without a name, its domain.
${name === undefined ? '# name = "Ann\'s gateway"' : `name = ${q(name)}`}
# The name of the web. Gateways of different webs understand nothing of each other.
${net === undefined ? '# net = "vouchsafe"' : `net = ${q(net)}`}

[login]
# Allow passwords without TLS, from and to 127.0.0.1 and ::1 only.
plain_loopback = ${plainLoopback}
# After so many failed logins from one address or for one account within the window,
# further ones are refused until it has passed.
# failures = 10
# window = "15 min"

# Where mail clients hand in mail.
[smtp]
starttls = ["127.0.0.1:${ports.smtp}"]
tls = ["127.0.0.1:${ports.smtps}"]
# size_limit = "64 MiB"
# recipients = 100
# Messages one account may send in a minute.
# messages_per_minute = 300
# Sessions open at a time, and how many of them from one address. A loopback address, where
# a proxy or a webmail may stand, can have all but a tenth.
# sessions = 500
# sessions_per_address = 50
# So long the answer to a message waits for the signed receipt of the next gateway, to say who has custody.
# wait_for_custody = "0 s"

# Devices that can't log in (scanners, scripts): each sends as one account, known by its IP address.
# [smtp.trusted]
# listen = "127.0.0.1:2525"
# accounts = { "192.0.2.7" = "scanner@example.org" }

# Where mail clients read mail.
[imap]
starttls = ["127.0.0.1:${ports.imap}"]
tls = ["127.0.0.1:${ports.imaps}"]
# sessions = 1000
# sessions_per_address = 100
# sessions_per_account = 50

# How much mail one account may keep, for example "5 GiB"; \`vouchsafe user quota\` says it for one of them.
# What comes for an account that is full waits with whoever has it.
# [accounts]
# quota = "none"

# Where mail clients learn their settings by themselves, and people read them. Off unless it listens somewhere.
# Clients ask at https://autoconfig.DOMAIN, https://autodiscover.DOMAIN and https://DOMAIN: point those names here,
# or let a web server pass /mail, /.well-known/autoconfig, /autodiscover and /mail.mobileconfig on.
[setup]
${setup ? '' : '# '}https = ["127.0.0.1:${ports.https}"]
# Without TLS, for a proxy on this machine: loopback only.
${setup ? '' : '# '}http = ["127.0.0.1:${ports.http}"]
# Where it is reached from outside, and where clients then find IMAP and SMTP, TLS from the first byte. Without
# these, it says what the listeners are.
# url = "https://mail.example.org"
# imap = "mail.example.org:993"
# smtp = "mail.example.org:465"

# Mail for people here goes into folders of this gateway; or to the mail server you have, Dovecot or Cyrus, by LMTP
# on this machine: "127.0.0.1:24", or the path of its socket.
[delivery]
# lmtp = "/run/dovecot/lmtp"

# Neighbours. "0.0.0.0" is every IPv4 address of this machine, "[::]" every one of IPv6 as well.
[link]
listen = "${writeHostPort({ host: linkHost, port: ports.link })}"
# Where neighbours reach this gateway from outside; goes into invitations. Leave it empty
# behind a router that lets nothing in: this gateway dials its neighbours then. Where the port is open but
# the IP address changes, write "auto:2740": the address from which neighbours see this gateway come.
announce = ${announce}
# The largest sealed message taken from a neighbour.
# payload_limit = "2 GiB"
# Whether strangers may ask to become neighbours; you decide ("vouchsafe link list").
# knock = true
# Whether a gateway that reaches this one through others gets a direct link without asking you: "trusted",
# if somebody here has compared words with the one who writes for it; or "never".
# pair = "trusted"
# How many times of connections are compared with each neighbour, 10 to 100.
# connection_times = 10

# A directory tells where agents are that have moved. It keeps what they say of themselves for 48 hours, and
# answers whoever knows the agent id. It relays nothing.
[directory]
# Be one, on the link port.
# serve = false
# Ask these, two at a time, and tell them where this gateway is: ["<agent id>@directory.example.org:2740"]
# ask = []

# Keeps a DNS name pointed at this gateway, where its IP address changes now and then. The addresses are
# those that neighbours see (two must agree), or the ones given here.
# [dns]
# name = "home.example.org"
# addresses = []
# At a name server that takes signed updates (RFC 2136). The file, mode 0600: tsig-keygen vouchsafe > FILE
# [dns.rfc2136]
# server = "192.0.2.53:53"
# zone = "example.org"
# key_file = "/etc/vouchsafe/tsig.key"
# ttl = "5 min"
# At a provider that speaks the dyndns2 protocol. The file, mode 0600, holds the password.
# [dns.dyndns2]
# url = "https://members.dyndns.org/nic/update"
# user = "ann"
# password_file = "/etc/vouchsafe/dyndns.password"

# /health and /metrics (Prometheus), without a login and so on loopback only.
[health]
listen = "127.0.0.1:${ports.health}"

# Mail under way.
[custody]
# A notice to the sender when a message has not arrived by then …
# delayed = "2 h"
# … and when it is given up, 30 d at most: for somebody known, and for an address nobody has answered for.
# expires = "5 d"
# expires_unknown = "24 h"
# When nothing is heard for twice this long of a message that was handed on, a copy goes by
# another path; the second is for neighbours that are often away.
# hop_deadline = "15 min"
# hop_deadline_away = "6 h"
# Others' mail for a neighbour that is away is kept: so much for each, and so long.
# keep = "100 MiB"
# keep_for = "14 d"

# Searching the web for people never met.
[path]
# Searches this gateway begins in a minute; more wait their turn.
# searches_per_minute = 10
# Searches taken from one neighbour at once, and one more every so often.
# queries = 20
# query_every = "5 s"

# Junk, and complaints about mail that was sent from here.
[complaints]
# Moving a message to Junk complains after this; back out within it, and nothing happened.
# grace = "1 min"
# What happens to an account about whom others complain. Each is told by a letter: "warn" leaves it
# at that, "slow" lets it send a few messages an hour while so many different people have complained
# within 28 days, "stop" takes none from it beyond so many, until \`vouchsafe user allow\`. It comes
# last: stop_at is not below slow_at.
# policy = "stop"
# slow_at = 3
# stop_at = 10
# A message to a stranger counts against its neighbour's limit until it is judged: as much less as the
# neighbour's earlier ones were wanted ("earned"), or always as one ("strict").
# weights = "earned"

# A certificate of your own for mail clients (PEM, the chain with the leaf first). Without
# one, a self-signed certificate is made in tls/, which every client asks about once.
[tls]
# certificate = "/etc/letsencrypt/live/example.org/fullchain.pem"
# key = "/etc/letsencrypt/live/example.org/privkey.pem"

# Or one from an authority, fetched and renewed without you (ACME). The names must point here, and port 80 of each
# lead to the port named here, which is open only while the authority looks.
# [tls.acme]
# directory = "https://acme-v02.api.letsencrypt.org/directory"
# Have you read its terms, and do you agree?
# terms_agreed = false
# names = ["mail.example.org"]
# http = "0.0.0.0:80"
# Where the authority may write to you.
# contact = "ann@example.com"

[log]
# debug, info, warn or error
# level = "info"
# json, text, or auto: text on a terminal, else JSON
# format = "auto"
`
}
