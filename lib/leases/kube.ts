/**
 * The lease source that follows the cluster's Nodes, and publishes on our own. Owns the claims as last told; while the
 * API server is away they stay, and nothing is deleted. Must not: speak HTTP (node-stream.ts, kube-http.ts) or know the
 * annotations' format (annotations.ts).
 */
import { KubeError } from '../errors.ts'
import type { Network } from '../overlay/network.ts'
import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { allKeys, annotationKeys } from './annotations.ts'
import { createKubeDoor, type KubeDoorConfig } from './kube-door.ts'
import { createNodeFormats } from './kube-formats.ts'
import { createKubeTable } from './kube-table.ts'
import type { NodeFacts } from './node-facts.ts'
import { type NodeStream, startNodeStream } from './node-stream.ts'
import type { LeaseSource } from './source.ts'

export interface KubeSourceConfig extends KubeDoorConfig {
  /** As given, e.g. flannel.alpha.coreos.com. */
  readonly annotationPrefix: string
  readonly setNodeNetworkUnavailable: boolean
}

export interface KubeSourceOptions {
  readonly config: KubeSourceConfig
  readonly network: Network
  readonly log: Log
  readonly clock: Clock
  /** In [0, 1); for a test to be repeatable. */
  readonly random?: () => number
}

export interface KubeSource extends LeaseSource {
  /** Why the view may be old: the API server does not answer; undefined: it is kept up to date. */
  readonly stale: string | undefined
}

/** Throws ConfigError when the annotation prefix is none; everything else is waited for. */
export function createKubeSource(options: KubeSourceOptions): KubeSource {
  const { config, network, clock, log } = options
  const keys = annotationKeys(config.annotationPrefix)
  const wanted = allKeys(keys)
  const door = createKubeDoor({ config, clock, wanted })
  const table = createKubeTable({ keys, network, nodeName: () => door.nodeName, onChange: () => announce() })
  let stale: string | undefined = 'the API server has not been asked yet'
  let stream: NodeStream | undefined
  let onChange: (() => void) | undefined
  let announced = false

  /** Many events of one chunk are one call, after the stream's reader has come to rest. */
  const announce = (): void => {
    if (announced) return
    announced = true
    queueMicrotask(() => {
      announced = false
      onChange?.()
    })
  }

  return {
    kind: 'kube',
    view: () => table.view(),
    get stale() {
      return stale
    },
    start(listener) {
      onChange = listener
      stream = startNodeStream({
        open: (signal) => door.open(signal),
        ownName: () => door.nodeName ?? '',
        formats: createNodeFormats(),
        wanted,
        clock,
        log,
        random: options.random ?? Math.random,
        read: (node) => table.read(node),
        onChange: (change) => table.apply(change),
        onTrouble(because) {
          stale = because
          table.setTrouble(because)
        },
      })
    },
    async publish(own) {
      const node = table.ownFacts ?? (await door.readOwnNode())
      const patch = table.planPublish(node, own, config.setNodeNetworkUnavailable, new Date())
      if (patch === undefined) return
      const patched: NodeFacts = await door.patchOwnStatus(patch)
      table.apply({ kind: 'put', name: patched.name, node: table.read(patched) })
      log.info('lease.published', `published on Node ${patched.name}`, { ...patch.metadata?.annotations })
    },
    async close() {
      onChange = undefined
      door.close(new KubeError({ request: 'the lease source', status: 0, reason: 'closed' }))
      await stream?.close()
    },
  }
}
