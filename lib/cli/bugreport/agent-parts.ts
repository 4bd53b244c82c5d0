/** What the running agent tells of itself: a file for each question. Must not: start one, or judge an answer. */
import type { JournalEntry } from '../../agent/window/journal.ts'
import type { PeerReport } from '../../agent/window/report.ts'
import { askAgent } from '../window/ask.ts'
import { type Part, rowsOf } from './part.ts'

const PATIENCE_MS = 15_000

/** `agent` rejects where none is to be asked: then each part says so. */
export function agentParts(agent: () => Promise<string>): readonly Part[] {
  const ask = async <T>(question: string): Promise<T> => askAgent<T>(await agent(), question, PATIENCE_MS)
  const document = (name: string): Part => ({
    name: `agent/${name}.json`,
    make: async () => `${JSON.stringify(await ask(name), undefined, 2)}\n`,
  })
  return [
    document('status'),
    document('diff'),
    document('config'),
    {
      name: 'agent/peers.jsonl',
      async make() {
        const peers = await ask<readonly PeerReport[]>('peers')
        // Those with a fault are never cut off.
        const ordered = [...peers.filter(({ stands }) => !stands), ...peers.filter(({ stands }) => stands)]
        return rowsOf(ordered.map((peer) => JSON.stringify(peer)))
      },
    },
    {
      name: 'agent/events.jsonl',
      make: async () => rowsOf((await ask<readonly JournalEntry[]>('events')).map((entry) => JSON.stringify(entry))),
    },
    {
      name: 'agent/mesh.jsonl',
      make: async () => rowsOf((await ask<readonly object[]>('mesh')).map((row) => JSON.stringify(row))),
    },
    { name: 'agent/metrics.txt', make: async () => `${(await ask<readonly string[]>('metrics')).join('\n')}\n` },
  ]
}
