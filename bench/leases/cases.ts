/** What the cases of the suite `leases` share: where they run, and how they say what they found. Must not: measure. */
import type { Sample } from '../frame/sample.ts'
import { median } from '../frame/statistics.ts'
import type { SuiteContext } from '../frame/suite.ts'
import type { FabricNode } from '../world/fabric.ts'
import type { LeaseServer } from './server.ts'

export interface LeaseWorld {
  readonly context: SuiteContext
  readonly scope: SuiteContext['scope']
  readonly server: LeaseServer
  /** Node 1, where the agent runs. */
  readonly node: FabricNode
  readonly size: number
}

export interface Found {
  readonly case: string
  readonly contender: string
  /** Milliseconds; empty: the case is not about time. */
  readonly samples: readonly number[]
  readonly limitMs?: number
  readonly measures?: Readonly<Record<string, number>>
}

export function reportTo({ context, size }: LeaseWorld, found: Found): void {
  const medianMs = found.samples.length === 0 ? null : median(found.samples)
  const ratioToLimit = medianMs === null || found.limitMs === undefined ? null : medianMs / found.limitMs
  const sample: Sample = {
    suite: 'leases',
    case: found.case,
    family: 'ipv4',
    size,
    contender: found.contender,
    medianMs,
    ratioToLimit,
    samples: found.samples,
    ...(found.measures === undefined ? {} : { measures: found.measures }),
  }
  context.report([sample])
}

/** How often `work` shall happen a second, whatever it takes; resolves when `seconds` are over and all of it is done. */
export async function atRate(
  perSecond: number,
  seconds: number,
  work: (index: number) => Promise<void>,
): Promise<number> {
  const began = performance.now()
  const running = new Set<Promise<void>>()
  let done = 0
  let failure: unknown
  while (performance.now() - began < seconds * 1000) {
    const due = Math.floor(((performance.now() - began) / 1000) * perSecond)
    for (; done < due; done += 1) {
      const one: Promise<void> = work(done)
        .catch((error) => {
          failure ??= error
        })
        .finally(() => running.delete(one))
      running.add(one)
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await Promise.all(running)
  if (failure !== undefined) throw failure
  return done
}
