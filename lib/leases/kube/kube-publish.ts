/**
 * Writes on our own Node what the others need, when the Node says otherwise: one try a call, with patience towards a
 * server that asks for it and towards another program that writes the same annotations.
 * Must not: decide what is written (publish-patch.ts), nor when to try again (the caller marks whenever the view changed).
 */

import type { OwnVtep } from '../../cluster/view.ts'
import { KubeError } from '../../errors.ts'
import { FAMILIES } from '../../net/ip.ts'
import type { Clock } from '../../util/clock.ts'
import type { Log } from '../../util/log.ts'
import { pause } from '../follow/pause.ts'
import { createReminder } from '../follow/reminder.ts'
import { KubeRefusal, LONGEST_RETRY_AFTER_MS } from '../http/kube-http.ts'
import type { NodeFacts } from '../wire/node-facts.ts'
import type { KubeDoor } from './kube-door.ts'
import type { KubeTable } from './kube-table.ts'

/** Between two patches that say the same of us: each one is told to every watcher of the cluster. */
const PATCH_EVERY_MS = 5000

export interface KubePublisher {
  /** Resolves when the Node says what `own` says; rejects with KubeError after one try, or when closed. */
  publish(own: OwnVtep): Promise<void>
  /** A publish that waits rejects. */
  close(): void
}

export function createKubePublisher(parts: {
  readonly door: Pick<KubeDoor, 'readOwnNode' | 'patchOwnStatus'>
  readonly table: Pick<KubeTable, 'ownFacts' | 'planPublish' | 'read' | 'apply'>
  readonly setCondition: boolean
  readonly clock: Clock
  /** The time of day, for the condition's texts. */
  readonly today: () => Date
  readonly log: Log
}): KubePublisher {
  const { door, table, clock, log } = parts
  const quarrel = createReminder('lease.republished', log, clock)
  const closing = new AbortController()
  let last: { readonly identity: string; readonly at: number } | undefined
  /** Until when the server asked to be left alone. */
  let notBefore = 0

  const waitUntil = async (at: number): Promise<void> => {
    if (at > clock.now()) await pause(clock, at - clock.now(), closing.signal)
    if (closing.signal.aborted) throw new KubeError({ request: 'publishing', status: 0, reason: 'closed' })
  }
  const patch = async (node: NodeFacts, own: OwnVtep): Promise<void> => {
    const planned = table.planPublish(node, own, parts.setCondition, parts.today())
    if (planned === undefined) return
    const identity = identityOf(node, own)
    const again = last?.identity === identity
    last = { identity, at: clock.now() }
    const patched = await door.patchOwnStatus(planned)
    table.apply({ kind: 'put', name: patched.name, node: table.read(patched) })
    const annotations = planned.metadata?.annotations ?? {}
    if (!again) log.info('lease.published', `published on Node ${patched.name}`, { ...annotations })
    else
      quarrel.tell(
        `Node ${patched.name} did not say what we had published, published again: ${Object.keys(annotations).join(', ') || 'NetworkUnavailable'}`,
        { ...annotations },
      )
  }

  const once = async (own: OwnVtep): Promise<void> => {
    const node = table.ownFacts ?? (await door.readOwnNode())
    if (table.planPublish(node, own, parts.setCondition, parts.today()) === undefined) return
    const allowedAt = last?.identity === identityOf(node, own) ? last.at + PATCH_EVERY_MS : 0
    if (allowedAt <= clock.now()) return patch(node, own)
    await waitUntil(allowedAt)
    await patch(table.ownFacts ?? (await door.readOwnNode()), own)
  }

  return {
    async publish(own) {
      await waitUntil(notBefore)
      try {
        await once(own)
      } catch (error) {
        const asked = error instanceof KubeRefusal ? (error.retryAfterMs ?? 0) : 0
        notBefore = clock.now() + Math.min(asked, LONGEST_RETRY_AFTER_MS)
        throw error
      }
    },
    close: () => closing.abort(new Error('closed')),
  }
}

/** What makes a patch news that cannot wait: another Node object, another device. An address may come from a quarrel. */
function identityOf(node: NodeFacts, own: OwnVtep): string {
  return [node.uid, own.vni, ...FAMILIES.map((family) => own[family]?.lladdr)].join(' ')
}
