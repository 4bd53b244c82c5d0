/** A real `vtepd mirror` beside the API server. Must not: look into it; its Lease says how far it is. */
import { spawn } from 'node:child_process'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Scope } from '../../test/support/netns.ts'

const ENTRY = path.resolve(import.meta.dirname, '../../dist/bin/vtepd.js')
const LEASE = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/vtepd-mirror'
/** A bound, not a measure. */
const PATIENCE_MS = 600_000

/** Resolves when it has written a claim for every Node. `read`: the body of a GET. */
export async function startBenchMirror(
  scope: Scope,
  kubeconfig: string,
  read: (path: string) => Promise<string>,
): Promise<void> {
  const child = spawn(process.execPath, [ENTRY, 'mirror', '--kubeconfig-file', kubeconfig, '--log-level', 'warn'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  scope.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const deadline = Date.now() + PATIENCE_MS
  while (!(await read(LEASE)).includes('"vtepd.dev/in-step":"true"')) {
    if (Date.now() > deadline) throw new Error('the mirror did not write all claims in time')
    await wait(100)
  }
}
