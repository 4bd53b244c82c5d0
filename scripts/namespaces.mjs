// Private namespaces for everything that touches the kernel (tests, benches): network, mount and PID, a user namespace
// too where we are not root, with a tmpfs on /run for named network namespaces. Nothing in there can reach the host,
// and all of it dies with the command.
import { spawnSync } from 'node:child_process'

const unshare = [
  'unshare',
  ...(process.getuid() === 0 ? [] : ['-r']),
  '-n',
  '-m',
  '-p',
  '-f',
  '--kill-child',
  '--mount-proc',
]
const prepare = 'mount -t tmpfs tmpfs /run && mkdir -p /run/netns && ip link set lo up'

/** The command line that runs `command` inside, or undefined where the kernel or a container forbids namespaces. */
export function inNamespaces(command) {
  const possible = spawnSync(unshare[0], [...unshare.slice(1), 'sh', '-c', prepare], { stdio: 'ignore' }).status === 0
  return possible ? [...unshare, 'sh', '-c', `${prepare} && exec "$@"`, 'sh', ...command] : undefined
}
