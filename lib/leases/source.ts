/**
 * The port of a lease source: where the knowledge of the cluster comes from. `kube`, `file` and `custom` implement it.
 * Must not: hold a connection or a file; only the shape of what a source can do.
 */
import type { LeaseView, OwnVtep } from '../cluster/view.ts'

/** `later`: it is not time yet; onChange is called when it is, and what is to be published then may be something else. */
export type Published = 'accepted' | 'later'

export interface LeaseSource {
  /** One word for the log; `custom`: the program around the agent brings it. */
  readonly kind: 'kube' | 'file' | 'custom'
  /** The newest view; before the first knowledge an empty PartialView. The same object until something changed. */
  view(): LeaseView
  /** `onChange` only marks: it is called after view() has changed, or when it is time to publish; never re-entrantly. */
  start(onChange: () => void): void
  /** Publishes when it differs from what the source holds; rejects with KubeError after one try. */
  publish(own: OwnVtep): Promise<Published>
  /** Stops everything; no onChange after it resolves. */
  close(): Promise<void>
}
