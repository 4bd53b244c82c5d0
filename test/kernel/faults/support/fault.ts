/**
 * One seeded fault: how it comes about, which command finds it, what must be said, what is to be done. Data, and how a row is played:
 * seed, ask, do what is said, be well again. Must not: know any row.
 */
import assert from 'node:assert/strict'
import { patience } from '../../../support/patience.ts'
import type { FaultCluster, FaultNode, Said } from './cluster.ts'

export interface Fault {
  /** As people call it. */
  readonly name: string
  /** What an operator had before it. */
  readonly seed: (cluster: FaultCluster) => Promise<void>
  /** `vtepd …` on node1. */
  readonly command: (cluster: FaultCluster) => readonly string[]
  readonly says: RegExp
  /** In the output; its group, if it has one, is the command that is carried out as it stands. */
  readonly remedy: RegExp
  /** What the remedy says in words, done; also what is left to do after its command. */
  readonly mend?: (cluster: FaultCluster, said: Said) => Promise<void>
  /** Whether pods cannot talk meanwhile; default: true. */
  readonly cuts?: boolean
  /** Default: that the output does not say it any more. */
  readonly well?: (cluster: FaultCluster) => Promise<void>
}

/** A record of one, for the documents. */
export interface Played {
  readonly name: string
  readonly command: string
  readonly text: string
  /** The command that was carried out. */
  readonly remedy: string | undefined
}

/** The longest that anything is waited for; a bound, not a measure. */
const PATIENCE_MS = patience(20_000)
/** Within which pods that can talk do. */
const SILENT_MS = patience(400)

export async function play(cluster: FaultCluster, fault: Fault): Promise<Played> {
  const { node1 } = cluster
  await fault.seed(cluster)
  if (fault.cuts !== false) assert.equal(await cluster.talk(SILENT_MS), false, 'pods are cut off')
  const command = fault.command(cluster)
  const said = await until(node1, command, (text) => fault.says.test(text))
  const found = fault.remedy.exec(said.text)
  assert.ok(found !== null, `no remedy ${fault.remedy} in\n${said.text}`)
  if (/^ {2}x |^PREVENTS/m.test(said.text)) assert.equal(said.status, 1, said.text)
  const [, remedy] = found
  if (remedy !== undefined) await node1.shell(remedy)
  await fault.mend?.(cluster, said)
  assert.ok(await cluster.talk(), `pods talk again after ${remedy ?? 'the remedy'}\n${said.text}`)
  if (fault.well === undefined) await until(node1, command, (text) => !fault.says.test(text))
  else await fault.well(cluster)
  return { name: fault.name, command: command.join(' '), text: said.text, remedy }
}

/** Asks until the answer is that; rejects with the last one. */
export async function until(
  node: FaultNode,
  command: readonly string[],
  isIt: (text: string) => boolean,
): Promise<Said> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const said = await node.ask(...command)
    if (isIt(said.text)) return said
    if (performance.now() > deadline) {
      const log = node.agent.lines.slice(-15).map(({ event, msg }) => `${event} ${msg}`)
      throw new Error(`vtepd ${command.join(' ')} says\n${said.text}\n${log.join('\n')}`)
    }
  }
}
