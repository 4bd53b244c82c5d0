/**
 * The package's entry point `vtepd`: run an agent inside another program, with one's own log and configuration.
 * The kernel's door alone is `vtepd/rtnl`. What is not exported here may change with every version.
 */
export { type Agent, type AgentParts, startAgent } from './agent/agent.ts'
export type { AgentConfig, FileLeasesConfig, FirewallConfig, KubeLeasesConfig } from './agent/config.ts'
export type { AgentStatus } from './agent/status.ts'
export { parseNetwork } from './cluster/net-conf.ts'
export type { Network, VxlanBackend } from './cluster/network.ts'
export * from './errors.ts'
export { systemClock } from './host/clock.ts'
export { createLog } from './host/log.ts'
export { type Cidr, parseCidr } from './net/cidr.ts'
export { type Family, type Ip, parseIp } from './net/ip.ts'
export { type Lladdr, parseLladdr } from './net/lladdr.ts'
export { type Mtu, parseMtu } from './net/mtu.ts'
export { parseVni, type Vni } from './net/vni.ts'
export type { UnderlayChoice } from './underlay/choice.ts'
export type { Clock, Timer } from './util/clock.ts'
export type { Log, LogFields, LogLevel } from './util/log.ts'
