// A real Kubernetes on this machine, as root: npm run test:cluster. Builds what it needs, runs test/cluster in namespaces of its own, and removes what outlives those: files
// and control groups.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { inNamespaces } from './namespaces.mjs'

const root = path.resolve(import.meta.dirname, '..')
const CGROUPS = '/sys/fs/cgroup'
const RETRIES = 50
const RETRY_MS = 100
const HELP = `npm run test:cluster [-- [--short] [--only TEXT] [FILE...]]

Builds a real Kubernetes of three nodes on this machine, as root, and tries vtepd in the place of flannel, the way from flannel and
back, and the DaemonSet of the chart. --short: some combinations; --only: those whose title has TEXT; FILE: of test/cluster.
Needs the Debian packages containerd, runc and containernetworking-plugins, and Go.
`
const { values, positionals: files } = parseArgs({
  options: { short: { type: 'boolean' }, only: { type: 'string' }, help: { type: 'boolean' } },
  allowPositionals: true,
})
if (values.help) {
  process.stdout.write(HELP)
  process.exit(0)
}

const built = spawnSync(process.execPath, ['--import', 'tsx', 'test/kube/build.ts', '--cluster'], {
  cwd: root,
  stdio: ['ignore', 'ignore', 'inherit'],
})
process.exitCode = built.status === 0 ? await runTests() : 1

async function runTests() {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-cluster-'))
  const cgroup = path.basename(folder)
  const tests =
    files.length > 0
      ? files
      : ['combinations', 'migration', 'daemonset'].map((name) => `test/cluster/${name}.cluster.test.ts`)
  // One cluster at a time: each takes both cores of a small machine, and names of its own are not worth their trouble.
  const bounds = ['--test-concurrency=1', '--test-timeout=600000']
  const node = [process.execPath, '--import', 'tsx', '--test', '--test-reporter=spec', ...bounds, ...tests]
  const command = inNamespaces(node)
  if (command === undefined) throw new Error('no private namespaces here: unshare or ip is missing, or refused')
  const child = spawn(command[0], command.slice(1), {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      VTEPD_CLUSTER_SHORT: values.short ? '1' : '',
      VTEPD_CLUSTER_ONLY: values.only ?? '',
      TMPDIR: folder,
      VTEPD_CLUSTER_CGROUP: `/${cgroup}`,
      VTEPD_TEST_NAMESPACE: '1',
    },
  })
  // unshare itself ignores these; when it is killed, so is all that runs in its namespaces.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill('SIGKILL'))
  const status = await new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)))
  // Processes of a namespace that was killed end a moment later.
  for (let left = RETRIES; !removed(folder, cgroup, left === 0); left -= 1)
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  return status
}

function removed(folder, cgroup, isLast) {
  try {
    rmSync(folder, { recursive: true, force: true })
    removeControlGroups(cgroup)
    return true
  } catch (error) {
    if (isLast) throw error
    return false
  }
}

/** Of each hierarchy, the innermost first; none has a process any more. */
function removeControlGroups(name) {
  for (const hierarchy of [CGROUPS, ...readdirSync(CGROUPS).map((one) => path.join(CGROUPS, one))]) {
    const top = path.join(hierarchy, name)
    if (existsSync(top)) removeGroup(top)
  }
}

function removeGroup(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroup(path.join(folder, entry.name))
  rmdirSync(folder)
}
