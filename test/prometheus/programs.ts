/**
 * promtool and Prometheus for the tests beside this file, built into the cache where they are missing: `node --import tsx
 * test/prometheus/programs.ts` prints their paths. Must not: run them.
 */
import path from 'node:path'
import { defaultProgramsFolder, isExecutable } from '../../lib/lab/real-kube/programs.ts'
import { buildProgram } from '../kube/go-build.ts'

/** Of the module in go/. */
const VERSION = '0.316.0'
/** Nobody is discovered here: it halves what is compiled. */
const TAGS = 'remove_all_sd'

export type PrometheusProgram = 'promtool' | 'prometheus'

export function prometheusProgram(name: PrometheusProgram): string {
  return path.join(defaultProgramsFolder(), `${name}-${VERSION}`)
}

/** Whether they are asked for, as `npm run test:prometheus` does: tests that need them run then, and fail where they are not built. */
export const prometheusTests: { readonly skip: string | false } = {
  skip: process.env.VTEPD_PROMETHEUS_REQUIRED === '1' ? false : 'needs npm run test:prometheus',
}

/** Builds what is missing; downloads Go modules. Throws with what is to be done when Go is missing or the build fails. */
export function ensurePrometheusPrograms(): readonly string[] {
  const names: readonly PrometheusProgram[] = ['promtool', 'prometheus']
  const module = path.join(import.meta.dirname, 'go')
  for (const name of names) {
    const target = prometheusProgram(name)
    const of = `github.com/prometheus/prometheus/cmd/${name}`
    if (!isExecutable(target)) buildProgram({ module, of, target, tags: TAGS })
  }
  return names.map(prometheusProgram)
}

if (process.argv[1] === import.meta.filename) process.stdout.write(`${ensurePrometheusPrograms().join('\n')}\n`)
