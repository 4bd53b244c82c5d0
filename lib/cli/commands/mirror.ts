/** `vtepd mirror`: flags → mirror → exit status. Must not: do any of the mirror's work. */

import { systemClock } from '../../host/clock.ts'
import { createLog } from '../../host/log.ts'
import { output } from '../../host/output.ts'
import { annotationKeys } from '../../leases/annotations.ts'
import { apiUrlOf, oneOf } from '../flag-values.ts'
import { MIRROR_ABOUT, MIRROR_FLAGS } from '../mirror-flags.ts'
import { parseFlags } from '../parse-flags.ts'
import { endOnSurprise, onTermination } from '../supervise.ts'
import { packageVersion } from '../version.ts'

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
const FORMATS = ['text', 'json'] as const

/** Resolves with the exit status when it was told to end; throws ConfigError for wrong flags. */
export async function mirrorCommand(argv: readonly string[]): Promise<number> {
  const parsed = parseFlags(MIRROR_FLAGS, argv, process.env, MIRROR_ABOUT)
  if (parsed.help !== undefined) {
    output.write(parsed.help)
    return 0
  }
  const { values } = parsed
  const annotationPrefix = values['kube-annotation-prefix']
  annotationKeys(annotationPrefix)
  const log = createLog({
    level: oneOf('log-level', values['log-level'], LEVELS),
    format: oneOf('log-format', values['log-format'], FORMATS),
  })
  endOnSurprise(log)
  const told = onTermination()
  const { startMirror } = await import('../../mirror/mirror.ts')
  log.info('run.start', `vtepd mirror ${packageVersion()} starts`, { pid: process.pid })
  const config = {
    kubeconfigFile: values['kubeconfig-file'] === '' ? undefined : values['kubeconfig-file'],
    apiUrl: apiUrlOf(values['kube-api-url']),
    annotationPrefix,
  }
  const mirror = startMirror(config, { log, clock: systemClock })
  log.info('run.stop', `${await told}: ending; the claims stay`)
  await mirror.stop()
  log.info('run.end', 'Exiting cleanly...')
  return 0
}
