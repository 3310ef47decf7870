/**
 * What the gateway counts, for Prometheus. Names are stable: dashboards hang on them.
 *
 * Counters never carry an address, an envelope id or an agent id as a label: labels
 * are few and known beforehand, or the memory of both ends grows without bound.
 * Gauges are read when somebody asks (`collect`), not kept up to date in between.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** What is read at the moment of a scrape. */
type Gauges = {
  /** Envelopes in custody here, by state (spooled, waiting, handing, handed). */
  custody(): Promise<Record<string, number>>
  /** Neighbours by `up` and `down`. */
  links(): Promise<{ up: number; down: number }>
}

export type Metrics = ReturnType<typeof createMetrics>

/** Once, however often all is closed and opened anew: what measures them keeps a timer and an observer for good. */
const ofProcess = new Registry()
collectDefaultMetrics({ register: ofProcess })

export const createMetrics = () => {
  const registry = new Registry()
  registry.setDefaultLabels({})
  for (const { name } of ofProcess.getMetricsAsArray()) {
    const metric = ofProcess.getSingleMetric(name)
    if (metric) registry.registerMetric(metric)
  }
  const registers = [registry]

  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name: `vouchsafe_${name}`, help, labelNames, registers })

  return {
    registry,

    /** Submissions: `accepted` (250 was said) or the code of the refusal. */
    submissions: counter('smtp_submissions_total', 'Messages submitted, by outcome', ['outcome']),
    /** Open sessions of mail clients, by edge (smtp, imap). */
    sessions: new Gauge({ name: 'vouchsafe_sessions', help: 'Open client sessions', labelNames: ['edge'], registers }),
    logins: counter('logins_total', 'Logins, by edge and outcome', ['edge', 'outcome']),
    imapCommands: counter('imap_commands_total', 'IMAP commands, by command and outcome', ['command', 'outcome']),

    /** Envelopes, by what happened: sealed, handed, received, forwarded, delivered, refused, expired. */
    envelopes: counter('envelopes_total', 'Envelopes, by what happened to them here', ['event']),
    linkRecords: counter('link_records_total', 'Small records over links, by direction and outcome', [
      'direction',
      'outcome',
    ]),
    linkBytes: counter('link_payload_bytes_total', 'Payload bytes over links, by direction', ['direction']),
    /** What LINK1 found: diverged and clock froze a link. */
    alerts: counter('link_alerts_total', 'Alerts about neighbours, by what was found', ['what']),
    refusals: counter('refusals_total', 'Refusals by edge and code', ['edge', 'code']),

    /** Looked at every hour. */
    keysEnding: new Gauge({ name: 'vouchsafe_keys_ending', help: 'Keys here that end within 30 days', registers }),

    /** From DATA's end to the durable commit behind the 250. */
    acceptSeconds: new Histogram({
      name: 'vouchsafe_smtp_accept_seconds',
      help: 'End of DATA to durable acceptance',
      buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
      registers,
    }),

    /** Hooks up what is read at each scrape. */
    watch(gauges: Gauges): void {
      new Gauge({
        name: 'vouchsafe_custody',
        help: 'Envelopes in custody, by state',
        labelNames: ['state'],
        registers,
        async collect() {
          this.reset()
          for (const [state, count] of Object.entries(await gauges.custody())) this.set({ state }, count)
        },
      })
      new Gauge({
        name: 'vouchsafe_links',
        help: 'Neighbours, by state of their link',
        labelNames: ['state'],
        registers,
        async collect() {
          const { up, down } = await gauges.links()
          this.set({ state: 'up' }, up)
          this.set({ state: 'down' }, down)
        },
      })
    },
  }
}
