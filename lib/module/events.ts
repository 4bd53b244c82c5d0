/**
 * The events of an agent in another program: who listens, and that no listener disturbs the agent or another listener.
 * Must not: know an agent.
 */
import { EventEmitter } from 'node:events'
import type { AgentStatus } from '../agent/status.ts'
import type { JournalEntry, StandingFault } from '../agent/window/journal.ts'
import { createEventQueue, type EventQueue } from '../util/event-queue.ts'

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

/** One event, as `events()` yields it. `lost`: so many were not taken in time, and all of them are gone. */
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
  /** Ends with `end`; throws the reason of `signal`. */
  events(signal: AbortSignal | undefined): AsyncIterableIterator<AgentEvent>
  end(): void
}

/** `onThrown`: a listener threw, or what it returned rejected. */
export function createTeller(onThrown: (type: string, error: unknown) => void): Teller {
  const emitter = new EventEmitter()
  const readers = new Set<EventQueue<AgentEvent>>()
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
      const overflow = (detail: number): AgentEvent => ({ type: 'lost', detail })
      const leave = (): void => void readers.delete(reader)
      const reader = createEventQueue<AgentEvent>({ limit: MOST_WAITING, overflow, onLeave: leave, signal })
      if (ended) reader.end()
      else if (!signal?.aborted) readers.add(reader)
      return reader.iterator
    },
    end() {
      ended = true
      for (const reader of [...readers]) reader.end()
    },
  }
}
