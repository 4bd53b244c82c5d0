/**
 * Control groups for what a node runs, so that nothing is made beside them. Owns their making; scripts/cluster.mjs removes them. Must not:
 * limit anything.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const ROOT = '/sys/fs/cgroup'
/** Those that kubelet requires. */
const CONTROLLERS = '+cpuset +cpu +io +memory +pids'

/** All that there is: beside the processes of a busy machine a group has but the share of one of them. */
const MOST_SHARES = '262144'
const MOST_WEIGHT = '10000'

/** `name`: from the root, `/a/b`. In version 1 each controller has a hierarchy; in version 2 controllers are handed down. */
export function createControlGroup(name: string): void {
  const top = name.split('/').find((part) => part !== '') ?? ''
  if (!existsSync(path.join(ROOT, 'cgroup.controllers'))) {
    for (const hierarchy of readdirSync(ROOT)) mkdirSync(path.join(ROOT, hierarchy, name), { recursive: true })
    writeFileSync(path.join(ROOT, 'cpu', top, 'cpu.shares'), MOST_SHARES)
    return
  }
  let folder = ROOT
  for (const part of name.split('/').filter((one) => one !== '')) {
    writeFileSync(path.join(folder, 'cgroup.subtree_control'), CONTROLLERS)
    folder = path.join(folder, part)
    mkdirSync(folder, { recursive: true })
  }
  writeFileSync(path.join(ROOT, top, 'cpu.weight'), MOST_WEIGHT)
}
