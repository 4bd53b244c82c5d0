/**
 * vtepd's own lease source on one of the contract's servers: started as the agent starts it, watched through its view.
 * Must not: reach into it.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import type { WatchMode } from '../../../lib/leases/follow/node-stream-parts.ts'
import { createKubeSource, type KubeSource } from '../../../lib/leases/kube.ts'
import type { Clock, Timer } from '../../../lib/util/clock.ts'
import { createMemoryLog, type MemoryLog, PREFIX, v4Network } from '../../leases/support.ts'
import type { KubeUser } from '../real-kube.ts'
import { type Contract, NODES } from './servers.ts'

/** Node `node-N` as an agent leaves it: 10.42.N.0/24 at 192.168.0.N. */
export function nodeWithLease(n: number): object {
  return {
    kind: 'Node',
    apiVersion: 'v1',
    metadata: {
      name: `node-${n}`,
      annotations: {
        [`${PREFIX}/kube-subnet-manager`]: 'true',
        [`${PREFIX}/backend-type`]: 'vxlan',
        [`${PREFIX}/backend-data`]: `{"VNI":1,"VtepMAC":"02:00:00:00:04:${n.toString(16).padStart(2, '0')}"}`,
        [`${PREFIX}/public-ip`]: `192.168.0.${n}`,
      },
    },
    spec: { podCIDR: `10.42.${n}.0/24` },
  }
}

/** Creates node-FIRST … node-LAST. */
export async function createLeases({ must }: Contract, first: number, last: number): Promise<void> {
  for (let n = first; n <= last; n += 1) await must('POST', NODES, nodeWithLease(n))
}

export interface Followed {
  readonly source: KubeSource
  readonly log: MemoryLog
  readonly clock: SkippingClock
  /** Names of the Nodes whose leases are believed, ours excepted, sorted. */
  peers(): string[]
  /** Every number of peers that the view has had, in order, repetitions left out. */
  readonly history: readonly number[]
  /** Waits, between events, until `check` holds; fails after 30 s with `what`. */
  until(check: () => boolean, what: string): Promise<void>
  /** As `until`, while the source's time runs fifty times as fast: its pauses between two tries are cut short. */
  hurry(check: () => boolean, what: string): Promise<void>
}

export interface FollowOptions {
  /** Text of a kubeconfig; default: that of `user`. */
  readonly kubeconfig?: string
  /** Default: vtepd, with the rights of the manifest. */
  readonly user?: KubeUser
  readonly watch?: WatchMode
  /** false: it is not waited for. */
  readonly synced?: boolean
}

/** A folder that ends with the test. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-contract-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

/** A source on node-1, closed with the test; by default its view is synced when this resolves. */
export async function follow(t: TestContext, { server }: Contract, options: FollowOptions = {}): Promise<Followed> {
  const kubeconfigFile = path.join(temporaryFolder(t), 'kubeconfig')
  writeFileSync(kubeconfigFile, options.kubeconfig ?? server.kubeconfig(options.user ?? 'vtepd'))
  const log = createMemoryLog()
  const clock = createSkippingClock()
  const source = createKubeSource({
    config: {
      kubeconfigFile,
      apiUrl: undefined,
      node: { name: 'node-1' },
      annotationPrefix: PREFIX,
      setNodeNetworkUnavailable: true,
      ...(options.watch === undefined ? {} : { watch: options.watch }),
    },
    network: v4Network,
    log,
    clock,
    random: () => 0,
  })
  t.after(() => source.close())
  const history: number[] = []
  const peers = (): string[] => [...source.view().peers.keys()].sort((a, b) => (a < b ? -1 : 1))
  const note = (): void => {
    const count = peers().length
    if (count !== history.at(-1)) history.push(count)
  }
  source.start(note)
  const followed: Followed = {
    source,
    log,
    clock,
    peers,
    history,
    async until(check, what) {
      const deadline = performance.now() + 30_000
      while (!check()) {
        if (performance.now() > deadline)
          assert.fail(`waited in vain for: ${what}; log: ${log.lines.map(({ message }) => message).join(' | ')}`)
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
    },
    async hurry(check, what) {
      const timer = setInterval(() => clock.skip(1000), 20)
      try {
        await followed.until(check, what)
      } finally {
        clearInterval(timer)
      }
    },
  }
  if (options.synced !== false) await followed.until(() => isSynced(source), 'the first list')
  return followed
}

/** Whether the view is complete and kept up to date. */
export function isSynced(source: KubeSource): boolean {
  return source.view().synced && source.stale === undefined
}

/** The machine's time, and on demand much later at once. */
export interface SkippingClock extends Clock {
  /** Timers that become due on the way fire soon, in their order. */
  skip(ms: number): void
}

function createSkippingClock(): SkippingClock {
  let offset = 0
  const now = (): number => performance.now() + offset
  const pending = new Set<() => void>()
  return {
    now,
    after(delayMs, fn): Timer {
      const at = now() + delayMs
      let timer: NodeJS.Timeout | undefined
      const arm = (): void => {
        clearTimeout(timer)
        timer = setTimeout(fire, Math.max(0, at - now()))
      }
      const fire = (): void => {
        pending.delete(arm)
        fn()
      }
      pending.add(arm)
      arm()
      return {
        cancel() {
          pending.delete(arm)
          clearTimeout(timer)
        },
      }
    },
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    skip(ms) {
      offset += ms
      for (const arm of pending) arm()
    },
  }
}
