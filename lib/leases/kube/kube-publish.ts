/**
 * Writes on our own Node what the others need, when the Node says otherwise: one try a call, at its time.
 * Must not: decide what is written (publish-patch.ts), or how often (publish-pace.ts).
 */

import type { OwnVtep } from '../../cluster/view.ts'
import { KubeError } from '../../errors.ts'
import { KubeRefusal, LONGEST_RETRY_AFTER_MS } from '../../kube-api/kube-http.ts'
import type { Clock, Timer } from '../../util/clock.ts'
import type { Log } from '../../util/log.ts'
import type { Published } from '../source.ts'
import type { NodeFacts } from '../wire/node-facts.ts'
import type { KubeDoor } from './kube-door.ts'
import type { KubeTable } from './kube-table.ts'
import { createPublishPace } from './publish-pace.ts'
import type { PublishPlan } from './publish-patch.ts'

/** The stream tells what we wrote within this time, or does not tell it at all. Milliseconds, as below. */
const ECHO_MS = 5000
const SAY_EVERY_MS = 60_000

export interface KubePublisher {
  /** As LeaseSource.publish; rejects with KubeError. */
  publish(own: OwnVtep): Promise<Published>
  /** No `again` after it. */
  close(): void
}

export function createKubePublisher(parts: {
  readonly door: Pick<KubeDoor, 'readOwnNode' | 'patchOwnStatus'>
  readonly table: Pick<KubeTable, 'ownFacts' | 'planPublish'>
  readonly setCondition: boolean
  readonly clock: Clock
  /** The time of day, for the condition's texts. */
  readonly today: () => Date
  readonly log: Log
  /** It is time for what was put off. */
  readonly again: () => void
}): KubePublisher {
  const { door, table, clock, log } = parts
  const pace = createPublishPace()
  let closed = false
  let timer: Timer | undefined
  /** Until when the server asked to be left alone. */
  let notBefore = 0
  /** What the server answered; the stream, which had told `told` when it was asked, says so later. */
  let answer: { readonly told: NodeFacts | undefined; readonly node: NodeFacts; readonly until: number } | undefined
  let undone = { times: 0, saidAt: Number.NEGATIVE_INFINITY }

  const insistOpen = (): void => {
    if (closed) throw new KubeError({ request: 'publishing', status: 0, reason: 'closed' })
  }
  const later = (at: number): Published => {
    insistOpen()
    timer = clock.after(at - clock.now(), parts.again)
    return 'later'
  }
  const ask = async (question: () => Promise<NodeFacts>): Promise<NodeFacts> => {
    const told = table.ownFacts
    const node = await question()
    answer = { told, node, until: clock.now() + ECHO_MS }
    return node
  }
  const newest = async (): Promise<NodeFacts> => {
    const told = table.ownFacts
    if (answer !== undefined && answer.told === told && answer.until > clock.now()) return answer.node
    return told ?? ask(door.readOwnNode)
  }
  const planFor = (node: NodeFacts, own: OwnVtep) => {
    const setCondition = parts.setCondition && own.podsCanStart !== false
    const plan = table.planPublish(node, own, setCondition, parts.today())
    return { ...plan, wish: JSON.stringify([node.uid, plan.wanted, setCondition]) }
  }
  const write = async (patch: NonNullable<PublishPlan['patch']>, uid: string, wish: string): Promise<void> => {
    const sentAt = clock.now()
    let accepted = false
    try {
      await ask(() => door.patchOwnStatus(patch, uid))
      accepted = true
    } finally {
      pace.tried(wish, sentAt, accepted)
    }
  }
  const reportUndone = (node: NodeFacts, patch: NonNullable<PublishPlan['patch']>): void => {
    undone.times += 1
    if (clock.now() - undone.saidAt < SAY_EVERY_MS) return
    const words = Object.keys(patch.metadata?.annotations ?? {}).map((key) => saidOf(key, node.annotations[key]))
    if (patch.status !== undefined) words.push(saidOf('NetworkUnavailable', node.networkUnavailable))
    const times = undone.times > 1 ? ` (${undone.times} times since this was said last)` : ''
    undone = { times: 0, saidAt: clock.now() }
    log.warn(
      'lease.republished',
      `Node ${node.name} did not say what we had published, published again: ${words.join(', ')}${times}`,
      { ...patch.metadata?.annotations },
    )
  }
  const once = async (own: OwnVtep): Promise<Published> => {
    let node = await newest()
    let plan = planFor(node, own)
    const at = plan.patch === undefined ? 0 : pace.allowedAt(plan.wish, clock.now())
    if (at > clock.now()) return later(at)
    const isUndone = plan.patch !== undefined && pace.isUndone(plan.wish)
    if (isUndone) {
      // Nobody is accused, and nothing written again, because the stream is slow.
      node = await ask(door.readOwnNode)
      plan = planFor(node, own)
    }
    const { patch, wish } = plan
    if (patch === undefined) {
      pace.agreed(wish)
      return 'accepted'
    }
    await write(patch, node.uid, wish)
    if (isUndone) reportUndone(node, patch)
    else log.info('lease.published', `published on Node ${node.name}`, { ...patch.metadata?.annotations })
    return 'accepted'
  }

  return {
    async publish(own) {
      insistOpen()
      timer?.cancel()
      if (notBefore > clock.now()) return later(notBefore)
      try {
        return await once(own)
      } catch (error) {
        const asked = error instanceof KubeRefusal ? (error.retryAfterMs ?? 0) : 0
        notBefore = clock.now() + Math.min(asked, LONGEST_RETRY_AFTER_MS)
        throw error
      }
    },
    close() {
      closed = true
      timer?.cancel()
    },
  }
}

function saidOf(key: string, value: string | undefined): string {
  return value === undefined ? `it had no ${key}` : `its ${key} was ${JSON.stringify(value)}`
}
