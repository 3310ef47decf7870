/**
 * The page for people: the settings to copy, a profile for Apple's programs, the certificate's fingerprint, and a
 * QR picture of the page's own address, to go on with on a telephone. No script, nothing from elsewhere.
 */
import { encodeQR } from 'qr'
import type { Way } from '../config/settings.ts'
import { Markup, markup } from './markup.ts'

type PageContents = {
  name: string
  domain: string
  ways: Way[]
  /** Where the page is, for the picture. */
  url: string
  /** SHA-256 of the certificate that mail clients see, if it is self-signed. */
  fingerprint: string | undefined
}

/** What a browser may do with the page: show it, and send its form here. The style stands in the page. */
export const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

export const page = ({ name, domain, ways, url, fingerprint }: PageContents): string =>
  markup`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Mail settings: ${name}</title>
<style>
body { font: 1rem/1.5 sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem }
td, th { text-align: left; padding: .2rem 1rem .2rem 0 }
code { overflow-wrap: anywhere }
input, button { font: inherit; padding: .5rem }
svg { width: 12rem; height: 12rem }
@media (max-width: 32rem) { /* a telephone: each server is a few lines, and no name breaks within a word */
tr, td { display: block; padding: 0 }
tr { margin-bottom: 1rem }
th { display: none }
td:nth-child(3)::before { content: "port " }
}
</style>
<h1>${name}</h1>
<p>Mail settings for addresses that end in <b>@${domain}</b>. Thunderbird, Outlook and many others find them by
themselves from the address. The user name is the whole address; the password is one that you were given for mail clients.</p>
<table>
<tr><th>for</th><th>server</th><th>port</th><th>security</th></tr>${ways.map(row)}
</table>
<h2>iPhone, iPad, Mac</h2>
<form action="/mail.mobileconfig" method="get">
<label>Your address <input type="email" name="email" required maxlength="254" autocomplete="email"></label>
<button>Get the profile</button>
</form>
<p>Open the file, and allow it in the settings. It holds no password: you are asked for it.</p>
<h2>The certificate</h2>
${fingerprint === undefined ? ISSUED : compare(fingerprint)}
<h2>This page on a telephone</h2>
${new Markup(encodeQR(url, 'svg'))}
<p><code>${url}</code></p>
</html>
`.text

const compare = (fingerprint: string): Markup => markup`
<p>If a program asks whether it may trust the server, compare the SHA-256 with what you were told by your administrator,
who sees it in <code>vouchsafe status</code>. Here it is:</p>
<p><code>${fingerprint}</code></p>`

const ISSUED = markup`
<p>An authority vouches for it: no program has to ask whether it may trust the server. If one does, say no, and tell your
administrator.</p>`

const row = ({ service, host, port, security }: Way): Markup => markup`
<tr><td>${service === 'imap' ? 'reading (IMAP)' : 'sending (SMTP)'}</td><td><code>${host}</code></td><td>${port}</td><td>${
  security === 'tls' ? 'SSL/TLS' : 'STARTTLS'
}</td></tr>`
