/**
 * The format of the leases file (docs/leases-file.md): text → entries, strictly, every fault with its place.
 * Must not: read the file (file.ts), compare entries beyond their names (lib/leases/accepted), or do half of a broken file.
 */
import type { Backend } from '../cluster/network.ts'
import { ConfigError } from '../errors.ts'
import { type Cidr, parseCidr, prefixLength } from '../net/cidr.ts'
import { type Family, type Ip, parseIpOf } from '../net/ip.ts'
import { type Lladdr, parseLladdr } from '../net/lladdr.ts'
import { isRecord } from '../util/go-json.ts'
import type { JsonPath } from '../util/json-locate.ts'
import { messageOf } from '../util/message-of.ts'
import { parseLocatedText } from './located-text.ts'

/** What is undefined is absent: in our own entry, the lladdr with host-gw in any. */
export interface FileFamily {
  readonly subnet: Cidr
  readonly underlay: Ip | undefined
  readonly lladdr: Lladdr | undefined
}

export interface FileEntry {
  readonly name: string
  readonly ipv4: FileFamily | undefined
  readonly ipv6: FileFamily | undefined
}

/**
 * JSON or YAML 1.2, in file order. `where` is the file's name, `nodeName` says whose entry may lack underlay and lladdr; with
 * host-gw all may lack the latter.
 * Rejects with ConfigError whose `where` reads `FILE:LINE:COLUMN: [INDEX].ipv4.subnet`, lines and columns from 1.
 */
export async function parseLeasesFile(
  text: string,
  where: string,
  nodeName: string,
  backend: Backend['type'] = 'vxlan',
): Promise<readonly FileEntry[]> {
  const parsed = await parseLocatedText(text, where)
  const place = (name: string, path: JsonPath): string => `${parsed.place(path)}${name === '' ? '' : `: ${name}`}`
  return readLeases(parsed.value, place, { nodeName, backend })
}

/** The same of a value. `place`: what a fault's `where` is; `name` reads `[INDEX].ipv4.subnet`, and '' for the whole. */
export function readLeases(
  value: unknown,
  place: (name: string, path: JsonPath) => string,
  reading: Reading,
): readonly FileEntry[] {
  try {
    return readEntries(value, reading)
  } catch (error) {
    if (!(error instanceof Misfit)) throw error
    const name = error.path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('')
    throw new ConfigError(place(name, error.path), error.message)
  }
}

/** Thrown inside this file only: what stands at `path` is not what is wanted there. */
class Misfit extends Error {
  readonly path: JsonPath
  constructor(path: JsonPath, problem: string) {
    super(problem)
    this.path = path
  }
}

interface Reading {
  readonly nodeName: string
  readonly backend: Backend['type']
}

function readEntries(value: unknown, reading: Reading): readonly FileEntry[] {
  if (value === null || value === undefined) throw new Misfit([], 'the file is empty: write [] if there are no nodes')
  if (!Array.isArray(value)) throw new Misfit([], 'must be a list of nodes: - name: …')
  const places = new Map<string, number>()
  return value.map((entry: unknown, index) => {
    const read = readEntry(entry, [index], reading)
    const earlier = places.get(read.name)
    if (earlier !== undefined) throw new Misfit([index, 'name'], `"${read.name}" is the name of [${earlier}] too`)
    places.set(read.name, index)
    return read
  })
}

const ENTRY_KEYS = ['name', 'ipv4', 'ipv6'] as const
const FAMILY_KEYS = ['underlay', 'subnet', 'lladdr'] as const

function readEntry(value: unknown, path: JsonPath, { nodeName, backend }: Reading): FileEntry {
  const entry = readObject(value, path, ENTRY_KEYS)
  const name = readString(entry, 'name', path)
  if (name === undefined || name === '') throw new Misfit(path, 'has no name')
  const own = name === nodeName
  const needs = { underlay: !own, lladdr: !own && backend === 'vxlan' }
  const ipv4 = readFamily('ipv4', entry, path, needs)
  const ipv6 = readFamily('ipv6', entry, path, needs)
  if (ipv4 === undefined && ipv6 === undefined) throw new Misfit(path, `"${name}" has neither ipv4 nor ipv6`)
  return { name, ipv4, ipv6 }
}

function readFamily(
  family: Family,
  entry: Readonly<Record<string, unknown>>,
  above: JsonPath,
  needs: { readonly underlay: boolean; readonly lladdr: boolean },
): FileFamily | undefined {
  if (entry[family] === undefined || entry[family] === null) return undefined
  const path = [...above, family]
  const part = readObject(entry[family], path, FAMILY_KEYS)
  const read = <T>(key: (typeof FAMILY_KEYS)[number], parse: (text: string) => T): T | undefined => {
    const text = readString(part, key, path)
    if (text === undefined) return undefined
    try {
      return parse(text)
    } catch (error) {
      throw new Misfit([...path, key], messageOf(error))
    }
  }
  const subnet = read('subnet', (text) => parseSubnet(family, text))
  const underlay = read('underlay', (text) => parseIpOf(family, text))
  const lladdr = read('lladdr', parseLladdr)
  if (subnet === undefined) throw new Misfit(path, 'has no subnet')
  if (needs.underlay && underlay === undefined)
    throw new Misfit(path, 'has no underlay: only our own entry may leave it out')
  if (needs.lladdr && lladdr === undefined) throw new Misfit(path, 'has no lladdr: only our own entry may leave it out')
  return { subnet, underlay, lladdr }
}

function parseSubnet(family: Family, text: string): Cidr {
  const subnet = parseCidr(text)
  const given = parseIpOf(family, text.slice(0, text.indexOf('/')))
  if (`${given}/${prefixLength(subnet)}` !== subnet) throw new RangeError(`'${text}' is not a network: write ${subnet}`)
  return subnet
}

function readObject(value: unknown, path: JsonPath, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (!isRecord(value)) throw new Misfit(path, `must be a mapping with ${known.join(', ')}`)
  for (const key of Object.keys(value))
    if (!known.includes(key)) throw new Misfit([...path, key], `unknown key: ${known.join(', ')} are known`)
  return value
}

/** null counts as absent, as YAML writes an empty value. */
function readString(object: Readonly<Record<string, unknown>>, key: string, path: JsonPath): string | undefined {
  const value = object[key]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw new Misfit([...path, key], 'must be a text: put it in quotes')
  return value
}
