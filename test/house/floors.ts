/**
 * The rules of the house about imports, each with its reason: which folder may reach which, who may do input and
 * output, who may name which package. Judges texts, so that the tests can show each rule catching an offender.
 */
import { codeOf, type Import, importsOf, type SourceFile } from '../support/source-files.ts'

/** Floor of each folder of lib/ (docs/ARCHITECTURE.md); imports run downwards only. */
const FLOORS: Readonly<Record<string, number>> = {
  module: 6,
  cli: 5,
  lab: 5,
  agent: 4,
  mirror: 4,
  way: 3,
  mesh: 3,
  device: 3,
  overlay: 3,
  underlay: 3,
  leases: 3,
  'kube-api': 3,
  firewall: 3,
  cni: 3,
  cluster: 2,
  rtnl: 2,
  netlink: 2,
  addon: 2,
  host: 2,
  net: 1,
  util: 1,
  'errors.ts': 1,
}

/** Sideways imports that are meant. Inside a folder everything is allowed. */
const SIDEWAYS: readonly (readonly [from: string, to: string, because: string])[] = [
  ['cli', 'lab', 'the command `vtepd lab` starts the lab'],
  ['device', 'overlay', 'one table says what a failure of the kernel means'],
  ['device', 'underlay', 'the device has the underlay as its local end'],
  ['leases', 'kube-api', 'leases of Kubernetes are asked for there'],
  ['way', 'device', 'the way leads through the device'],
  ['way', 'underlay', 'and goes on through the underlay'],
  ['rtnl', 'netlink', 'what has a name there is asked for on the open floor'],
  ['rtnl', 'addon', 'packed tables cross the boundary as they are'],
  ['netlink', 'addon', 'whole messages cross it'],
  ['errors.ts', 'util', 'one floor, no state'],
  ['util', 'errors.ts', 'one floor, no state'],
  ['net', 'errors.ts', 'a value that cannot be parsed throws a typed error'],
  ['net', 'util', 'one floor, no state'],
]

/** Folders that do no input or output, write no log and read no clock; the adapters among their files excepted. */
const PURE = new Set([
  'errors.ts',
  'net',
  'util',
  'cluster',
  'device',
  'overlay',
  'underlay',
  'way',
  'mesh',
  'leases',
  'firewall',
  'cni',
])

/** Rooms of lib/leases, the highest first; each may reach those behind it. What lies beside them is open to all. */
const LEASE_ROOMS = ['kube', 'claims', 'follow', 'wire', 'accepted'] as const
/** Only the rooms' own doors are above them. */
const LEASE_DOORS = /^lib\/leases\/(?:file|kube)\.ts$/

/** What talks to the world on floor 3, and is therefore reached only where lib/agent/agent.ts or lib/cli wires it. */
const ADAPTERS =
  /^lib\/(?:leases\/(?:file|kube)\.ts|kube-api\/[^/]*\.ts|firewall\/(?:nftables|iptables)[^/]*\.ts|addon\/addon\.ts|rtnl\/(?:native[^/]*|index)\.ts|netlink\/(?:netlink|generic|index)\.ts)$/

const WORLD = new Set(
  'fs fs/promises net http http2 https tls dgram dns dns/promises child_process cluster worker_threads timers timers/promises console process os readline perf_hooks'
    .split(' ')
    .flatMap((name) => [name, `node:${name}`]),
)
const WORLD_GLOBALS =
  /(?<![.\w$])(?:(console|process|setTimeout|setInterval|setImmediate|fetch|performance)\b(?!\s*:)|(Date\.now|new Date\(\)))/

/** Packages with one door, and why. */
const DOORS: readonly (readonly [name: string, door: RegExp, because: string])[] = [
  [
    '@kubernetes/client-node',
    /^lib\/kube-api\/kube-config\.ts$/,
    'it costs 60 ms and 15 MB: one module loads it, in Kubernetes mode only',
  ],
  ['bindings', /^lib\/addon\/addon\.ts$/, 'one module finds and loads the addon'],
  ['node-addon-api', /^$/, 'it is for C++'],
  ['leven', /^lib\/cli\/suggestion\.ts$/, 'arguments are the command line’s business'],
  ['jsonc-parser', /^lib\/util\/json-locate\.ts$/, 'values come from JSON.parse; this one only says where they stand'],
  ['yaml', /^lib\/(?:cli|cni|host|kube-api|lab|leases)\//, 'files are parsed where they are read'],
]

/** One sentence per breach: file, what, why. */
export function breaches(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const imports = importsOf(file)
    return [...floorBreaches(file, imports), ...worldBreaches(file, imports), ...doorBreaches(file, imports)]
  })
}

function floorBreaches(file: SourceFile, imports: readonly Import[]): string[] {
  const from = folderOf(file.path)
  return imports.flatMap((one) => {
    if (one.file === undefined) return []
    if (!one.file.startsWith('lib/'))
      return [`${file.path} imports ${one.file}: lib/ is what is shipped, tests and scripts are not`]
    if (one.file === 'lib/index.ts') return [`${file.path} imports lib/index.ts: that is the door for other packages`]
    if (ADAPTERS.test(one.file) && !mayWire(file.path, one))
      return [
        `${file.path} imports the adapter ${one.file}: only agent.ts, filter-tools.ts, mesh-tools.ts, mirror.ts and the command wire adapters, everything else takes the port, so that tests can give a fake`,
      ]
    const to = folderOf(one.file)
    if (from === 'leases' && to === 'leases') return roomBreaches(file.path, one.file)
    if (from === to || from === 'index.ts') return []
    const [own, other] = [FLOORS[from], FLOORS[to]]
    if (own === undefined || other === undefined) return [`${file.path} imports ${one.file}: a folder without a floor`]
    if (other < own || SIDEWAYS.some(([a, b]) => a === from && b === to)) return []
    return [
      `${file.path} (floor ${own}) imports ${one.file} (floor ${other}): imports run downwards only, so that a floor can be read and tested without those above`,
    ]
  })
}

function roomBreaches(from: string, to: string): string[] {
  const roomOf = (path: string): number => LEASE_ROOMS.findIndex((room) => path.startsWith(`lib/leases/${room}/`))
  const [own, other] = [roomOf(from), roomOf(to)]
  if (own < 0 || own === other || (other < 0 ? !LEASE_DOORS.test(to) : own < other)) return []
  return [`${from} imports ${to}: the rooms of lib/leases reach ${LEASE_ROOMS.join(' → ')}, never back`]
}

function mayWire(file: string, one: Import): boolean {
  if (one.typeOnly) return true
  const folder = folderOf(file)
  if (folder === folderOf(one.file ?? '') || folder === 'index.ts') return true
  if (['module', 'cli', 'lab', 'netlink', 'rtnl'].includes(folder)) return true
  if (folder === 'leases' && folderOf(one.file ?? '') === 'kube-api') return true
  return [
    'lib/agent/agent.ts',
    'lib/agent/filter-tools.ts',
    'lib/agent/mesh-tools.ts',
    'lib/mirror/mirror.ts',
  ].includes(file)
}

function worldBreaches(file: SourceFile, imports: readonly Import[]): string[] {
  if (!PURE.has(folderOf(file.path)) || ADAPTERS.test(file.path)) return []
  const because =
    'this folder does no input or output, writes no log and reads no clock: it is tested without a machine'
  const modules = imports
    .filter(
      (one) => !one.typeOnly && WORLD.has(one.specifier) && !/^\{\s*(?:isIPv?[46]?(?:,\s*)?)+\s*\}$/.test(one.names),
    )
    .map((one) => `${file.path} imports ${one.specifier}: ${because}`)
  const global = codeOf(file).match(WORLD_GLOBALS)
  return global === null ? modules : [...modules, `${file.path} uses ${global[1] ?? global[2]}: ${because}`]
}

function doorBreaches(file: SourceFile, imports: readonly Import[]): string[] {
  const packages = DOORS.filter(([, door]) => !door.test(file.path)).flatMap(([name, , because]) =>
    imports
      .filter((one) => one.specifier === name || one.specifier.startsWith(`${name}/`))
      .map(() => `${file.path} imports ${name}: ${because}`),
  )
  const eager = imports
    .filter((one) => one.file === 'lib/kube-api/kube-config.ts' && !one.dynamic && !one.typeOnly)
    .map(
      () =>
        `${file.path} imports kube-config.ts at start: use \`await import\`, so that only Kubernetes mode pays for the client`,
    )
  return [...packages, ...eager]
}

function folderOf(file: string): string {
  return file.split('/')[1] ?? ''
}

/** Circles of imports that exist at run time, each as `a → b → a`. */
export function circles(files: readonly SourceFile[]): string[] {
  const edges = new Map(
    files.map((file) => [
      file.path,
      importsOf(file).flatMap((one) => (one.typeOnly || one.dynamic || one.file === undefined ? [] : [one.file])),
    ]),
  )
  const done = new Set<string>()
  const found: string[] = []
  const walk = (file: string, way: readonly string[]): void => {
    const at = way.indexOf(file)
    if (at >= 0) {
      found.push([...way.slice(at), file].join(' → '))
      return
    }
    if (done.has(file)) return
    for (const next of edges.get(file) ?? []) walk(next, [...way, file])
    done.add(file)
  }
  for (const file of edges.keys()) walk(file, [])
  return found
}
