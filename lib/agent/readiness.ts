/**
 * What the agent says of itself: ready or not, and why, to the log and to who listens, when it changes.
 * Must not: find out any of it (agent-core.ts hands the checks over), nor act upon it.
 */
import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { type AgentStatus, describeStatus, type StatusFacts } from './status.ts'

/** Changes within a minute that are told one by one. */
const FLIPS_TOLD = 10
const MINUTE_MS = 60_000

export interface Readiness {
  /** No check had a fault. */
  readonly ready: boolean
  /** It was so once. */
  readonly ever: boolean
  judge(facts: StatusFacts & Pick<AgentStatus, 'podsCanStart'>): void
  /** `listener` is told the next judgement, and each that differs. */
  onStatus(listener: (status: AgentStatus) => void): void
}

export function createReadiness({ clock, log }: { readonly clock: Clock; readonly log: Log }): Readiness {
  let ready = false
  let ever = false
  let flips: readonly number[] = []
  let told = ''
  let onStatus: (status: AgentStatus) => void = () => undefined
  return {
    get ready() {
      return ready
    },
    get ever() {
      return ever
    },
    judge({ podsCanStart, ...facts }) {
      const { checks } = facts
      const text = describeStatus(facts)
      const isReady = checks.every(({ fault }) => fault === undefined)
      if (isReady !== ready) {
        // What comes and goes all the time is told by whoever knows why.
        flips = [...flips.filter((at) => clock.now() - at < MINUTE_MS), clock.now()]
        const level = flips.length > FLIPS_TOLD ? 'debug' : 'info'
        if (isReady) log[level]('agent.ready', 'flannel is ready')
        else log[level]('agent.not-ready', `not ready, ${text}`)
      }
      ready = isReady
      ever ||= ready
      const next = JSON.stringify([text, podsCanStart, checks])
      if (next === told) return
      told = next
      onStatus({ ready, text, podsCanStart, checks })
    },
    onStatus(listener) {
      onStatus = listener
      told = ''
    },
  }
}
