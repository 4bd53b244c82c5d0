/**
 * Control groups for what a node runs, so that nothing is made beside them. Owns their making; scripts/cluster.mjs removes them. Must not:
 * limit anything.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const ROOT = '/sys/fs/cgroup'
/** Those that kubelet requires. */
const CONTROLLERS = '+cpuset +cpu +io +memory +pids'

/** `name`: from the root, `/a/b`. In version 1 each controller has a hierarchy; in version 2 controllers are handed down. */
export function createControlGroup(name: string): void {
  if (!existsSync(path.join(ROOT, 'cgroup.controllers'))) {
    for (const hierarchy of readdirSync(ROOT)) mkdirSync(path.join(ROOT, hierarchy, name), { recursive: true })
    return
  }
  let folder = ROOT
  for (const part of name.split('/').filter((one) => one !== '')) {
    writeFileSync(path.join(folder, 'cgroup.subtree_control'), CONTROLLERS)
    folder = path.join(folder, part)
    mkdirSync(folder, { recursive: true })
  }
}
