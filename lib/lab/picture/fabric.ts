/** The lab's network as boxes below one underlay: what each node is and has. Pure. Must not: look at a real network. */
import type { LabPlan, NodePlan } from '../address-plan.ts'
import { deviceName } from '../address-plan.ts'
import { type Markup, markup } from './markup.ts'

/** Further ones are like these. */
const SHOWN_NODES = 12
const SHOWN_PODS = 4

/** `claims` and `kube` as the lab was asked for. */
export function drawFabric(plan: LabPlan, kube: string): Markup {
  const shown = plan.nodes.slice(0, SHOWN_NODES)
  const last = plan.nodes.at(-1)
  const more = plan.nodes.length - shown.length
  const rest =
    more > 0 &&
    last !== undefined &&
    markup`<p class="faint">and ${more} more of the kind, up to ${last.name}: ${last.underlay.join(', ')}, ${last.subnets.join(', ')}</p>`
  return markup`<div class="underlay"><strong>underlay</strong> <span>${plan.labAddresses.join(', ')}</span> <span>API server (${kube})</span></div>
<ul class="nodes">${shown.map((node) => drawNode(node, plan))}</ul>${rest}`
}

function drawNode(node: NodePlan, plan: LabPlan): Markup {
  const devices = plan.backend === 'vxlan' ? plan.families.map(deviceName).join(', ') : 'routes through mgmt0'
  const pods = node.pods.slice(0, SHOWN_PODS).map(({ name, addresses }) => fact(name, addresses))
  const more = node.pods.length - SHOWN_PODS
  return markup`<li><h3>${node.name}</h3><dl>${fact('mgmt0', node.underlay)}${fact('vtepd run', [devices, `MTU ${plan.overlayMtu}`])}${fact('cni0', node.subnets)}${pods}${more > 0 && fact('pods', [`and ${more} more`])}</dl></li>
`
}

function fact(name: string, values: readonly string[]): Markup {
  return markup`<div><dt>${name}</dt><dd>${values.map((value) => markup`<span>${value}</span> `)}</dd></div>`
}
