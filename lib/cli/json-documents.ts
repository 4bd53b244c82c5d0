/**
 * Every document that `--json` prints, by the name of its schema in docs/schemas: the one list that the schemas are generated from
 * (npm run build:schemas) and the tests go through. Types only. Must not: describe what a command does not print.
 */
import type { JournalEntry } from '../agent/window/journal.ts'
import type { AgentReport } from '../agent/window/report.ts'
import type { LabReport } from '../lab/report.ts'
import type { Manifest } from './bugreport/collect.ts'
import type { Report as CheckReport } from './commands/check.ts'
import type { Report as CleanupReport } from './commands/cleanup.ts'
import type { Report as CniReport } from './commands/cni.ts'
import type { Report as DiffReport } from './commands/diff.ts'
import type { Report as ExplainReport } from './commands/explain.ts'
import type { Report as LogLevelReport } from './commands/log-level.ts'
import type { ClusterReport as MeshClusterReport, Report as MeshReport } from './commands/mesh.ts'
import type { Report as PeersReport } from './commands/peers.ts'
import type { Report as ReleaseReport } from './commands/release.ts'
import type { Report as SysctlsReport } from './commands/sysctls.ts'
import type { Report as DryRunReport } from './dry-run/report.ts'
import type { ConfigReport } from './print-config.ts'
import type { VersionReport } from './version.ts'

export interface JsonDocuments {
  readonly bugreport: Manifest
  readonly check: CheckReport
  readonly cleanup: CleanupReport
  readonly cni: CniReport
  readonly diff: DiffReport
  /** One a line. */
  readonly events: JournalEntry
  readonly explain: ExplainReport
  readonly lab: LabReport
  readonly 'log-level': LogLevelReport
  readonly mesh: MeshReport
  /** Of `vtepd mesh --cluster --json`. */
  readonly 'mesh-cluster': MeshClusterReport
  readonly peers: PeersReport
  readonly release: ReleaseReport
  /** Of `vtepd run --print-config --json`. */
  readonly 'run-print-config': ConfigReport
  /** With `--watch` one a line. */
  readonly 'run-dry-run': DryRunReport
  readonly status: AgentReport
  readonly sysctls: SysctlsReport
  readonly version: VersionReport
}
