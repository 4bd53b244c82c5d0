/**
 * Our own claim: written when it says otherwise than we want, at most once in five seconds. Owns the retries. A server without
 * claims is asked again now and then; annotations are published all the same, and the mirror makes a claim of them.
 * Must not: decide what is claimed (claim-spec.ts).
 */
import { KubeError } from '../../errors.ts'
import type { Clock, Timer } from '../../util/clock.ts'
import type { Log } from '../../util/log.ts'
import { messageOf } from '../../util/message-of.ts'
import type { StandingLog } from '../../util/standing-log.ts'
import type { AnnotationKeys } from '../annotations.ts'
import type { ClaimFacts } from '../wire/claim.ts'
import { applyClaim, type Call } from './claim-api.ts'
import { type ClaimedFamilies, claimObject, claimText } from './claim-spec.ts'

const MANAGER = 'vtepd'
/** Between two writes. Milliseconds, as below. */
const APART_MS = 5000
const FIRST_PAUSE_MS = 5000
const LONGEST_PAUSE_MS = 300_000
const MISSING = 404
/** Of a server without claims, too, where we may not write them: it looks at rights first. */
const FORBIDDEN = 403
/** Another one has the mirror make room: an lladdr never changes. */
const INVALID = 422

export interface ClaimWriter {
  /** What our annotations say from now on; `uid` is that of our Node. */
  want(name: string, uid: string, families: ClaimedFamilies): void
  /** Our claim as it is told; undefined: there is none. Not called while claims are not followed. */
  told(claim: ClaimFacts | undefined): void
  close(): void
}

export function createClaimWriter(options: {
  readonly call: <R>(work: (call: Call) => Promise<R>) => Promise<R>
  /** Whether the server has claims at all. */
  readonly exists: () => Promise<boolean>
  readonly keys: AnnotationKeys
  readonly clock: Clock
  readonly log: Log
  readonly standing: StandingLog
  /** Whether it is a fault that the server has no claims. */
  readonly insist: boolean
}): ClaimWriter {
  const { clock, standing } = options
  let wish: { readonly name: string; readonly uid: string; readonly families: ClaimedFamilies } | undefined
  /** What is there as far as we know. */
  let there: string | undefined
  let lastAt = Number.NEGATIVE_INFINITY
  let failures = 0
  let timer: Timer | undefined
  let writing = false
  let closed = false

  const textOf = (uid: string, families: ClaimedFamilies): string => `Node ${uid} ${claimText(families)}`
  const schedule = (pauseMs: number): void => {
    if (closed || writing || timer !== undefined) return
    timer = clock.after(pauseMs, () => {
      timer = undefined
      void write()
    })
  }
  const look = (): void => {
    if (wish === undefined || failures > 0 || there === textOf(wish.uid, wish.families)) return
    schedule(Math.max(0, lastAt + APART_MS - clock.now()))
  }
  const write = async (): Promise<void> => {
    if (wish === undefined || closed) return
    const { name, uid, families } = wish
    writing = true
    lastAt = clock.now()
    try {
      const object = claimObject(name, uid, { writer: 'Node', ...families })
      const apply = { name, object, manager: MANAGER, endpoint: '', keys: options.keys } as const
      await options.call((call) => applyClaim(call, apply))
      there = textOf(uid, families)
      failures = 0
      standing.over('leases.claim', 'our claim is written')
      options.log.debug('leases.claim-written', `claimed as ${name}`)
    } catch (error) {
      failures += 1
      if (options.insist || !(await isWithoutClaims(error))) complain(error)
    } finally {
      writing = false
    }
    if (failures > 0) schedule(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1)))
    else look()
  }
  const isWithoutClaims = async (error: unknown): Promise<boolean> => {
    const status = statusOf(error)
    return status === MISSING || (status === FORBIDDEN && !(await options.exists().catch(() => true)))
  }
  const complain = (error: unknown): void => {
    const why = statusOf(error) === INVALID ? 'the mirror is about to make room for it: ' : ''
    standing.stands('leases.claim', `our claim cannot be written, our annotations are: ${why}${messageOf(error)}`, {
      error,
    })
  }

  return {
    want(name, uid, families) {
      wish = { name, uid, families }
      look()
    },
    told(claim) {
      const { spec, owner } = claim ?? {}
      there = spec === undefined ? undefined : `${spec.writer} ${owner} ${claimText(spec)}`
      look()
    },
    close() {
      closed = true
      timer?.cancel()
    },
  }
}

function statusOf(error: unknown): number {
  return error instanceof KubeError ? error.status : 0
}
