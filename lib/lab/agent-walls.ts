/**
 * What stands between one agent and the machine: its node's network namespace always; on request a read-only file system
 * and few capabilities, as an unprivileged container has them. Pure: it makes command lines. Must not: start anything.
 */

export interface AgentWalls {
  /** Path of the node's network namespace. */
  readonly netns: string
  /** All that a confined agent may write to. */
  readonly folder: string
  /** A mount namespace of its own where everything but `folder` is read-only, /proc/sys too; only the two capabilities. */
  readonly confined: boolean
  /** false: without CAP_NET_RAW, so that it cannot announce its address (kernel-facts 7). */
  readonly mayAnnounce: boolean
}

/**
 * A mount that lies hidden below another, or a file of a namespace, cannot be remounted and need not be: what counts is
 * tried at the end. `$1` is the folder, the rest the command.
 */
const CONFINE = `set -e
folder=$1; shift
mount --bind "$folder" "$folder"
for point in $(cut -d' ' -f5 /proc/self/mountinfo); do
  case $point in
    "$folder" | /run/netns/*) ;;
    *) mount -o remount,bind,ro "$point" 2>/dev/null || true ;;
  esac
done
for place in / /run /tmp /proc/sys/net/ipv4/ip_forward; do
  if [ -w "$place" ]; then echo "$place can still be written" >&2; exit 1; fi
done
exec "$@"`

/** The command line that runs `command` behind them, in the same process. Needs nsenter, unshare and setpriv (util-linux), mount. */
export function behindWalls(walls: AgentWalls, command: readonly string[]): [string, ...string[]] {
  const { netns, folder, confined, mayAnnounce } = walls
  const mounts = confined ? ['unshare', '--mount', '--', 'sh', '-c', CONFINE, 'sh', folder] : []
  const all = confined ? ['-all', '+net_admin', ...(mayAnnounce ? ['+net_raw'] : [])] : []
  const bounding = confined || mayAnnounce ? all : ['-net_raw']
  const rights =
    bounding.length === 0
      ? []
      : ['setpriv', '--no-new-privs', '--inh-caps=-all', `--bounding-set=${bounding.join(',')}`, '--']
  return ['nsenter', `--net=${netns}`, '--', ...mounts, ...rights, ...command]
}
