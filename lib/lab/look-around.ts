/** What `--keep` prints: how to look into the running lab from another terminal. Pure. */
import { deviceName, type LabPlan } from './address-plan.ts'
import type { Inside } from './isolation.ts'

export function renderLookAround(plan: LabPlan, inside: Inside): string[] {
  const user = inside.userNamespace ? ' -U --preserve-credentials' : ''
  const enter = `nsenter -t ${inside.hostPid}${user} -n -m -p`
  const [first, second] = plan.nodes
  const node = first?.name ?? 'node1'
  const device = deviceName(plan.families[0] ?? 'ipv4')
  const hasDevice = plan.backend === 'vxlan'
  const ofDevice = [
    `  ${enter} ip netns exec ${node} ip -d link show ${device}`,
    `  ${enter} ip netns exec ${node} ip neigh show dev ${device}`,
    `  ${enter} ip netns exec ${node} bridge fdb show dev ${device}`,
    `  ${enter} ip netns exec ${second?.name ?? node} ip link delete ${device}    (watch it come back)`,
  ]
  return [
    '',
    'The lab is left running. From another terminal:',
    `  ${enter} ip netns list`,
    `  ${enter} ip netns exec ${node} ip route`,
    ...(hasDevice ? ofDevice : []),
    `  ${enter} sh    (a shell inside; agents' files are in /run/vtepd-lab)`,
    'Ctrl-C here ends it and leaves nothing behind.',
  ]
}
