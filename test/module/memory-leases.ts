/** The worked example of docs/module.md, which a test compares and module.test.ts runs. */
import type { LeaseContext, LeaseSource, NodeLease } from '../../lib/index.ts'

export class MemoryLeases implements LeaseSource {
  readonly #nodes: Map<string, NodeLease>
  #context: LeaseContext | undefined
  constructor(nodes: readonly NodeLease[]) {
    this.#nodes = new Map(nodes.map((node) => [node.name, node]))
  }
  start(context: LeaseContext): void {
    this.#context = context
    this.#tell()
  }
  async publish(own: NodeLease): Promise<void> {
    this.put(own)
  }
  put(node: NodeLease): void {
    this.#nodes.set(node.name, node)
    this.#tell()
  }
  close(): void {
    this.#context = undefined
  }
  #tell(): void {
    const nodes = [...this.#nodes.values()]
    // A node that has not published yet has no address.
    const known = nodes.filter(({ name, ipv4 }) => name === this.#context?.nodeName || ipv4?.lladdr !== undefined)
    this.#context?.tell({ synced: true, nodes: known })
  }
}
