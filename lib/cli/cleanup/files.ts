/**
 * The files that a vtepd left: subnet.env and what stands in its two folders. Removes by known names, so that a wrong
 * --state-dir costs nothing. Must not: follow a link, nor remove a folder that holds anything else.
 */
import { type Dirent, lstatSync, readdirSync, readFileSync, realpathSync, rmdirSync, unlinkSync } from 'node:fs'
import path from 'node:path'
import { CONFLIST_KINDS, renderConflist } from '../../cni/conflist.ts'
import { parseSubnetEnv, subnetEnvOf } from '../../cni/subnet-env.ts'
import { isMissing } from '../../host/files.ts'
import { messageOf } from '../../util/message-of.ts'
import { deviceNamed, deviceOfFile } from './devices.ts'
import type { Failure, Removal } from './facts.ts'
import { ownerOf } from './owner.ts'
import type { CleanupScope } from './scope.ts'

export interface FilePlaces {
  readonly subnetFile: string
  readonly runDir: string
  readonly stateDir: string
  /** undefined: it stays. */
  readonly conflist: string | undefined
}

export interface FilePlan {
  /** Files before the folders that they empty. */
  readonly removals: readonly Removal[]
  readonly stays: readonly Failure[]
  readonly notes: readonly string[]
}

const NOTHING: FilePlan = { removals: [], stays: [], notes: [] }

/** Another agent's files (of a VNI that the scope is not about) in the same folders stay. */
export function planFiles(places: FilePlaces, scope: CleanupScope): FilePlan {
  const plans = [
    ...(places.conflist === undefined ? [] : [planConflist(places.conflist, path.resolve(places.subnetFile))]),
    planSubnetFile(path.resolve(places.subnetFile), scope),
    ...[...new Set([path.resolve(places.runDir), path.resolve(places.stateDir)])].map((folder) =>
      planFolder(folder, scope),
    ),
  ]
  return {
    removals: plans.flatMap((plan) => plan.removals),
    stays: plans.flatMap((plan) => plan.stays),
    notes: plans.flatMap((plan) => plan.notes),
  }
}

function planSubnetFile(file: string, scope: CleanupScope): FilePlan {
  let text: string
  try {
    if (!lstatSync(file).isFile()) return NOTHING
    text = readFileSync(file, 'utf8')
  } catch (error) {
    return isMissing(error)
      ? NOTHING
      : { ...NOTHING, stays: [{ kind: 'file', subject: file, because: messageOf(error) }] }
  }
  const { networks, subnets } = parseSubnetEnv(text)
  const prefixes = [subnets.ipv4, subnets.ipv6, ...networks.ipv4, ...networks.ipv6].filter((one) => one !== undefined)
  if (prefixes.length === 0) return { ...NOTHING, notes: [`${file} is no subnet.env: left alone`] }
  const owners = prefixes.map((prefix) => ownerOf(prefix, scope))
  // Where nobody else is, it is ours, also after a change of the network.
  if (scope.others.size === 0 || owners.includes('ours'))
    return { ...NOTHING, removals: [{ kind: 'file', subject: file }] }
  const doubt = owners.find((owner) => typeof owner === 'object')
  if (doubt === undefined) return { ...NOTHING, notes: [`${file} is of another VNI: left alone`] }
  return { ...NOTHING, stays: [{ kind: 'file', subject: file, because: doubt.doubt }] }
}

/** Byte for byte one of those that vtepd writes, flannel's and k3s' among them. */
function planConflist(file: string, subnetFile: string): FilePlan {
  const text = readText(file)
  if (text === undefined) return NOTHING
  const env = subnetEnvOf(parseSubnetEnv(readText(subnetFile) ?? ''))
  return CONFLIST_KINDS.some((kind) => renderConflist(kind, env) === text)
    ? { ...NOTHING, removals: [{ kind: 'file', subject: file }] }
    : { ...NOTHING, notes: [`${file} is not as vtepd writes it: left alone`] }
}

function readText(file: string): string | undefined {
  try {
    return lstatSync(file).isFile() ? readFileSync(file, 'utf8') : undefined
  } catch {
    return undefined
  }
}

function planFolder(folder: string, scope: CleanupScope): FilePlan {
  let entries: readonly Dirent[]
  try {
    entries = readdirSync(folder, { withFileTypes: true })
  } catch (error) {
    if (!exists(folder)) return NOTHING
    return { ...NOTHING, stays: [{ kind: 'folder', subject: folder, because: messageOf(error) }] }
  }
  const ours = entries.filter((entry) => (entry.isFile() || entry.isSocket()) && isOurs(entry.name, scope))
  const removals = ours.map(({ name }): Removal => ({ kind: 'file', subject: path.join(folder, name) }))
  const others = entries.filter((entry) => !ours.includes(entry)).map(({ name }) => name)
  if (others.length > 0) {
    const examples = others.slice(0, 3).join(', ')
    return { ...NOTHING, removals, notes: [`${folder} also holds ${examples}, not of this vtepd: the folder stays`] }
  }
  const held = !lstatSync(folder).isDirectory() ? 'symbolic link' : isMountPoint(folder) ? 'mount point' : undefined
  if (held !== undefined) return { ...NOTHING, removals, notes: [`${folder} is a ${held}: the folder stays`] }
  return { ...NOTHING, removals: [...removals, { kind: 'folder', subject: folder }] }
}

function isOurs(name: string, scope: CleanupScope): boolean {
  const device = deviceNamed(deviceOfFile(name) ?? '')
  return device !== undefined && scope.vnis.has(device.vni)
}

/** Also where it cannot be told. */
function exists(file: string): boolean {
  try {
    lstatSync(file)
    return true
  } catch (error) {
    return !isMissing(error)
  }
}

/** As in a container that is given the node's folder: the kernel refuses its removal with EBUSY. */
function isMountPoint(folder: string): boolean {
  const points = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  const real = realpathSync(folder)
  // The fifth field, in which blanks and the like stand as \040.
  return points.some((line) => unescapeOctal(line.split(' ')[4] ?? '') === real)
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)))
}

/** Removes, then looks. Returns what stays; what is gone already counts as removed. */
export function removeFiles(removals: readonly Removal[]): readonly Failure[] {
  const refusals = new Map(removals.map(({ kind, subject }) => [subject, remove(kind, subject)]))
  return removals
    .filter(({ subject }) => exists(subject))
    .map((removal) => ({
      ...removal,
      because: refusals.get(removal.subject) ?? 'it is there again after its removal: another program writes it',
    }))
}

function remove(kind: Removal['kind'], subject: string): string | undefined {
  try {
    if (kind === 'folder') rmdirSync(subject)
    else unlinkSync(subject)
    return undefined
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  }
}
