// Which tests run on another kernel. What never asks the kernel, and what needs programs that are no part of a machine's root (real
// Kubernetes, flanneld, NetworkManager, systemd, k3s), is not among them.
import { testFiles } from '../test-files.mjs'

/** All that asks the kernel: an hour or two a kernel. */
export const FULL = [
  'test/kernel/facts',
  'test/rtnl',
  'test/conformance',
  'test/firewall',
  'test/kernel/backends',
  'test/kernel/healing',
  'test/kernel/judgement',
  'test/kernel/handover',
  'test/kernel/histories.long.test.ts',
  'test/kernel/hostile-neighbour.test.ts',
  'test/kernel/packet-filter-iptables.test.ts',
  'test/kernel/packet-filter.test.ts',
]
const NOT_THERE = /handover\/(flanneld|release)|healing\/udevd|rtnl\/(abi|life-cycle|memory|values)/

/** A few minutes a kernel: something of each kind. */
export const SHORT = [
  'test/kernel/facts',
  'test/rtnl/addresses.test.ts',
  'test/rtnl/batch.test.ts',
  'test/rtnl/fdb-lookup.test.ts',
  'test/rtnl/hostile-records.test.ts',
  'test/rtnl/links.test.ts',
  'test/rtnl/monitor.test.ts',
  'test/conformance/conformance.test.ts',
  'test/kernel/healing/issue-2433.test.ts',
  'test/kernel/healing/device.test.ts',
  'test/kernel/packet-filter-iptables.test.ts',
  'test/kernel/packet-filter.test.ts',
]
/** Names of tests in the files of SHORT that stay out: they repeat another case of the same kind, or take minutes. */
export const SHORT_EXCEPT = [
  'buffers of (256|16)',
  '^thirty rebuilds',
  '^ipv6: ',
  '^ipv4, unpinned: (?!local|the parent is deleted|a second)',
  '^ipv4, pinned: the parent (?!is deleted)',
  '^ipv6, unpinned: ',
  '^ipv6, pinned: (?!another program)',
  '^ipv4: (a delete|a rule|every selector|rules|which)',
  '^ipv[46], (un)?pinned: the agent heals',
  '^ipv4 and ipv6, pinned: the agent heals',
  '^iptables-legacy -F',
  ': rules stand before|^from iptables|^with --firewall|^iptables -F|^where (neither|one)|^--vxlan|Docker',
].join('|')

/** Files of the tests below `names` (files or folders), each once. */
export function chosenFiles(repository, names) {
  const found = names.flatMap((name) => (name.endsWith('.ts') ? [name] : testFiles(repository, name, ['long'])))
  return [...new Set(found)].filter((file) => names.includes(file) || !NOT_THERE.test(file))
}
