/**
 * The files that a vtepd left: subnet.env and what stands in its two folders. Removes by known names, so that a wrong
 * --state-dir costs nothing. Must not: follow a link, nor remove a folder that holds anything else.
 */
import { lstatSync, readdirSync, readFileSync, rmdirSync, unlinkSync } from 'node:fs'
import path from 'node:path'
import { parseSubnetEnv } from '../cni/subnet-env.ts'
import type { Failure, Removal } from './cleanup-kernel.ts'

export interface FilePlaces {
  readonly subnetFile: string
  readonly runDir: string
  readonly stateDir: string
}

export interface FilePlan {
  /** Files before the folders that they empty. */
  readonly removals: readonly Removal[]
  readonly notes: readonly string[]
}

/**
 * `devices`: names of the devices whose files are ours, e.g. flannel.1. Another agent's (another VNI) in the same folder
 * stay.
 */
export function planFiles(places: FilePlaces, devices: readonly string[]): FilePlan {
  const plans = [
    planSubnetFile(path.resolve(places.subnetFile)),
    planFolder(path.resolve(places.runDir), devices),
    planFolder(path.resolve(places.stateDir), devices),
  ]
  return { removals: plans.flatMap((plan) => plan.removals), notes: plans.flatMap((plan) => plan.notes) }
}

function planSubnetFile(file: string): FilePlan {
  if (!isFile(file)) return { removals: [], notes: [] }
  const { networks, subnets } = parseSubnetEnv(readFileSync(file, 'utf8'))
  const isSubnetEnv =
    networks.ipv4.length + networks.ipv6.length > 0 || subnets.ipv4 !== undefined || subnets.ipv6 !== undefined
  if (!isSubnetEnv) return { removals: [], notes: [`${file} is no subnet.env: left alone`] }
  return { removals: [{ kind: 'file', subject: file }], notes: [] }
}

function planFolder(folder: string, devices: readonly string[]): FilePlan {
  const names = namesIn(folder)
  if (names === undefined) return { removals: [], notes: [] }
  const ours = names.filter((name) => isOurs(name, devices) && isFile(path.join(folder, name)))
  const files = ours.map((name): Removal => ({ kind: 'file', subject: path.join(folder, name) }))
  const others = names.filter((name) => !ours.includes(name))
  if (others.length === 0) return { removals: [...files, { kind: 'folder', subject: folder }], notes: [] }
  const examples = others.slice(0, 3).join(', ')
  return { removals: files, notes: [`${folder} also holds ${examples}, not of this vtepd: the folder stays`] }
}

/** Agents name their files after the device (`flannel.1.lladdr.json`), unfinished copies with a dot before it. */
function isOurs(name: string, devices: readonly string[]): boolean {
  return devices.some((device) => name.startsWith(`${device}.`) || name.startsWith(`.${device}.`))
}

/** undefined: no such folder, or not readable. */
function namesIn(folder: string): readonly string[] | undefined {
  try {
    return readdirSync(folder)
  } catch {
    return undefined
  }
}

function isFile(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false })?.isFile() ?? false
}

/** Returns what could not be removed; what is gone already counts as removed. */
export function removeFiles(removals: readonly Removal[]): readonly Failure[] {
  return removals.flatMap((removal) => {
    try {
      if (removal.kind === 'folder') rmdirSync(removal.subject)
      else unlinkSync(removal.subject)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
      if (code !== 'ENOENT') return [{ ...removal, because: code }]
    }
    return []
  })
}
