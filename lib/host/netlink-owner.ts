/**
 * Which process sends through a netlink socket: the port ID of a notification is usually the PID of its sender, but may
 * be any number, so the socket's inode is looked for in the processes' open files. Best effort, for a log line only.
 * Must not: fail; a sender that is gone, or belongs to another PID namespace, has no name.
 */
import { readdir, readFile, readlink } from 'node:fs/promises'

const NETLINK_ROUTE = '0'

/** `NetworkManager (process 812)`, or undefined when it cannot be told. */
export async function nameNetlinkOwner(portId: number, proc = '/proc'): Promise<string | undefined> {
  const inode = await inodeOf(portId, proc)
  if (inode === undefined) return undefined
  const likely = String(portId)
  const pids = (await list(proc)).filter((name) => /^[0-9]+$/.test(name) && name !== likely)
  for (const pid of [likely, ...pids]) {
    if (await hasSocket(`${proc}/${pid}/fd`, inode)) return await describe(proc, pid)
  }
  return undefined
}

/** From /proc/net/netlink: sk Eth Pid Groups … Inode. */
async function inodeOf(portId: number, proc: string): Promise<string | undefined> {
  const table = await readFile(`${proc}/net/netlink`, 'utf8').catch(() => '')
  for (const line of table.split('\n')) {
    const columns = line.trim().split(/\s+/)
    if (columns[1] === NETLINK_ROUTE && columns[2] === String(portId)) return columns.at(-1)
  }
  return undefined
}

async function hasSocket(folder: string, inode: string): Promise<boolean> {
  for (const name of await list(folder)) {
    const target = await readlink(`${folder}/${name}`).catch(() => '')
    if (target === `socket:[${inode}]`) return true
  }
  return false
}

async function describe(proc: string, pid: string): Promise<string> {
  const comm = await readFile(`${proc}/${pid}/comm`, 'utf8').catch(() => 'unknown')
  return `${comm.trim()} (process ${pid})`
}

async function list(folder: string): Promise<string[]> {
  return await readdir(folder).catch(() => [])
}
