/**
 * What is lacking of a CNI installation: files to write, plugins to link, and what neither mends. Reads only.
 * Must not: write (lib/cli/commands/cni.ts).
 */
import { access, constants, lstat, stat } from 'node:fs/promises'
import path from 'node:path'
import { type ConflistKind, conflistsBefore, keepConflist, PLUGINS, renderConflist } from '../../cni/conflist.ts'
import { parseSubnetEnv, subnetEnvOf } from '../../cni/subnet-env.ts'
import { listFolder, readAsWritten, readIfExists } from '../../host/files.ts'
import type { CniPlaces } from './places.ts'

export type CniStep =
  | { readonly kind: 'file'; readonly path: string; readonly text: string }
  | { readonly kind: 'link' | 'copy'; readonly path: string; readonly target: string }

export interface CniPlan {
  readonly steps: readonly CniStep[]
  /** What keeps pods from starting and is not mended by the steps. */
  readonly faults: readonly string[]
  readonly notes: readonly string[]
}

export interface CniWish {
  readonly kind: ConflistKind
  readonly places: CniPlaces
  readonly confName: string
  readonly subnetFile: string
  /** Of the plugins alone; the conflist is somebody else's. */
  readonly pluginsOnly: boolean
}

/** Rejects with the system's error where a file that is there cannot be read. */
export async function planCni(wish: CniWish): Promise<CniPlan> {
  const plugins = await Promise.all(PLUGINS[wish.kind].map((name) => planPlugin(name, wish.places)))
  const conflist = wish.pluginsOnly ? { steps: [], faults: [], notes: [] } : await planConflist(wish)
  return {
    steps: [...plugins.flatMap((plugin) => (typeof plugin === 'object' ? [plugin] : [])), ...conflist.steps],
    faults: [...plugins.flatMap((plugin) => (typeof plugin === 'string' ? [plugin] : [])), ...conflist.faults],
    notes: [...wish.places.notes, ...conflist.notes],
  }
}

async function planConflist({ kind, places, confName, subnetFile }: CniWish): Promise<CniPlan> {
  const env = subnetEnvOf(parseSubnetEnv((await readIfExists(subnetFile)) ?? ''))
  const wanted = renderConflist(kind, env)
  const file = path.join(places.confDir, confName)
  const now = await readAsWritten(file)
  const text = wanted && keepConflist(now, wanted)
  const before = conflistsBefore(await listFolder(places.confDir), confName)
  return {
    steps: text === undefined || text === now ? [] : [{ kind: 'file', path: file, text }],
    faults:
      text === undefined
        ? [
            `${subnetFile} does not say this node's subnet, of which ${file} is made: start vtepd first (vtepd run --cni=bridge keeps the file by itself)`,
          ]
        : [],
    notes: [
      ...(env === undefined && kind !== 'bridge'
        ? [`${subnetFile} does not say this node's subnet yet: until vtepd runs, the flannel plugin refuses pods`]
        : []),
      ...(before.length === 0
        ? []
        : [
            `${before.join(', ')} in ${places.confDir} comes before ${confName}: the container runtime takes the first`,
          ]),
    ],
  }
}

/** undefined: it is there. A sentence: it is nowhere. */
async function planPlugin(name: string, places: CniPlaces): Promise<CniStep | string | undefined> {
  const { binDir, linkFrom, copyFrom } = places
  const place = path.join(binDir, name)
  // In a container a link of the host's folder seems to lead nowhere.
  if ((await isProgram(place)) || (copyFrom.length > 0 && (await isLink(place)))) return undefined
  for (const [kind, folders] of [
    ['link', linkFrom],
    ['copy', copyFrom],
  ] as const)
    for (const folder of folders) {
      const target = path.join(folder, name)
      if (target !== place && (await isProgram(target))) return { kind, path: place, target }
    }
  const sources = [...linkFrom, ...copyFrom]
  const nor = sources.length === 0 ? '' : `, nor is it in ${sources.join(' or ')}`
  return `the plugin ${name} is missing in ${binDir}${nor}: ${sourceOf(name)}`
}

function sourceOf(name: string): string {
  return name === 'flannel'
    ? 'it is in the image flannel-cni-plugin and the releases of github.com/flannel-io/cni-plugin; --cni=bridge does without'
    : 'Debian has it in containernetworking-plugins (--link-from /usr/lib/cni), Fedora too (/usr/libexec/cni), pkgs.k8s.io in kubernetes-cni'
}

async function isLink(file: string): Promise<boolean> {
  const found = await lstat(file).catch(() => undefined)
  return found?.isSymbolicLink() ?? false
}

/** Also behind a link. */
async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK)
    return (await stat(file)).isFile()
  } catch {
    return false
  }
}
