/** A gateway that runs, as an operation sees it: with nothing wrong, and nobody in reach. */
import type { Serving } from '../../gateway/house.ts'
import { selfSigned } from '../../gateway/tls.ts'

const { certificate: inService } = await selfSigned(['a.test'], [])

export const serving: Serving = {
  since: 0,
  listening: { smtp: [], imap: [], setup: [], link: [], health: [] },
  renewed: () => {},
  reach: {
    problems: () => [],
    dialBack: async () => undefined,
    probe: async () => [],
    own: () => ({}),
    testDirectories: async () => [],
  },
  certifying: { problems: () => [] },
  certificate: () => inService,
}
