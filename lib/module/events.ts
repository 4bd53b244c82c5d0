/**
 * The events of an agent in another program: who listens, and that no listener disturbs the agent or another listener.
 * Must not: know an agent.
 */
import { EventEmitter } from 'node:events'
import type { AgentStatus } from '../agent/status.ts'
import type { JournalEntry, StandingFault } from '../agent/window/journal.ts'

/** A repair that is over. */
export interface AgentHeal {
  /** undefined: of no family. */
  readonly family: string | undefined
  /** In words: `the device was deleted`. */
  readonly cause: string
  /** From the first word of it to the last write, milliseconds. */
  readonly ms: number
  /** Entries, deleted ones included. */
  readonly written: number
}

/** What an agent tells, by the name of the event. */
export interface AgentEvents {
  /** It became ready, or is ready no more; `checks` are those that fail. */
  ready: { readonly ready: boolean; readonly checks: readonly { readonly name: string; readonly fault: string }[] }
  /** Each change of the sentence, or of a check. */
  status: AgentStatus
  /** As `overlay.healed` in the log; what happens again and again is left out there too. */
  healed: AgentHeal
  /** Something lasts; `event` is its name in docs/errors.md. Again when its sentence changes. */
  fault: Omit<StandingFault, 'since'>
  cleared: Omit<StandingFault, 'since' | 'sentence'>
  /** The known nodes changed; not `synced`: not all are known. */
  leases: { readonly peers: number; readonly synced: boolean; readonly rejected: number }
  /** Each line but those of level debug, as `vtepd events` tells it. */
  log: JournalEntry
}

/** One event, as `events()` yields it. `lost`: so many were not taken in time. */
export type AgentEvent =
  | {
      readonly [Name in keyof AgentEvents]: { readonly type: Name; readonly detail: AgentEvents[Name] }
    }[keyof AgentEvents]
  | { readonly type: 'lost'; readonly detail: number }

export type AgentListener<Name extends keyof AgentEvents> = (detail: AgentEvents[Name]) => void

/** Of one reader of `events()`. */
const MOST_WAITING = 1000

export interface Teller {
  readonly emitter: EventEmitter
  emit<Name extends keyof AgentEvents>(type: Name, detail: AgentEvents[Name]): void
  /** Ends with `end`, or when `signal` aborts. */
  events(signal: AbortSignal | undefined): AsyncIterableIterator<AgentEvent>
  end(): void
}

/** `onThrown`: a listener threw, or what it returned rejected. */
export function createTeller(onThrown: (type: string, error: unknown) => void): Teller {
  const emitter = new EventEmitter()
  const readers = new Set<Reader>()
  let ended = false
  return {
    emitter,
    emit(type, detail) {
      for (const reader of readers) reader.push({ type, detail } as AgentEvent)
      for (const listener of emitter.rawListeners(type)) {
        // An async listener has a promise that nobody else looks at.
        const run = async (): Promise<void> => Reflect.apply(listener, undefined, [detail])
        run().catch((error: unknown) => onThrown(type, error))
      }
    },
    events(signal) {
      const reader = createReader(() => readers.delete(reader))
      if (ended || signal?.aborted) reader.end()
      else {
        readers.add(reader)
        signal?.addEventListener('abort', reader.end, { once: true })
      }
      return reader.iterator
    },
    end() {
      ended = true
      for (const reader of [...readers]) reader.end()
    },
  }
}

interface Reader {
  push(event: AgentEvent): void
  readonly end: () => void
  readonly iterator: AsyncIterableIterator<AgentEvent>
}

function createReader(onEnd: () => void): Reader {
  const waiting: AgentEvent[] = []
  let lost = 0
  let over = false
  let wake: (() => void) | undefined
  const end = (): void => {
    over = true
    onEnd()
    wake?.()
  }
  async function* read(): AsyncGenerator<AgentEvent> {
    try {
      for (;;) {
        if (lost > 0) {
          const detail = lost
          lost = 0
          yield { type: 'lost', detail }
        }
        const next = waiting.shift()
        if (next !== undefined) yield next
        else if (over) return
        else
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
    } finally {
      end()
    }
  }
  return {
    push(event) {
      waiting.push(event)
      if (waiting.length > MOST_WAITING) {
        waiting.shift()
        lost += 1
      }
      wake?.()
    },
    end,
    iterator: read(),
  }
}
