// What a machine is given to do: a folder with the compiled tests and the script that its first process becomes.
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { prepare } from '../compiled-tests.mjs'
import { entering } from '../namespaces.mjs'

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * Fills `folder`, which the machine sees as /job. `node`: the program in the machine; `repository`: the sources' path, here and
 * there; `addons`: folder of the addon in the machine, where it is not the one built here; `patience`: VTEPD_TEST_PATIENCE.
 */
export async function makeJob({ folder, repository, files, only, except, node, addons, patience }) {
  mkdirSync(folder, { recursive: true })
  const { flags } = await prepare(repository, { outdir: path.join(folder, 'compiled'), seenAs: '/job/compiled' })
  const here = (name) => path.join(repository, 'scripts/kernels', name)
  const tests = files.map((file) => path.join(repository, file))
  const reporter = `--test-reporter=${here('reporter.mjs')}`
  const command = [node, ...flags, reporter, here('inside.mjs'), only, except, ...tests]
  const environment = {
    PATH,
    HOME: '/root',
    LANG: 'C.UTF-8',
    VTEPD_TEST_NAMESPACE: '1',
    VTEPD_TEST_PATIENCE: String(patience),
    ...(addons === undefined ? {} : { VTEPD_NATIVE_DIR: addons }),
  }
  const lines = [
    'exec > "/dev/$(ls /sys/class/virtio-ports)" 2>&1',
    ...Object.entries(environment).map(([name, value]) => `export ${name}=${quoted(value)}`),
    `mkdir -p ${quoted(repository)}`,
    `[ -e ${quoted(here('init.sh'))} ] || mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=loose,ro repository ${quoted(repository)}`,
    'ip link set lo up',
    `cd ${quoted(repository)}`,
    `echo "{\\"vtepd\\":\\"begin\\",\\"kernel\\":\\"$(uname -r)\\",\\"node\\":\\"$(${quoted(node)} --version)\\"}"`,
    entering(command).map(quoted).join(' '),
    'echo "{\\"vtepd\\":\\"end\\",\\"status\\":$?}"',
    'sync',
    'echo o > /proc/sysrq-trigger',
    'sleep 60',
  ]
  writeFileSync(path.join(folder, 'run'), `${lines.join('\n')}\n`)
}

function quoted(word) {
  return `'${word.replaceAll("'", "'\\''")}'`
}
