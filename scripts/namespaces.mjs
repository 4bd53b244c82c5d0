// Private namespaces for everything that touches the kernel (tests, benches): network, mount and PID, a user namespace
// too where we are not root, with a tmpfs on /run for named network namespaces. Nothing in there can reach the host,
// and all of it dies with the command.
import { spawnSync } from 'node:child_process'

const unshare = ['unshare', '-n', '-m', '-p', '-f', '--kill-child', '--mount-proc']
const prepare = 'mount -t tmpfs tmpfs /run && mkdir -p /run/netns && ip link set lo up'

/** The command line that runs `command` inside, or undefined where the kernel or a container forbids namespaces. */
export function inNamespaces(command) {
  const user = process.getuid() === 0 ? [] : ['-r']
  const [program, ...words] = [...unshare, ...user, 'sh', '-c', prepare]
  const possible = spawnSync(program, words, { stdio: 'ignore' }).status === 0
  return possible ? entering(command, user) : undefined
}

/** The same for somebody who surely can; `more`: further flags of unshare. */
export function entering(command, more = []) {
  return [...unshare, ...more, 'sh', '-c', `${prepare} && exec "$@"`, 'sh', ...command]
}
