/**
 * Metadata of Nodes → whole facts: podCIDRs come from what is known of the UID, else from a GET. What is told of a Node
 * meanwhile waits for that GET, the rest passes it by; so each Node's events keep their order. The metadata told is always
 * the stream's: a GET may be ahead of it. Must not: read the stream, or wait for ever; whoever gives up lists everything.
 *
 * Our own Node is fetched for each of its events: its status is no metadata.
 */
import { KubeError } from '../../errors.ts'
import { createBackoff } from '../../util/backoff.ts'
import type { Clock, Timer } from '../../util/clock.ts'
import type { FetchedNode } from '../wire/kube-events.ts'
import type { NodeFacts } from '../wire/node-facts.ts'
import type { NodeSpecs } from './node-specs.ts'

const AT_ONCE = 4
/** A list costs the server less than so many single Nodes. */
const MOST_WAITING = 1000
const PATIENCE_MS = 30_000
const FIRST_PAUSE_MS = 200
const LONGEST_PAUSE_MS = 5000
/** Trying again will not help. */
const REFUSED: ReadonlySet<number> = new Set([401, 403, 405])

export interface NodeCompleter {
  /** What the stream says now; `version` is that of the event. */
  put(node: NodeFacts, version: string | undefined): void
  /** The Node is gone. */
  drop(name: string): void
  /** Something that was put has not been told. */
  readonly waiting: boolean
  /** Ends all requests. `incomplete`: something is waiting, and will not be told. */
  stop(): 'complete' | 'incomplete'
}

export interface CompleterOptions {
  readonly specs: NodeSpecs
  readonly ownName: string
  readonly clock: Clock
  readonly random: () => number
  /** At least as new as `version`; undefined: there is none. Rejects with KubeError. */
  readonly fetch: (name: string, version: string | undefined, signal: AbortSignal) => Promise<FetchedNode | undefined>
  readonly onNode: (node: NodeFacts) => void
  /** Called at most once, and nothing is told after it: everything has to be listed. */
  readonly onGiveUp: (why: KubeError | 'too many') => void
}

interface Waiting {
  node: NodeFacts
  version: string | undefined
  readonly since: number
}

export function createNodeCompleter(options: CompleterOptions): NodeCompleter {
  const { specs, ownName, clock } = options
  const waiting = new Map<string, Waiting>()
  const queue: string[] = []
  const stopped = new AbortController()
  const backoff = createBackoff({ firstMs: FIRST_PAUSE_MS, maxMs: LONGEST_PAUSE_MS, random: options.random })
  let active = 0
  let pause: Timer | undefined

  const giveUp = (why: KubeError | 'too many'): void => {
    if (stopped.signal.aborted) return
    end()
    options.onGiveUp(why)
  }
  const end = (): void => {
    pause?.cancel()
    stopped.abort(new Error('closed'))
  }
  const tell = (node: NodeFacts): void => {
    waiting.delete(node.name)
    options.onNode(node)
  }
  const pump = (): void => {
    while (active < AT_ONCE && pause === undefined && !stopped.signal.aborted) {
      const name = queue.shift()
      if (name === undefined) return
      const entry = waiting.get(name)
      if (entry === undefined) continue
      active += 1
      void ask(name, entry).finally(() => {
        active -= 1
        pump()
      })
    }
  }
  const ask = async (name: string, entry: Waiting): Promise<void> => {
    const { version } = entry
    try {
      const found = await options.fetch(name, version, stopped.signal)
      if (stopped.signal.aborted) return
      backoff.reset()
      // Deleted meanwhile, and perhaps put again, which waits for itself.
      if (waiting.get(name) === entry) settle(entry, found?.node, version === entry.version)
    } catch (error) {
      if (!stopped.signal.aborted) fail(name, entry, error)
    }
  }
  /** `newest`: nothing was told of it since the request. */
  const settle = (entry: Waiting, found: NodeFacts | undefined, newest: boolean): void => {
    const { node } = entry
    if (found !== undefined) specs.remember(found)
    if (found?.uid === node.uid && (newest || (found.podCidrs.length > 0 && node.name !== ownName)))
      tell({ ...found, annotations: node.annotations })
    // Gone, or another one of that name: the stream is about to say so.
    else if (newest) waiting.delete(node.name)
    else queue.push(node.name)
  }
  const fail = (name: string, entry: Waiting, error: unknown): void => {
    const known =
      error instanceof KubeError
        ? error
        : new KubeError({ request: `get node ${name}`, status: 0, reason: String(error) }, { cause: error })
    if (REFUSED.has(known.status) || clock.now() - entry.since >= PATIENCE_MS) {
      giveUp(known)
      return
    }
    queue.push(name)
    pause ??= clock.after(backoff.next(), () => {
      pause = undefined
      pump()
    })
  }

  return {
    put(node, version) {
      if (stopped.signal.aborted) return
      const { name } = node
      const entry = waiting.get(name)
      if (entry !== undefined) {
        entry.node = node
        entry.version = version
        return
      }
      const podCidrs = node.podCidrs.length > 0 ? node.podCidrs : specs.podCidrsOf(name, node.uid)
      // Who carries none of our annotations claims nothing, whatever its podCIDRs are.
      const claimsNothing = Object.keys(node.annotations).length === 0
      if (name !== ownName && (podCidrs !== undefined || claimsNothing)) {
        options.onNode({ ...node, podCidrs: podCidrs ?? [] })
        return
      }
      waiting.set(name, { node, version, since: clock.now() })
      queue.push(name)
      if (waiting.size > MOST_WAITING) giveUp('too many')
      else pump()
    },
    drop: (name) => void waiting.delete(name),
    get waiting() {
      return waiting.size > 0
    },
    stop() {
      const incomplete = waiting.size > 0
      end()
      return incomplete ? 'incomplete' : 'complete'
    },
  }
}
