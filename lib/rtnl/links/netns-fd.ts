/** Descriptors of network namespaces for one request. Must not: keep one. */
import { constants, type FileHandle, open, readlink, statfs } from 'node:fs/promises'
import { constants as system } from 'node:os'
import { errnoName } from '../../addon/errno.ts'
import { NetlinkSocketError } from '../../errors.ts'

/** Of the file system that namespaces are files of (linux/magic.h). */
const NSFS_MAGIC = 0x6e736673

/**
 * Opens the namespaces at `paths`, where one is given, and closes them when `use` has settled. NetlinkSocketError by the name of
 * `op`: one cannot be opened.
 */
export async function withNetns<T>(
  op: string,
  paths: readonly (string | undefined)[],
  use: (fds: readonly (number | undefined)[]) => Promise<T>,
): Promise<T> {
  const handles: (FileHandle | undefined)[] = []
  try {
    for (const path of paths) handles.push(path === undefined ? undefined : await openOne(op, path))
    return await use(handles.map((handle) => handle?.fd))
  } finally {
    for (const handle of handles) await handle?.close()
  }
}

async function openOne(op: string, path: string): Promise<FileHandle> {
  const failure = (errno: number, detail: string) =>
    new NetlinkSocketError({ op, errno, errnoName: errnoName(errno), detail })
  try {
    // Before it is opened: opening a device may do something.
    if ((await statfs(path)).type !== NSFS_MAGIC) throw failure(system.errno.EINVAL, `${path} is no network namespace`)
    // It may be something else a moment later: a pipe, or a terminal.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
    // `uts:[…]`; where it is mounted, as `ip netns` does it, the path again.
    const name = await readlink(`/proc/self/fd/${handle.fd}`).catch(() => '')
    if (!/^(?!net)[a-z_]+:\[/.test(name)) return handle
    await handle.close()
    throw failure(system.errno.EINVAL, `${path} is no network namespace`)
  } catch (error) {
    if (error instanceof NetlinkSocketError) throw error
    throw failure(Math.abs((error as NodeJS.ErrnoException).errno ?? 0), `network namespace ${path}`)
  }
}
