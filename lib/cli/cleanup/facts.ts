/** What a cleanup sees, takes away and leaves. Data only. */
import type { EntryTable } from '../../rtnl/entries.ts'
import type { Link } from '../../rtnl/port.ts'

export interface KernelFacts {
  readonly links: readonly Link[]
  /** The main table of each family; an agent writes no other. */
  readonly routes: readonly EntryTable[]
  /** What could not be read whole: more of ours may be there. */
  readonly missed: readonly Failure[]
}

/** Something of ours: what it is, and as which text it is known. */
export interface Removal {
  readonly kind: 'route' | 'device' | 'rules' | 'file' | 'folder'
  readonly subject: string
}

/** Of ours, or perhaps of ours, and it stays. */
export interface Failure extends Removal {
  readonly because: string
}
