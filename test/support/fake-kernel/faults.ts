/**
 * Failures on demand: which request fails, when, and how. Must not: know what the requests do.
 */
import type { Entry } from '../../../lib/rtnl/entries.ts'
import type { RequestName } from './requests.ts'

/** How a request fails. */
export type Fault =
  /** The kernel refuses; nothing is done. For applyEntries: every entry that `entries` selects (all, when absent). */
  | {
      readonly kind: 'errno'
      readonly errno: number
      readonly extack?: string
      readonly entries?: (entry: Entry) => boolean
    }
  /** NetlinkSocketError; `done`: whether the kernel did it all the same. */
  | { readonly kind: 'socket'; readonly errno: number; readonly done: boolean }
  /** applyEntries: done, but the answers of the entries from index `from` on (default 0) are lost: errno -1. */
  | { readonly kind: 'lost-acks'; readonly from?: number; readonly done?: boolean }
  /** Dumps: `interrupted` is true; what `omit` selects by its index is missing. */
  | { readonly kind: 'interrupted'; readonly omit?: (index: number) => boolean }
  /** Dumps: what `omit` selects by its index is missing, what `repeat` selects comes twice, and nothing says so. */
  | {
      readonly kind: 'torn'
      readonly omit?: (index: number) => boolean
      readonly repeat?: (index: number) => boolean
    }
  /** Dumps: what `omit` selects by its index does not decode; the dump is whole otherwise. */
  | { readonly kind: 'unreadable'; readonly omit: (index: number) => boolean }

export interface FaultRule {
  readonly on: RequestName | ((request: RequestName, args: readonly unknown[]) => boolean)
  /** The first matching request that fails, counted from 1 from now on; default 1. */
  readonly nth?: number
  /** How many matching requests fail from there; default 1; Infinity: for ever. */
  readonly times?: number
  readonly fault: Fault
}

export interface InjectedFault {
  /** How often it struck. */
  readonly hits: number
  remove(): void
}

export interface Faults {
  inject(rule: FaultRule): InjectedFault
  clear(): void
}

export interface FaultBook extends Faults {
  /** The fault for this request, if one is due; each call counts. */
  next(request: RequestName, args: readonly unknown[]): Fault | undefined
}

export function createFaultBook(): FaultBook {
  const rules = new Set<{ rule: FaultRule; seen: number; hits: number }>()
  return {
    inject(rule) {
      const kept = { rule, seen: 0, hits: 0 }
      rules.add(kept)
      return {
        get hits() {
          return kept.hits
        },
        remove: () => void rules.delete(kept),
      }
    },
    clear: () => rules.clear(),
    next(request, args) {
      let fault: Fault | undefined
      for (const kept of rules) {
        const { on, nth = 1, times = 1 } = kept.rule
        if (typeof on === 'string' ? on !== request : !on(request, args)) continue
        kept.seen += 1
        if (fault !== undefined || kept.seen < nth || kept.seen >= nth + times) continue
        kept.hits += 1
        fault = kept.rule.fault
      }
      return fault
    },
  }
}
