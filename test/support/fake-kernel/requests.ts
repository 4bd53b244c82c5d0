/**
 * The door of the fake kernel (`Rtnl`): a queue of requests, each carried out in its turn, logged, and failed on demand.
 * Must not: know what a request does to the tables (door.ts).
 */
import { NetlinkError, NetlinkSocketError } from '../../../lib/errors.ts'
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import type { Refusal } from './errnos.ts'
import { ECANCELED, errnoName, refuse } from './errnos.ts'
import type { Fault, FaultBook } from './faults.ts'
import type { State } from './state.ts'

export type RequestName =
  | 'dumpLinks'
  | 'dumpAddresses'
  | 'dumpRoutes'
  | 'dumpNeighbours'
  | 'dumpFdb'
  | 'dumpRules'
  | 'getFdb'
  | 'createVxlan'
  | 'createVeth'
  | 'createBridge'
  | 'changeLink'
  | 'moveLink'
  | 'deleteLink'
  | 'addAddress'
  | 'deleteAddress'
  | 'announceAddress'
  | 'readTxChecksum'
  | 'writeTxChecksum'
  | 'resolveRoute'
  | 'applyEntries'

/** One request as it was carried out. */
export interface Operation {
  /** Counted from 1 over all doors of the namespace. */
  readonly number: number
  readonly portId: number
  readonly request: RequestName
  readonly args: readonly unknown[]
  /** Every ifindex that the request names, each once. */
  readonly ifindexes: readonly Ifindex[]
  /** Those of `ifindexes` that named no link at the moment of execution. */
  readonly stale: readonly Ifindex[]
  /** 0: done (single entries of a batch may have failed); positive: refused; -1: the socket failed. */
  readonly errno: number
}

/** What a request needs to be carried out. */
export interface Request<T> {
  readonly name: RequestName
  readonly args: readonly unknown[]
  readonly ifindexes: readonly Ifindex[]
  /** How a NetlinkError names the request. */
  readonly op: string
  readonly subject: string
  /** `fault`: only those that concern the content (interrupted dumps, entries, lost acks) arrive here. */
  execute(fault: Fault | undefined): T | Refusal
}

/** Runs with the operation about to be, or just, carried out. */
export type Hook = (operation: {
  readonly number: number
  readonly request: RequestName
  readonly args: readonly unknown[]
}) => void

export interface RequestQueue {
  submit<T>(portId: number, request: Request<T>): Promise<T>
  /** Rejects with ECANCELED what this door has queued. */
  cancel(portId: number): void
  /** While held, requests wait until `step`. */
  hold(): void
  /** Lets everything that waits go, and what comes later too. */
  release(): void
  /** Carries out the oldest waiting request; false when none waits. */
  step(): boolean
  readonly waiting: number
  onBefore(hook: Hook): () => void
  onAfter(hook: Hook): () => void
  readonly log: Operation[]
  /** Requests carried out so far; does not fall when the log is cleared. */
  readonly carriedOut: number
}

interface Waiting {
  readonly portId: number
  run(): void
  cancel(): void
}

export function createRequestQueue(state: State, faults: FaultBook): RequestQueue {
  let waiting: Waiting[] = []
  let held = false
  let carriedOut = 0
  const log: Operation[] = []
  const before = new Set<Hook>()
  const after = new Set<Hook>()

  const step = (): boolean => {
    const next = waiting.shift()
    next?.run()
    return next !== undefined
  }

  const carryOut = <T>(portId: number, request: Request<T>): T | Refusal | NetlinkSocketError => {
    carriedOut += 1
    const about = { number: carriedOut, request: request.name, args: request.args }
    for (const hook of before) hook(about)
    const stale = request.ifindexes.filter((ifindex) => !state.links.has(ifindex))
    const fault = faults.next(request.name, request.args)
    const result = withFault(request, fault)
    const errno = result instanceof NetlinkSocketError ? -1 : isRefusal(result) ? result.errno : 0
    log.push({ ...about, portId, ifindexes: request.ifindexes, stale, errno })
    for (const hook of after) hook(about)
    return result
  }

  return {
    submit(portId, request) {
      return new Promise((resolve, reject) => {
        waiting.push({
          portId,
          run() {
            const result = carryOut(portId, request)
            if (result instanceof NetlinkSocketError) reject(result)
            else if (isRefusal(result)) reject(netlinkError(request, result))
            else resolve(result)
          },
          cancel: () => reject(socketError(request.op, ECANCELED)),
        })
        if (!held) queueMicrotask(() => held || step())
      })
    },
    cancel(portId) {
      const canceled = waiting.filter((each) => each.portId === portId)
      waiting = waiting.filter((each) => each.portId !== portId)
      for (const each of canceled) each.cancel()
    },
    hold() {
      held = true
    },
    release() {
      held = false
      while (!held && step());
    },
    step,
    get waiting() {
      return waiting.length
    },
    onBefore: (hook) => subscribe(before, hook),
    onAfter: (hook) => subscribe(after, hook),
    log,
    get carriedOut() {
      return carriedOut
    },
  }
}

/** The error that a closed door, or a fault, gives. */
export function socketError(op: string, errno: number): NetlinkSocketError {
  return new NetlinkSocketError({ op, errno, errnoName: errnoName(errno) })
}

function withFault<T>(request: Request<T>, fault: Fault | undefined): T | Refusal | NetlinkSocketError {
  if (fault?.kind === 'socket') {
    if (fault.done) request.execute(undefined)
    return socketError(request.op, fault.errno)
  }
  if (fault?.kind === 'errno' && request.name !== 'applyEntries') return refuse(fault.errno, fault.extack)
  return request.execute(fault)
}

function netlinkError(request: Request<unknown>, refusal: Refusal): NetlinkError {
  const { op, subject } = request
  return new NetlinkError({ op, subject, ...refusal, errnoName: errnoName(refusal.errno) })
}

function isRefusal(result: unknown): result is Refusal {
  return typeof result === 'object' && result !== null && 'errno' in result && 'extack' in result
}

function subscribe(hooks: Set<Hook>, hook: Hook): () => void {
  hooks.add(hook)
  return () => void hooks.delete(hook)
}
