/** What LINK1 may find about a neighbour (alarm.ts), and what is kept of it. Times are epoch ms. */

/** Where one side stands. */
export type Stand = { n: number; incarnation: string; at?: number }

export type Alarm =
  | { what: 'diverged'; ours: Stand; theirs: Stand | undefined; seenBy: 'us' | 'them' }
  | { what: 'clock' }
  | { what: 'clock-warning' }
  | { what: 'rekeyed'; epoch: number; reason: string }
  | { what: 'rekey-refused'; detail: string }
  | { what: 'owner'; entity: string; address: string }
  | { what: 'stolen'; at: number }

/** `moved`: it has a new key, and the link with it (moved.ts). */
export type Alert = { at: number; what: Alarm['what'] | 'moved'; text: string }
