/**
 * Every command of `vtepd`: its name, its line in the help, where its work and its flags are. The one list that help, completion and
 * manual pages are made of. Must not: load a command before it is asked for; only names stand here.
 */
import type { CommandAbout } from './flag-help.ts'
import type { FlagSpec } from './flag-spec.ts'

export interface CommandEntry {
  readonly name: string
  readonly summary: string
  readonly load: () => Promise<(argv: readonly string[]) => Promise<number>>
  readonly describe: () => Promise<Description>
}

export interface Description {
  readonly flags: readonly FlagSpec[]
  readonly about: CommandAbout
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'run',
    summary: "keep this node's overlay, until told to end",
    load: async () => (await import('./commands/run.ts')).runCommand,
    describe: async () => {
      const { RUN_FLAGS, RUN_ABOUT } = await import('./run-flags.ts')
      return { flags: RUN_FLAGS, about: RUN_ABOUT }
    },
  },
  {
    name: 'status',
    summary: 'how the agent on this host is',
    load: async () => (await import('./commands/status.ts')).statusCommand,
    describe: async () => (await import('./commands/status.ts')).STATUS,
  },
  {
    name: 'peers',
    summary: 'whom it knows, and whether their entries stand',
    load: async () => (await import('./commands/peers.ts')).peersCommand,
    describe: async () => (await import('./commands/peers.ts')).PEERS,
  },
  {
    name: 'diff',
    summary: "what the kernel's tables lack or have too much",
    load: async () => (await import('./commands/diff.ts')).diffCommand,
    describe: async () => (await import('./commands/diff.ts')).DIFF,
  },
  {
    name: 'mesh',
    summary: 'whether packets reach each node, as probes say',
    load: async () => (await import('./commands/mesh.ts')).meshCommand,
    describe: async () => (await import('./commands/mesh.ts')).MESH,
  },
  {
    name: 'events',
    summary: 'what it said lately, and says',
    load: async () => (await import('./commands/events.ts')).eventsCommand,
    describe: async () => (await import('./commands/events.ts')).EVENTS,
  },
  {
    name: 'log-level',
    summary: 'make it say more, or less',
    load: async () => (await import('./commands/log-level.ts')).logLevelCommand,
    describe: async () => (await import('./commands/log-level.ts')).LOG_LEVEL,
  },
  {
    name: 'explain',
    summary: 'how a packet to an address would go, hop by hop',
    load: async () => (await import('./commands/explain.ts')).explainCommand,
    describe: async () => (await import('./commands/explain.ts')).EXPLAIN,
  },
  {
    name: 'check',
    summary: 'whether this host has what an agent needs',
    load: async () => (await import('./commands/check.ts')).checkCommand,
    describe: async () => (await import('./commands/check.ts')).CHECK,
  },
  {
    name: 'bugreport',
    summary: 'what a maintainer needs, in one file, without secrets',
    load: async () => (await import('./commands/bugreport.ts')).bugreportCommand,
    describe: async () => (await import('./commands/bugreport.ts')).BUGREPORT,
  },
  {
    name: 'cni',
    summary: 'put CNI configuration and plugins in place',
    load: async () => (await import('./commands/cni.ts')).cniCommand,
    describe: async () => {
      const { CNI_FLAGS, CNI_ABOUT } = await import('./cni/flags.ts')
      return { flags: CNI_FLAGS, about: CNI_ABOUT }
    },
  },
  {
    name: 'sysctls',
    summary: "set once what pods need of this host's settings",
    load: async () => (await import('./commands/sysctls.ts')).sysctlsCommand,
    describe: async () => {
      const { SYSCTLS_FLAGS, SYSCTLS_ABOUT } = await import('./sysctls-flags.ts')
      return { flags: SYSCTLS_FLAGS, about: SYSCTLS_ABOUT }
    },
  },
  {
    name: 'mirror',
    summary: 'write claims as small objects, for large clusters',
    load: async () => (await import('./commands/mirror.ts')).mirrorCommand,
    describe: async () => {
      const { MIRROR_FLAGS, MIRROR_ABOUT } = await import('./mirror-flags.ts')
      return { flags: MIRROR_FLAGS, about: MIRROR_ABOUT }
    },
  },
  {
    name: 'lab',
    summary: 'build a fabric of nodes here, break it, watch it heal',
    load: async () => (await import('./commands/lab.ts')).runLabCommand,
    describe: async () => (await import('./lab-flags.ts')).LAB,
  },
  {
    name: 'release',
    summary: 'hand this node over to flannel without losing a packet',
    load: async () => (await import('./commands/release.ts')).releaseCommand,
    describe: async () => {
      const { RELEASE_FLAGS, RELEASE_ABOUT } = await import('./release/flags.ts')
      return { flags: RELEASE_FLAGS, about: RELEASE_ABOUT }
    },
  },
  {
    name: 'cleanup',
    summary: 'remove what vtepd left in the kernel and on disk',
    load: async () => (await import('./commands/cleanup.ts')).cleanupCommand,
    describe: async () => {
      const { CLEANUP_FLAGS, CLEANUP_ABOUT } = await import('./cleanup/flags.ts')
      return { flags: CLEANUP_FLAGS, about: CLEANUP_ABOUT }
    },
  },
  {
    name: 'completion',
    summary: 'what makes a shell complete this command',
    load: async () => (await import('./commands/completion.ts')).completionCommand,
    describe: async () => (await import('./commands/completion.ts')).COMPLETION,
  },
]

/** Answered by main.ts itself. */
export const ANSWERED_AT_ONCE: readonly Pick<CommandEntry, 'name' | 'summary'>[] = [
  { name: 'version', summary: 'print the version; --json: as a document' },
  { name: 'help', summary: 'print this, or the flags of a command: vtepd help run' },
]
