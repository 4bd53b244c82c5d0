/** What is wrong with the node's network and not ours to mend: named, with its remedy, for as long as it stands. */
export interface Fault {
  /** Stable, the log's event: `way.rule`. One a name at a time. */
  readonly name: string
  /** The peer by which it was seen, if it was by one. */
  readonly node?: string
  /** What is seen, and what to do. */
  readonly sentence: string
  /** Packets of ours are certainly lost: the node is not ready. */
  readonly stops: boolean
}
