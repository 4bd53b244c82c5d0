/**
 * A config as an object → the agent's own, by the very code that reads the config file and the flags. Must not: check anything
 * itself but the options of createAgent.
 */
import { readFileSync } from 'node:fs'
import { buildRunConfig, type RunConfig } from '../cli/config.ts'
import { readConfig } from '../cli/config-file.ts'
import { withLayer } from '../cli/flag-layers.ts'
import { parseFlags } from '../cli/parse-flags.ts'
import { RUN_ABOUT, RUN_FLAGS } from '../cli/run-flags.ts'
import type { RunSettings } from '../cli/run-settings.ts'
import { suggestion } from '../cli/suggestion.ts'
import { ConfigError } from '../errors.ts'
import type { LeaseSource } from '../leases/custom-port.ts'
import type { Log } from '../util/log.ts'

type Spec = (typeof RUN_FLAGS)[number]
/** What the command alone can do, or nobody. */
type NotHere = Extract<Spec, { readonly notInFile: true } | { readonly hidden: true }>['name'] | 'k3s'
type ValueOf<One extends Spec> = One extends { readonly kind: 'bool' }
  ? boolean
  : One extends { readonly kind: 'int' }
    ? number
    : One extends { readonly kind: 'strings' }
      ? string | readonly string[]
      : string

/**
 * The keys of the config file (docs/config-file.md), whose meaning and defaults are those of the flags (docs/flags.md). undefined, null
 * and '' are as not given. `log-format`, `log-level` and `v` have no effect: the option `log` decides.
 */
export type AgentSettings = {
  readonly [One in Spec as One['name'] extends NotHere ? never : One['name']]?: ValueOf<One> | null | undefined
}

export interface AgentOptions {
  /** Of this node: of its Node object, or its entry in the leases. Default: the variable NODE_NAME, as for the command. */
  readonly nodeName?: string
  /** What net-conf.json would say, which is then neither read nor followed. */
  readonly netConf?: object
  /** Where the other nodes are known from, instead of Kubernetes or a leases file. */
  readonly leases?: LeaseSource
  /** Receives each line; what it throws is dropped. Default: nothing is written anywhere. */
  readonly log?: Log
  /** Stops the agent when it aborts; a start that is under way rejects with its reason. */
  readonly signal?: AbortSignal
}

const OPTIONS = ['nodeName', 'netConf', 'leases', 'log', 'signal'] as const satisfies readonly (keyof AgentOptions)[]

/** Throws ConfigError whose `where` is the key, or `options.NAME`. */
export function readSettings(
  config: AgentSettings,
  options: AgentOptions,
): RunConfig & { readonly settings: RunSettings } {
  checkOptions(options)
  return named(() => {
    const plain = parseFlags(RUN_FLAGS, [], {}, RUN_ABOUT)
    if (plain.help !== undefined) throw new ConfigError('config', 'asks for help')
    const layer = readConfig(RUN_FLAGS, config, (name) => (name === '' ? 'config' : name))
    const { values: flags, given } = withLayer(plain, layer)
    if (flags.k3s) throw new ConfigError('k3s', 'is for the command `vtepd run`; remove it here')
    const env = options.nodeName === undefined ? process.env : { ...process.env, NODE_NAME: options.nodeName }
    const nodeNameFrom = options.nodeName === undefined ? 'NODE_NAME' : 'createAgent'
    const settings: RunSettings = { help: undefined, flags, given, k3s: undefined, env, nodeNameFrom }
    const { netConf } = options
    const run = buildRunConfig({
      ...settings,
      readText: (file) => readFileSync(file, 'utf8'),
      netConf: netConf && { text: JSON.stringify(netConf), where: 'options.netConf' },
      leases: options.leases,
    })
    return { ...run, settings }
  })
}

/** What `work` says of a flag is said of the key. */
export function named<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw asKey(error)
  }
}

export function asKey(error: unknown): unknown {
  if (!(error instanceof ConfigError)) return error
  const where = error.where === 'NODE_NAME' ? 'options.nodeName' : error.where.replace(/^--/, '')
  const problem = error.message.slice(error.where.length + 2).replace(/(?<![\w-])--(?=[a-z])/g, '')
  return new ConfigError(where, problem, { cause: error.cause })
}

function checkOptions(options: AgentOptions): void {
  if (typeof options !== 'object' || options === null) throw new ConfigError('options', 'must be an object')
  const unknown = Object.keys(options).find((name) => !OPTIONS.some((one) => one === name))
  if (unknown !== undefined) throw new ConfigError(`options.${unknown}`, `is no option${suggestion(unknown, OPTIONS)}`)
  const { nodeName, netConf, leases, log, signal } = options
  const wants = (name: keyof AgentOptions, right: boolean, wanted: string): void => {
    if (options[name] !== undefined && !right) throw new ConfigError(`options.${name}`, `must be ${wanted}`)
  }
  wants('nodeName', typeof nodeName === 'string' && nodeName !== '', 'a name')
  wants('netConf', typeof netConf === 'object' && netConf !== null, 'an object')
  wants('leases', isFunctions(leases, ['start', 'close']), 'an object with start and close')
  wants(
    'log',
    isFunctions(log, ['debug', 'info', 'warn', 'error', 'with']),
    'an object with debug, info, warn, error and with',
  )
  wants('signal', signal instanceof AbortSignal, 'an AbortSignal')
}

function isFunctions(value: unknown, names: readonly string[]): boolean {
  return (
    typeof value === 'object' && value !== null && names.every((name) => typeof Reflect.get(value, name) === 'function')
  )
}
