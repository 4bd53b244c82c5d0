/**
 * Hand-made faults of the device machine and what surrounds it, and of who holds what: each is a plausible mistake, made by replacing one piece of
 * text. Must not: contain a change that leaves the behaviour as it is.
 */

export interface Mutant {
  readonly name: string
  /** Below the repository's root. */
  readonly file: string
  /** Must stand in the file exactly once. */
  readonly find: string
  readonly replace: string
  /** Who kills it; default: the property test of the whole family. */
  readonly test?: string
}

const machine = 'lib/device/machine.ts'
const decide = 'lib/device/decide.ts'
const vtep = 'lib/device/vtep.ts'
const accepted = 'lib/leases/accepted'
const familyClaims = `${accepted}/family-claims.ts`
const conflicts = `${accepted}/conflicts.ts`
const nftTable = 'lib/firewall/nft-table.ts'
const packetFilter = 'lib/agent/packet-filter.ts'
const holders = 'test/leases/accepted/holders.test.ts'

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'what happens during a look is forgotten',
    file: machine,
    find: 'return machine.dirty ? observe(rested) : same(rested)',
    replace: 'return same(rested)',
  },
  {
    name: 'a write is not looked at again',
    file: machine,
    find: "return answers(machine, event.epoch, 'applying') ? observe(machine) : same(machine)",
    replace:
      "return answers(machine, event.epoch, 'applying') ? same({ ...machine, phase: { name: 'idle' } }) : same(machine)",
  },
  {
    name: 'a write that failed is not tried again',
    file: machine,
    find: "return pause({ ...machine, ...FORGOTTEN, state: unsettled(machine.state, because) }, 'trouble')",
    replace: "return same({ ...machine, ...FORGOTTEN, phase: { name: 'idle' } })",
  },
  {
    name: 'a failed look is not repeated',
    file: machine,
    find: "return pause({ ...machine, state: unsettled(machine.state, event.because) }, 'trouble')",
    replace: "return same({ ...machine, phase: { name: 'idle' } })",
  },
  {
    name: 'a dump that stayed interrupted is believed',
    file: machine,
    find: "if (interrupted) return pause(rested, 'trouble')",
    replace: '',
  },
  {
    name: 'a look that began before our link died is believed',
    file: machine,
    find: "if (machine.phase.name === 'observing' && machine.phase.stale) return observe(machine)",
    replace: '',
    test: 'test/device/transitions.test.ts',
  },
  {
    name: 'what another program blocks is never looked at again',
    file: machine,
    find: "return pause({ ...settled, state: { name: 'blocked', because: decision.because, fatal: false } }, 'refusal')",
    replace:
      "return same({ ...settled, state: { name: 'blocked', because: decision.because, fatal: false }, phase: { name: 'applying' }, epoch: settled.epoch + 1 })",
  },
  {
    name: 'a refusal is held against what stood beside it',
    file: machine,
    find: 'refused: refuse(machine, [op], because)',
    replace: "refused: refuse(machine, JSON.parse(machine.last?.ops ?? '[]'), because)",
    test: 'test/device/transitions.test.ts',
  },
  {
    name: 'patience over an earlier flaw forgets what is in flight',
    file: machine,
    find: "disturb(machine.phase.name === 'applying' ? machine : { ...machine, ...FORGOTTEN })",
    replace: 'disturb({ ...machine, ...FORGOTTEN })',
    test: 'test/device/transitions.test.ts',
  },
  {
    name: 'a repair that waits for the governor is forgotten',
    file: 'lib/agent/device-runner.ts',
    find: 'held = { epoch, timer: clock.after(waitMs, () => release()) }',
    replace: '',
  },
  {
    name: 'what a pause is over is never looked at again',
    file: 'lib/agent/device-runner.ts',
    find: "after('pause', governor.waitMs([over], longestMs), { type: 'due', epoch })",
    replace: 'undefined',
  },
  {
    name: 'the machine’s MAC address is settled anew at every look',
    file: machine,
    find: 'const lladdr = machine.lladdr ?? settleFromDevice(machine, observation)',
    replace: 'const lladdr = settleFromDevice(machine, observation)',
  },
  {
    name: 'a device that is down is taken for ready',
    file: vtep,
    find: "shall('up', link.up, true, { up: true })",
    replace: '',
  },
  {
    name: 'a changed underlay address is not followed',
    file: vtep,
    find: "shall('local', actual.local, spec.local, { vxlan: { local: spec.local } })",
    replace: '',
  },
  {
    name: 'the MTU of the underlay is not followed',
    file: vtep,
    find: "shall('mtu', link.mtu, mtu, { mtu })",
    replace: '',
  },
  {
    name: 'a changed MAC address is left as it is',
    file: vtep,
    find: "shall('lladdr', link.lladdr, spec.lladdr, { lladdr: spec.lladdr })",
    replace: '',
  },
  {
    name: 'a device in a bridge stays there',
    file: decide,
    find: 'if (seen.bridged) {',
    replace: 'if (seen.bridged && ops.length > 99) {',
  },
  {
    name: 'a missing overlay address is not added',
    file: decide,
    find: 'for (const address of plan.add) {',
    replace: 'for (const address of plan.add.slice(1)) {',
  },
  {
    name: 'a renamed device keeps its new name',
    file: vtep,
    find: "shall('name', link.ifname, spec.ifname, { ifname: spec.ifname })",
    replace: '',
  },
  {
    name: 'the reconciler is not told about a new device',
    file: 'lib/agent/family-overlay.ts',
    find: 'if (deviceOf(to) !== undefined && !sameDevice(deviceOf(from), deviceOf(to))) peers.mark()',
    replace: '',
  },
  {
    name: 'an incomplete view deletes',
    file: 'lib/agent/peer-round.ts',
    find: 'complete: view.synced && !interrupted }',
    replace: 'complete: !interrupted }',
  },
  {
    name: 'a round that failed is not repeated',
    file: 'lib/agent/peer-reconciler.ts',
    find: 'tryAgainIn(LONGEST_MS)\n    },',
    replace: '},',
  },
  {
    name: 'entries that the kernel refused are not tried again',
    file: 'lib/agent/peer-reconciler.ts',
    find: 'if (done.retry + done.failed > 0) {\n      tryAgainIn(',
    replace: 'if (done.retry + done.failed > 9999) {\n      tryAgainIn(',
    test: 'test/agent/family-overlay.test.ts',
  },
  {
    name: 'a round that is due later is never made',
    file: 'lib/util/due-time.ts',
    find: 'if (ms > 0) timer = clock.after(ms, mark)',
    replace: 'timer = undefined',
  },
  {
    name: 'an exception in a handler is answered by nothing',
    file: 'lib/agent/containment.ts',
    find: 'parts.onCaught()',
    replace: '',
    test: 'test/agent/looks.test.ts',
  },
  {
    name: 'a Node made anew under its name inherits what the former held',
    file: `${accepted}/claim.ts`,
    find: 'before?.uid !== after.uid || ',
    replace: '',
    test: holders,
  },
  {
    name: 'what is held is lost while the rest of the claim is wrong',
    file: familyClaims,
    find: 'held.set(claim, holds & ALL)',
    replace: 'held.set(claim, 0)',
    test: holders,
  },
  {
    name: 'of what arrives together the first that is heard has it',
    file: familyClaims,
    find: '(held.get(claim) ?? arrived.get(claim) ?? ALL)',
    replace: '(held.get(claim) ?? ALL)',
    test: holders,
  },
  {
    name: 'who shares an lladdr holds it',
    file: conflicts,
    find: 'twin === undefined ? ALL : ALL & ~LLADDR',
    replace: 'ALL',
    test: holders,
  },
  {
    name: 'an lladdr that is derived is held by whoever was first',
    file: conflicts,
    find: 'if (isDerived(one)) taken.prefer(one)',
    replace: 'isDerived(one)',
    test: holders,
  },
  {
    name: 'a refused claim is accepted from the cache',
    file: familyClaims,
    find: 'isComplete(part, backend.type) && (holds & REFUSED) === 0',
    replace: 'isComplete(part, backend.type)',
    test: holders,
  },
  {
    name: 'a holder keeps nothing against an older Node',
    file: conflicts,
    find: 'for (const candidate of candidates) taken.reserve(candidate)',
    replace: '',
    test: holders,
  },
  {
    name: 'an FDB entry goes with the first of its users',
    file: 'lib/overlay/desired-book.ts',
    find: 'for (const node of holdersOf(peer, abi.KIND_FDB)) nodes.add(node)',
    replace: ';',
    test: 'test/overlay/desired-book.test.ts',
  },
  {
    name: "a rule for outside clients is swapped, as flannel's for nftables is",
    file: 'lib/firewall/ruleset.ts',
    find: "{ saddr: isNot(network), daddr: is(subnet), verdict: 'return' },",
    replace: "{ saddr: isNot(subnet), daddr: is(network), verdict: 'return' },",
    test: 'test/firewall/golden.test.ts',
  },
  {
    name: 'a failed question is taken for absence',
    file: 'lib/firewall/nft-tool.ts',
    find: "chains.outcome !== 'done' || ",
    replace: "chains.outcome === 'done' && ",
    test: 'test/firewall/nft-table.test.ts',
  },
  {
    name: 'rules are exchanged in place whatever else is in the table',
    file: nftTable,
    find: 'chains.get(name)?.[0] === base',
    replace: 'chains.has(name)',
    test: 'test/firewall/nft-table.test.ts',
  },
  {
    name: 'what is no chain is passed over',
    file: nftTable,
    find: 'others.length === 0 &&',
    replace: '',
    test: 'test/firewall/nft-table.test.ts',
  },
  {
    name: 'damage to the packet filter is not heard',
    file: packetFilter,
    find: 'tool?.watch(pace.touched)',
    replace: '',
    test: 'test/agent/packet-filter.test.ts',
  },
  {
    name: 'packet filter rules that could not be written are not tried again',
    file: 'lib/agent/filter-pace.ts',
    find: 'due.within(governor.waitMs([name], PATIENT_MS))',
    replace: '',
    test: 'test/agent/packet-filter.test.ts',
  },
  {
    name: 'peers are shut out of the VXLAN port on a view that is not complete',
    file: 'lib/agent/vxlan-allow.ts',
    find: 'if (view.synced) known',
    replace: 'if (true) known',
    test: 'test/agent/vxlan-allow.test.ts',
  },
]
