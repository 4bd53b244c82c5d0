/** Imports run downwards only, and only the named adapters touch the world: docs/ARCHITECTURE.md, enforced. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listFiles, readSource } from '../support/source-files.ts'
import { breaches, circles } from './floors.ts'

const sources = listFiles('lib', '.ts').map(readSource)

test('every import in lib/ obeys the floors, the adapters and the doors', () => {
  assert.deepEqual(breaches(sources), [])
})

test('no circle of imports exists at run time', () => {
  assert.deepEqual(circles(sources), [])
})

test('each rule catches an offender and lets its neighbour pass', () => {
  const caught = (path: string, text: string) => breaches([{ path, text }]).length > 0
  const cases: readonly (readonly [path: string, text: string, breach: boolean])[] = [
    ['lib/net/ip.ts', "import type { Rtnl } from '../rtnl/port.ts'", true],
    ['lib/rtnl/entries.ts', "import { x } from '../net/ip.ts'", false],
    ['lib/cluster/lease.ts', "import type { x } from '../net/ip.ts'", false],
    ['lib/cluster/view.ts', "import type { x } from '../leases/source.ts'", true],
    ['lib/cluster/view.ts', "import type { x } from '../rtnl/port.ts'", true],
    ['lib/overlay/peers.ts', "import type { x } from '../cluster/view.ts'", false],
    ['lib/overlay/peers.ts', "import type { x } from '../leases/source.ts'", true],
    ['lib/leases/file-view.ts', "import type { x } from '../cluster/network.ts'", false],
    ['lib/leases/file-view.ts', "import type { x } from '../overlay/peers.ts'", true],
    ['lib/cluster/network.ts', "import { readFileSync } from 'node:fs'", true],
    ['lib/overlay/plan.ts', "import { x } from '../agent/agent.ts'", true],
    ['lib/device/types.ts', "import type { x } from '../net/ip.ts'", false],
    ['lib/overlay/plan.ts', "import {\n  a,\n  b,\n} from '../support/netns.ts'", true],
    ['lib/overlay/plan.ts', "import { openRtnl } from '../rtnl/native.ts'", true],
    ['lib/agent/peers.ts', "import { openRtnl } from '../rtnl/index.ts'", true],
    ['lib/agent/agent.ts', "import { openRtnl } from '../rtnl/index.ts'", false],
    ['lib/agent/peers.ts', "import { createKubeSource } from '../leases/kube.ts'", true],
    ['lib/lab/x.ts', "import { y } from '../cli/main.ts'", true],
    ['lib/cli/commands/lab.ts', "import { y } from '../../lab/lab.ts'", false],
    ['lib/host/exec.ts', "import { y } from '../rtnl/entries.ts'", true],
    ['lib/net/ip.ts', "import { readFileSync } from 'node:fs'", true],
    ['lib/net/ip.ts', "import { isIPv4, isIPv6 } from 'node:net'", false],
    ['lib/net/ip.ts', "import { connect } from 'node:net'", true],
    ['lib/overlay/plan.ts', "const x = await import('node:child_process')", true],
    ['lib/leases/file.ts', "import { watch } from 'node:fs'", false],
    ['lib/leases/lease.ts', 'export const now = () => Date.now()', true],
    ['lib/leases/lease.ts', '/** Not Date.now(). */\nexport const x = "console.log(1)"', false],
    ['lib/overlay/plan.ts', 'export const f = () => console.log(1)', true],
    ['lib/util/backoff.ts', 'export const f = () => setTimeout(f, 1)', true],
    ['lib/util/clock.ts', 'export interface Clock { setTimeout(f: () => void): void }', false],
    ['lib/util/x.ts', 'export const f = (clock) => clock.setTimeout(f)', false],
    ['lib/agent/a.ts', "import leven from 'leven'", true],
    ['lib/cli/suggestion.ts', "import leven from 'leven'", false],
    ['lib/leases/kube.ts', "import { KubeConfig } from '@kubernetes/client-node'", true],
    ['lib/leases/kube.ts', "import { load } from '../kube-api/kube-config.ts'", true],
    ['lib/leases/kube.ts', "const m = await import('../kube-api/kube-config.ts')", false],
    ['lib/kube-api/kube-http.ts', "import http from 'node:http'", false],
    ['lib/leases/follow/node-stream.ts', "import http from 'node:http'", true],
    ['lib/leases/follow/node-stream.ts', "import { openStream } from '../../kube-api/kube-http.ts'", false],
    ['lib/kube-api/kube-http.ts', "import type { x } from '../leases/follow/node-stream.ts'", true],
    ['lib/agent/a.ts', "import { openStream } from '../kube-api/kube-http.ts'", true],
    ['lib/leases/accepted/claim.ts', "import type { NodeFacts } from '../wire/node-facts.ts'", true],
    ['lib/leases/accepted/claim.ts', "import type { Lease } from '../lease.ts'", false],
    ['lib/leases/kube/kube-table.ts', "import { createKubeSource } from '../kube.ts'", true],
    ['lib/agent/a.ts', "import { x } from '../index.ts'", true],
    ['lib/attic/a.ts', "import { x } from '../net/ip.ts'", true],
  ]
  for (const [path, text, breach] of cases) assert.equal(caught(path, text), breach, `${path}: ${text}`)
})

test('a circle is found, a circle of types alone is none', () => {
  const a = { path: 'lib/net/a.ts', text: "import { b } from './b.ts'" }
  assert.deepEqual(circles([a, { path: 'lib/net/b.ts', text: "import { a } from './a.ts'" }]), [
    'lib/net/a.ts → lib/net/b.ts → lib/net/a.ts',
  ])
  assert.deepEqual(circles([a, { path: 'lib/net/b.ts', text: "import type { A } from './a.ts'" }]), [])
})
