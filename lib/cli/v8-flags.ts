/**
 * V8's flags of the command: its optimizers cost memory as soon as one runs once, 4 MB or more. Reading a small cluster's
 * leases shall not wake them, nor a small function that runs for each character of a path while modules are loaded, which V8
 * would optimize at once; the loops over 100,000 peers still do (CONTRIBUTING.md).
 * Pure: who sets them is main.ts.
 */

/** Until V8 11 (Node 21) a function's bytecodes are counted. */
const BY_BUDGET = ['--interrupt-budget=1000000', '--max-bytecode-size-for-early-opt=0'] as const
/** Then its calls. Fifteen times the default each. */
const BY_CALLS = [
  '--invocation-count-for-turbofan=45000',
  '--invocation-count-for-osr=12000',
  '--invocation-count-for-early-optimization=45000',
  '--invocation-count-for-maglev=6000',
  '--invocation-count-for-maglev-osr=1500',
] as const

/** Code of the baseline compiler, 1.4 MB of it; what runs often is compiled by the next one in any case. And a heap that V8 keeps small. */
const ALWAYS = ['--no-sparkplug', '--optimize-for-size'] as const

/** `version`: of process.versions.v8. A flag that V8 does not know would be complained about on standard error. */
export function v8Flags(version: string): readonly string[] {
  return [...ALWAYS, ...(Number.parseInt(version, 10) < 12 ? BY_BUDGET : BY_CALLS)]
}
