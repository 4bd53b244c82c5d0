/** One part of what a k3s host tells: flags that follow, and sentences that say so. Types only. */
import type { FlagValue } from '../flag-spec.ts'
import type { RunFlagName } from '../run-flags.ts'

/** As entries of a FlagLayer. */
export type K3sFlagValues = readonly (readonly [RunFlagName, { readonly value: FlagValue; readonly by: string }])[]

export interface K3sPart {
  readonly flags: K3sFlagValues
  readonly found: readonly string[]
}
