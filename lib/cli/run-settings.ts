/**
 * Every source that a setting of `vtepd run` may come from, the strongest first: command line, variables, config file, the host of a
 * k3s, default. Must not: check what a value means (config.ts), nor act on one.
 */
import path from 'node:path'
import { ConfigError } from '../errors.ts'
import type { CommandAbout } from './flag-help.ts'
import { withLayer } from './flag-layers.ts'
import { unreadBecause } from './flag-values.ts'
import type { K3sFindings } from './k3s/find-k3s.ts'
import type { HostFiles } from './k3s/host-files.ts'
import { type GivenFlags, parseFlags } from './parse-flags.ts'
import { RUN_ABOUT, RUN_FLAGS, type RunFlagName, type RunFlags } from './run-flags.ts'

export interface RunSettings {
  readonly help: undefined
  readonly flags: RunFlags
  readonly given: GivenFlags<RunFlagName>
  /** With --k3s, what follows from that host. */
  readonly k3s: K3sFindings | undefined
  /** With the NODE_NAME that counts. */
  readonly env: NodeJS.ProcessEnv
  /** What says NODE_NAME. */
  readonly nodeNameFrom: string
}

export interface SettingsParts {
  readonly env: NodeJS.ProcessEnv
  /** Text of a file; throws what node:fs throws. */
  readonly readText: (file: string) => string
  /** Asked only with --k3s. */
  readonly host: () => HostFiles
  /** What --help says; default: of `vtepd run`. */
  readonly about?: CommandAbout
}

/** Rejects with ConfigError for whatever is wrong with any source. */
export async function collectRunSettings(
  argv: readonly string[],
  parts: SettingsParts,
): Promise<RunSettings | { readonly help: string }> {
  const { env, readText, about = RUN_ABOUT } = parts
  const parsed = parseFlags(RUN_FLAGS, argv, env, about)
  if (parsed.help !== undefined) return { help: parsed.help }
  const { config } = parsed.values
  const by = parsed.given.get('config') ?? '--config'
  const given = config === '' ? parsed : withLayer(parsed, await readConfig(path.resolve(config), by, readText))
  const plain = { help: undefined, flags: given.values, given: given.given, k3s: undefined, env }
  if (!given.values.k3s) return { ...plain, nodeNameFrom: 'NODE_NAME' }
  if (env.KUBERNETES_SERVICE_HOST)
    throw new ConfigError(
      '--k3s',
      'is for a service of the host; this is a pod, which is told everything by its manifest',
    )
  const { findK3s } = await import('./k3s/find-k3s.ts')
  const host = parts.host()
  const k3s = await findK3s(host, { force: given.values.force })
  const all = withLayer(given, k3s.flags)
  // The unit gives the host's name to whoever it starts: no more than a default.
  const asked = env.NODE_NAME?.trim().toLowerCase() ?? ''
  const byK3s = asked === '' || asked === host.hostname.toLowerCase()
  return {
    help: undefined,
    flags: all.values,
    given: all.given,
    k3s,
    env: byK3s ? { ...env, NODE_NAME: k3s.nodeName.value } : env,
    nodeNameFrom: byK3s ? k3s.nodeName.from : 'NODE_NAME',
  }
}

/** Its reader is loaded only where there is a file: an agent without one does not pay for it. */
async function readConfig(file: string, by: string, readText: (file: string) => string) {
  let text: string
  try {
    text = readText(file)
  } catch (error) {
    throw new ConfigError(by, `${file} ${unreadBecause(error)}; name another file, or leave it out`, { cause: error })
  }
  const { parseConfigFile } = await import('./config-file.ts')
  return parseConfigFile(RUN_FLAGS, text, file)
}
