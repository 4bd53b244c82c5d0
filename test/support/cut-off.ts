/**
 * The judge of all kernel tests about this: where pods are cut off while the agents of both nodes run, one of the two is unready, or a
 * fault of its stands that names it, within the time that is promised. Whoever starts agents or sends packets in a test tells it
 * (agent-process.ts, talker.ts, udp-flow.ts); test/house sees to it that there are no others. Must not: start or send anything.
 */
import { monotonicMs } from '../../lib/host/clock.ts'
import type { AgentProcess, LogLine } from './agent-process.ts'
import type { Netns } from './netns.ts'
import { patience } from './patience.ts'

/** Within which it has to be said, milliseconds. */
const PROMISED_MS = patience(60_000)

interface Witness {
  readonly agent: AgentProcess
  /** It is stopped by a signal, so that it says nothing. */
  frozen: boolean
  ended: boolean
}

/** The newest agent of each network namespace of this test process. */
const witnesses = new Map<string, Witness>()
/** By the pair, when packets last arrived: CLOCK_MONOTONIC, milliseconds. */
const arrivals = new Map<string, number>()
/** Of pods: the node's network namespace. */
const homes = new Map<string, string>()

/** An agent was started there. */
export function witness(netns: Netns, agent: AgentProcess): AgentProcess {
  const one: Witness = { agent, frozen: false, ended: false }
  witnesses.set(netns.name, one)
  void agent.ended.then(() => {
    one.ended = true
  })
  return {
    pid: agent.pid,
    get lines() {
      return agent.lines
    },
    until: agent.until,
    ended: agent.ended,
    kill(signal) {
      if (signal === 'SIGSTOP') one.frozen = true
      else if (signal === 'SIGCONT') one.frozen = false
      agent.kill(signal)
    },
  }
}

/** Packets from one network namespace arrived in the other: what was said before is about something else. */
export function arrived(from: Netns, to: Netns): void {
  arrivals.set(pairOf(from, to), monotonicMs())
}

/** A pod's network namespace belongs to the node's. */
export function livesOn(pod: Netns, node: Netns): void {
  homes.set(pod.name, node.name)
}

/**
 * Packets from one network namespace to the other are lost. Resolves when that is said, is over (`lasts`), or nobody is there to say it;
 * rejects when it is not said in the promised time.
 */
export async function isSaid(from: Netns, to: Netns, lasts: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PROMISED_MS
  for (;;) {
    const agents = witnessesOf(from, to)
    const sinceMs = arrivals.get(pairOf(from, to)) ?? 0
    if (agents === undefined || agents.some(({ agent }) => complaint(agent.lines, sinceMs) !== undefined)) return
    if (!(await lasts())) return
    if (performance.now() > deadline) throw new Error(silence(from, to, agents))
  }
}

/** The same of a span that is over: milliseconds of CLOCK_MONOTONIC. Throws. */
export function wasSaid(from: Netns, to: Netns, span: { readonly fromMs: number; readonly toMs: number }): void {
  const agents = witnessesOf(from, to)
  if (agents === undefined || span.toMs - span.fromMs < PROMISED_MS) return
  const before = ({ agent }: Witness): readonly LogLine[] =>
    agent.lines.filter(({ monotonicMs }) => monotonicMs < span.fromMs + PROMISED_MS)
  if (agents.every((one) => complaint(before(one)) === undefined)) throw new Error(silence(from, to, agents))
}

/** undefined: one of the two has no agent that could say anything. */
function witnessesOf(...ends: readonly Netns[]): readonly Witness[] | undefined {
  const agents = ends.map(({ name }) => witnesses.get(homes.get(name) ?? name))
  const talking = agents.filter((one) => one !== undefined && !one.ended && !one.frozen) as readonly Witness[]
  return talking.length === ends.length ? talking : undefined
}

/** Of these things a warning says nothing of packets. */
const OTHER_MATTERS =
  /^(?:host\.sysctl|config\.warning|log\.|window\.|notify\.|run\.|state\.|leases\.whole-nodes|mesh\.closed)/

/**
 * What an agent says at the end of these lines: that it is not ready, or a fault that stands and was told since then. What stood before
 * and is not repeated is not about what came later.
 */
export function complaint(lines: readonly LogLine[], sinceMs = 0): string | undefined {
  let unready: string | undefined = 'not ready yet'
  const standing = new Map<string, string>()
  for (const { event, level, msg, family, monotonicMs: atMs } of lines) {
    if (event === 'agent.ready') unready = undefined
    else if (event === 'agent.not-ready') unready = msg
    else if (level === 'debug' || OTHER_MATTERS.test(event)) continue
    else if (level === 'info') standing.delete(`${family} ${event}`)
    else if (atMs >= sinceMs) standing.set(`${family} ${event}`, msg)
  }
  return unready ?? [...standing.values()].at(-1)
}

function pairOf(from: Netns, to: Netns): string {
  return [from.name, to.name].sort().join(' ')
}

function silence(from: Netns, to: Netns, agents: readonly Witness[]): string {
  const said = agents.flatMap(({ agent }) => ['', ...agent.lines.slice(-10).map(({ event, msg }) => `${event} ${msg}`)])
  return `${from.name} does not reach ${to.name}, and for ${PROMISED_MS / 1000} s neither agent has said so:${said.join('\n')}`
}
