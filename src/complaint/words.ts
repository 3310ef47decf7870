/** What somebody is told who complained, where that did not become a complaint. */
import type { Flaw } from './feedback.ts'

export type Unfit = Flaw | 'not-found' | 'too-old' | 'done-before'

const howElse =
  'The surest way to complain is to move the message to your Junk folder with your mail program, within seven days of its arrival; moving it out again takes that back. Your administrator can do it, too, with "vouchsafe complaint raise".'

const reasons: Record<Unfit, string> = {
  'not-a-report': 'Your letter is not a report in the format ARF (RFC 5965).',
  'no-type':
    'Your letter says that it is a report (ARF, RFC 5965), but its second part is not a message/feedback-report with one Feedback-Type.',
  version: 'Your report is of another version of ARF than 1 (RFC 5965).',
  'other-kind': 'Your report is of a kind that is about no unwanted message: an opt-out, or a failed authentication.',
  'no-original':
    'Your report does not say which message it is about: its third part must be that message, or its header, with the lines that this gateway put above it.',
  'not-found':
    'The message your report is about is not among those that this gateway has delivered to you. One can complain about mail that one has received, as long as it has not been deleted.',
  'too-old':
    'The message your report is about arrived more than seven days ago: the gateways it came by remember it no more.',
  'done-before': 'You had complained about this message before. It counts once.',
}

/** For a letter to abuse@. */
export const answerTo = (unfit: Unfit): { subject: string; paragraphs: string[] } => ({
  subject: 'Your report to abuse@ was not taken as a complaint',
  paragraphs: [reasons[unfit], howElse],
})

/** For a sender whom they knew. */
export const distrustTold = (sender: string): { subject: string; paragraphs: string[] } => ({
  subject: `Mail of ${sender} waits in Requests from now on`,
  paragraphs: [
    `You moved a message of ${sender} to Junk. You knew this sender: you had compared the words of their key, written to them, or accepted their mail. That trust is taken back.`,
    'No complaint was sent. Mail among people who know each other costs nobody anything; it is the trust that is in question. If more unwanted mail comes from them, moving that to Junk sends a complaint.',
    'If it was a mistake, move the message out of Junk again: then you trust them as before.',
  ],
})
