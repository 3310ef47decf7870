/** What an agent is called where no name is known: enough of its id to tell it from others in a list. */
import type { AgentId } from '../src/address.ts'

export const nameOfAgent = (agent: AgentId): string => `${agent.slice(0, 12)}…`
