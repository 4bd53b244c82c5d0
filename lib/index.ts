/**
 * The package's entry point `vtepd`: an agent inside another program (docs/module.md). The kernel's door alone is `vtepd/rtnl`. What
 * is not exported here may change with every version.
 */
export type { Check } from './agent/checks.ts'
export type { AgentStatus } from './agent/status.ts'
export type { JournalEntry, StandingFault } from './agent/window/journal.ts'
export type { MeshSummary } from './agent/window/mesh-report.ts'
export type { AgentReport, FamilyReport, LeasesReport } from './agent/window/report.ts'
export * from './errors.ts'
export { createLog, type LeveledLog, type LogOptions } from './host/log.ts'
export type { LeaseContext, LeaseSource, LeasesTold, NodeFamily, NodeLease } from './leases/custom-port.ts'
export type { MeshState } from './mesh/verdict.ts'
export { type Agent, createAgent } from './module/create-agent.ts'
export type { AgentEvent, AgentEvents, AgentHeal, AgentListener } from './module/events.ts'
export type { AgentOptions, AgentSettings } from './module/settings.ts'
export type { Family } from './net/ip.ts'
export type { Log, LogFields, LogLevel, Stands } from './util/log.ts'
