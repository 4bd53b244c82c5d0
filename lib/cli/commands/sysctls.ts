/** `vtepd sysctls`: sets this host's settings once. Must not: decide which (lib/way/sysctls.ts), nor set any itself (lib/agent/host-settings.ts). */

import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Checked } from '../../agent/checks.ts'
import { createHostSettings } from '../../agent/host-settings.ts'
import { parseNetwork } from '../../cluster/net-conf.ts'
import { ConfigError } from '../../errors.ts'
import { systemClock } from '../../host/clock.ts'
import { createLog } from '../../host/log.ts'
import { complain, output, writeJson } from '../../host/output.ts'
import { linksWithAdvertisedRoutes } from '../../host/ra-links.ts'
import { createSysctl } from '../../host/sysctl.ts'
import { FAMILIES } from '../../net/ip.ts'
import { messageOf } from '../../util/message-of.ts'
import { oneOf } from '../flag-values.ts'
import { parseFlags } from '../parse-flags.ts'
import { SYSCTLS_ABOUT, SYSCTLS_FLAGS } from '../sysctls-flags.ts'

/** Resolves with the exit status; throws ConfigError for wrong flags and a net-conf that cannot be used. */
export async function sysctlsCommand(argv: readonly string[]): Promise<number> {
  const parsed = parseFlags(SYSCTLS_FLAGS, argv, process.env, SYSCTLS_ABOUT)
  if (parsed.help !== undefined) {
    output.write(parsed.help)
    return 0
  }
  const { values } = parsed
  const log = createLog({
    level: oneOf('log-level', values['log-level'], ['debug', 'info', 'warn', 'error']),
    format: oneOf('log-format', values['log-format'], ['text', 'json']),
  })
  const network = readNetwork(path.resolve(values['net-config-path']))
  const families = FAMILIES.filter((family) => network[family] !== undefined)
  return new Promise((resolve, reject) => {
    const settings = createHostSettings({
      mode: 'set',
      families: () => families.map((family) => ({ family, device: undefined })),
      sysctl: createSysctl(),
      advertisedLinks: () => linksWithAdvertisedRoutes(),
      clock: systemClock,
      log,
      contain: reject,
      // The first look always tells something: until then nothing is known.
      onChange: () => {
        const faults = settings.checks.flatMap(({ fault }) => fault ?? [])
        if (values.json) writeJson(reportOf(settings.checks))
        for (const fault of faults) complain(`vtepd sysctls: ${fault}\n`)
        resolve(faults.length === 0 ? 0 : 1)
      },
    })
  })
}

/** What --json prints. */
export interface Report {
  /** What packets of pods need; null: it is so. */
  readonly checks: readonly { readonly name: string; readonly fault: string | null }[]
}

function reportOf(checks: Checked['checks']): Report {
  return { checks: checks.map(({ name, fault = null }) => ({ name, fault })) }
}

function readNetwork(file: string) {
  try {
    return parseNetwork(readFileSync(file, 'utf8'), file).network
  } catch (error) {
    throw error instanceof ConfigError
      ? error
      : new ConfigError('--net-config-path', messageOf(error), { cause: error })
  }
}
