/**
 * Tells the cluster what an operator must know, as Events on our own Node: faults that last and their end, the device that was made anew,
 * quarrels, claims that are refused to us, and that the agent gave up. Owns how often: one at a time, few a minute, what repeats is
 * counted on, and a cluster's agents are spread over time. Must not: be waited for by anything, or tell what every node would tell.
 */
import { KubeError } from '../../errors.ts'
import type { NodeEvent, NodeEvents } from '../../leases/kube/node-events.ts'
import type { Clock, Timer } from '../../util/clock.ts'
import type { Log, LogFields } from '../../util/log.ts'
import { messageOf } from '../../util/message-of.ts'
import type { Journal, JournalEntry } from './journal.ts'

export interface EventTeller {
  /** Told at once; resolves when it is, or cannot be, within a second. */
  gaveUp(sentence: string): Promise<void>
  /** Nothing is told any more; what stands then is not over. */
  stop(): void
}

/** A fault is told that stands for so long; all is told after up to as long as a cluster's agents need to come one after the other. */
const LASTS_MS = 15_000
const LEAST_SPREAD_MS = 5000
const SPREAD_MS_A_PEER = 20
const LONGEST_SPREAD_MS = 600_000
/** Between two of any kind, and of one kind. */
const APART_MS = 10_000
const OF_A_KIND_MS = 60_000
/** The server forgets an Event after an hour without a change: another one is made before. */
const FORGOTTEN_MS = 3_000_000
/** After a refusal for want of a right, or of such a thing as Events; after another failure. */
const REFUSED_MS = 3_600_000
const FAILED_MS = 60_000
const NO_RIGHT: ReadonlySet<number> = new Set([401, 403])
const NO_EVENTS: ReadonlySet<number> = new Set([404, 405])
const GIVE_UP_MS = 1000

/** Every node would tell them, or the API server cannot be told. */
const OF_THE_CLUSTER: ReadonlySet<string> = new Set(['leases.kube', 'leases.mirror-silent'])

interface Kind {
  /** To be told. */
  waiting: { event: NodeEvent; times: number; readonly dueAt: number } | undefined
  told: { readonly name: string; readonly madeAt: number; count: number; at: number } | undefined
}

export interface EventTellerParts {
  readonly journal: Pick<Journal, 'follow' | 'followFaults'>
  /** undefined: not known yet. */
  readonly events: () => NodeEvents | undefined
  /** How large the cluster is. */
  readonly peers: () => number
  /** Claims that are refused and concern this node, in words; undefined: none do. */
  readonly refusedToUs: () => string | undefined
  readonly clock: Clock
  readonly log: Log
  readonly today?: () => Date
  /** In [0, 1). */
  readonly random?: () => number
}

export function createEventTeller(parts: EventTellerParts): EventTeller {
  const { clock, log, today = () => new Date(), random = Math.random } = parts
  const kinds = new Map<string, Kind>()
  /** Faults that stand: their beginning waits, or is told. */
  const standing = new Map<string, { timer: Timer; sentence: string; told: boolean }>()
  let timer: Timer | undefined
  let notBefore = 0
  let telling = false
  let refusalSaid = false
  let stopped = false

  const spreadMs = (): number =>
    random() * Math.min(LONGEST_SPREAD_MS, Math.max(LEAST_SPREAD_MS, parts.peers() * SPREAD_MS_A_PEER))

  const want = (type: NodeEvent['type'], reason: string, sentence: string, family: string | undefined): void => {
    const note = family === undefined ? sentence : `${family}: ${sentence}`
    const key = keyOf(type, reason, family)
    const kind = kinds.get(key) ?? { waiting: undefined, told: undefined }
    kinds.set(key, kind)
    const now = clock.now()
    const dueAt = Math.max(now + spreadMs(), (kind.told?.at ?? Number.NEGATIVE_INFINITY) + OF_A_KIND_MS)
    kind.waiting = {
      event: { type, reason, note, at: today() },
      times: (kind.waiting?.times ?? 0) + 1,
      dueAt: kind.waiting?.dueAt ?? dueAt,
    }
    plan()
  }
  const plan = (): void => {
    timer?.cancel()
    timer = undefined
    const dues = [...kinds.values()].flatMap(({ waiting }) => waiting?.dueAt ?? [])
    if (dues.length === 0 || telling || stopped) return
    timer = clock.after(Math.max(0, Math.max(notBefore, Math.min(...dues)) - clock.now()), () => void tellOne())
  }
  const tellOne = async (): Promise<void> => {
    const due = [...kinds.values()].find(({ waiting }) => waiting !== undefined && waiting.dueAt <= clock.now())
    if (due === undefined) return plan()
    telling = true
    notBefore = clock.now() + APART_MS
    try {
      await tell(due)
    } catch (error) {
      failed(error)
    } finally {
      telling = false
      plan()
    }
  }
  const tell = async (kind: Kind): Promise<void> => {
    const [{ waiting }, events, now] = [kind, parts.events(), clock.now()]
    if (waiting === undefined) return
    const { event, times } = waiting
    const known = await repeated(kind, waiting, events, now)
    if (known === undefined) {
      const name = await events?.create(event)
      if (name === undefined)
        throw new KubeError({
          request: `create event ${event.reason}`,
          status: 0,
          reason: 'our own Node is not known yet',
        })
      kind.told = { name, madeAt: now, count: times, at: now }
    }
    // What came meanwhile is for the next time.
    if (kind.waiting === waiting) kind.waiting = undefined
  }
  /** What is there was counted on; undefined: another one is to be made. */
  const repeated = async (
    kind: Kind,
    { event, times }: NonNullable<Kind['waiting']>,
    events: NodeEvents | undefined,
    now: number,
  ): Promise<Kind['told']> => {
    const { told } = kind
    if (told === undefined || now - told.madeAt >= FORGOTTEN_MS) return undefined
    try {
      const count = told.count + times
      await events?.repeat(told.name, { ...event, count })
      return Object.assign(told, { count, at: now })
    } catch (error) {
      if (error instanceof KubeError && error.status === 404) return undefined
      throw error
    }
  }
  const failed = (error: unknown): void => {
    const status = error instanceof KubeError ? error.status : 0
    notBefore = clock.now() + (NO_RIGHT.has(status) || NO_EVENTS.has(status) ? REFUSED_MS : FAILED_MS)
    const isNews = NO_RIGHT.has(status) && !refusalSaid
    refusalSaid ||= isNews
    log[isNews ? 'info' : 'debug']('events.refused', `no Events are written on our Node: ${messageOf(error)}`)
  }

  const hearFault = ({ event, family, sentence }: Parameters<Parameters<Journal['followFaults']>[0]>[0]): void => {
    if (OF_THE_CLUSTER.has(event) || stopped) return
    const key = `${event} ${family ?? ''}`
    const known = standing.get(key)
    if (sentence === undefined) {
      known?.timer.cancel()
      standing.delete(key)
      const beginning = kinds.get(keyOf('Warning', camelCase(event), family))
      // Who has not said it yet need not take it back.
      if (beginning?.waiting !== undefined) beginning.waiting = undefined
      else if (known?.told) want('Normal', `${camelCase(event)}Ended`, `over: ${known.sentence}`, family)
    } else if (known !== undefined) known.sentence = sentence
    else {
      const fault = {
        sentence,
        told: false,
        timer: clock.after(LASTS_MS, () => tellFault()),
      }
      // Again before the server forgets it, for as long as it stands.
      const tellFault = (): void => {
        const kind = fault.told ? kinds.get(keyOf('Warning', camelCase(event), family)) : undefined
        const age = clock.now() - (kind?.told?.at ?? Number.NEGATIVE_INFINITY)
        if (kind?.waiting === undefined && age >= FORGOTTEN_MS)
          want('Warning', camelCase(event), fault.sentence, family)
        fault.told = true
        fault.timer = clock.after(age < FORGOTTEN_MS ? FORGOTTEN_MS - age : FORGOTTEN_MS, tellFault)
      }
      standing.set(key, fault)
    }
  }
  const hearLine = ({ event, family, message, level }: JournalEntry, fields: LogFields): void => {
    const note = noteOf(event, message, fields)
    if (note !== undefined) want(level === 'info' ? 'Normal' : 'Warning', camelCase(event), note, family)
  }
  /** undefined: the line is not told. */
  const noteOf = (event: string, message: string, fields: LogFields): string | undefined => {
    switch (event) {
      case 'repair.fight':
      case 'agent.exception':
        return message
      case 'overlay.healed':
        return fields.slug === 'device_deleted' ? message : undefined
      case 'leases.rejected':
        // A claim that all nodes refuse is told by the one that makes it.
        return parts.refusedToUs()
      default:
        return undefined
    }
  }
  const ends = [parts.journal.follow(hearLine), parts.journal.followFaults(hearFault)]

  return {
    async gaveUp(sentence) {
      const event: NodeEvent = { type: 'Warning', reason: 'AgentGaveUp', note: sentence, at: today() }
      const told = parts.events()?.create(event).catch(failed)
      let late: Timer | undefined
      await Promise.race([
        told,
        new Promise<void>((resolve) => {
          late = clock.after(GIVE_UP_MS, resolve)
        }),
      ])
      late?.cancel()
    },
    stop() {
      stopped = true
      for (const end of ends) end()
      for (const fault of standing.values()) fault.timer.cancel()
      timer?.cancel()
    },
  }
}

function keyOf(type: NodeEvent['type'], reason: string, family: string | undefined): string {
  return `${type} ${reason} ${family ?? ''}`
}

/** `device.not-ready` → `DeviceNotReady`. */
function camelCase(event: string): string {
  return event.replace(/(?:^|[.-])([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
