/** A report as a lab in dual stack might make one, with all that a page can show, in it names that try to be more than names. */
import type { FamilyOutage, LabReport, PairSilence, ScenarioReport } from '../../../lib/lab/report.ts'
import type { MergedRow, Witness } from '../../../lib/lab/timeline.ts'
import { parseIp } from '../../../lib/net/ip.ts'

export const HOSTILE = `"><img src=x onerror=alert(1)></title><script>alert('1')</script>&amp;\u0007\u202e`

export const MADE = { date: '2026-01-02T03:04:05.678Z', kernel: '6.1.0' }

const row = (atMs: number, who: Witness, text: string, lastMs = atMs, count = 1): MergedRow => ({
  atMs,
  who,
  text,
  lastMs,
  count,
})

const outage = (family: FamilyOutage['family'], podsMs: number, nodesMs: number, ended = true): FamilyOutage => ({
  family,
  pods: { longestMs: podsMs, totalMs: podsMs, lost: podsMs / 2, ended },
  underlay: { longestMs: nodesMs, totalMs: nodesMs, lost: nodesMs / 2, ended },
  beyondUnderlayMs: podsMs - nodesMs,
})

const silence = (
  layer: PairSilence['layer'],
  family: PairSilence['family'],
  fromMs: number,
  toMs: number,
): PairSilence => ({
  layer,
  family,
  from: layer === 'overlay' ? 'node1-pod1' : 'node1',
  to: layer === 'overlay' ? HOSTILE : 'node2',
  runs: [{ fromMs, toMs, lost: Math.round((toMs - fromMs) / 2), ended: true }],
})

const whole = { pairs: 4, reached: 4, missing: [] }

/** One scene: silent from 1.4 to 191.6 ms. */
export const rebuilt: ScenarioReport = {
  name: 'issue-2433',
  title: 'issue 2433: mgmt0 deleted and rebuilt',
  node: 'node1',
  outages: [outage('ipv4', 190.2, 190.1)],
  steps: [],
  agentActed: { firstMs: 22.4, lastMs: 194 },
  bystandersLost: 0,
  recovered: true,
  oneWay: undefined,
  matrix: whole,
  timeline: [
    row(0, 'lab', 'deletes mgmt0 (ifindex 5)'),
    row(1.2, 'kernel', 'mgmt0 down'),
    row(1.4, 'probes', 'pods over IPv4: silent'),
    row(22.4, 'agent', 'flannel.1: ready → stranded (no interface is named mgmt0 (--iface))'),
    row(190.9, 'lab', 'mgmt0 is back (ifindex 7, 172.31.1.1)'),
    row(191.4, 'kernel', 'flannel.1: route added', 193, 2),
    row(191.6, 'probes', 'pods over IPv4: all answer again'),
    row(194, 'agent', 'flannel.1: stranded → ready'),
  ],
  silences: [silence('overlay', 'ipv4', 1.4, 191.6), silence('underlay', 'ipv4', 1.5, 191.6)],
  states: [
    { atMs: -900, device: 'flannel.1', state: 'creating' },
    { atMs: -812, device: 'flannel.1', state: 'ready' },
    { atMs: 22.4, device: 'flannel.1', state: 'stranded' },
    { atMs: 100, device: 'flannel.1', state: 'stranded' },
    { atMs: 194, device: 'flannel.1', state: 'ready' },
  ],
}

/** Two steps in both families; the second begins at 900 ms, damages at 905 and is silent from 910 to 935. */
export const stepped: ScenarioReport = {
  ...rebuilt,
  name: 'api-server-away',
  title: HOSTILE,
  outages: [outage('ipv4', 25, 0), outage('ipv6', 12, 0, false)],
  steps: [
    { title: 'the API server goes away', fromMs: 0, outages: [outage('ipv4', 0, 0), outage('ipv6', 0, 0)] },
    { title: HOSTILE, fromMs: 900, outages: [outage('ipv4', 25, 0), outage('ipv6', 12, 0)] },
  ],
  recovered: false,
  matrix: { pairs: 4, reached: 3, missing: [`${HOSTILE} → node1-pod1 (ipv6)`] },
  timeline: [
    row(0, 'lab', 'stops the API server'),
    row(30, 'agent', `warn: ${HOSTILE.repeat(3)}`),
    row(905, 'lab', 'deletes flannel.1 (ifindex 6)'),
    ...Array.from({ length: 70 }, (_, index) =>
      row(906 + index, 'agent', `flannel.1: effect number ${index} of the repair`),
    ),
  ],
  silences: [silence('overlay', 'ipv4', 910, 935), silence('overlay', 'ipv6', 911, 923)],
  states: [
    { atMs: -5, device: 'flannel.1', state: 'ready' },
    { atMs: 906, device: 'flannel.1', state: 'blind' },
    { atMs: 908, device: 'flannel.1', state: 'creating' },
    { atMs: 930, device: 'flannel.1', state: 'ready' },
    { atMs: -5, device: 'flannel-v6.1', state: 'ready' },
  ],
  oneWay: {
    families: [{ family: 'ipv4', silentMs: [4.7, 5.1], medianMs: 4.7, worstMs: 5.1, unannounced: undefined }],
    heardBy: 'tcpdump',
    announced: [{ ip: parseIp('172.31.1.1'), own: true, times: 2 }],
  },
}

const names = ['node1-pod1', HOSTILE, 'node3-pod1']
const agent = {
  node: 'node1',
  running: true,
  readyAfterMs: 300,
  cpuMs: 120,
  rssBytes: 70e6,
  complaints: 0,
  rest: undefined,
}

export const report: LabReport = {
  ok: false,
  error: HOSTILE,
  log: [`warn a.b: ${HOSTILE}`, 'info c.d: words'],
  options: {
    nodes: 14,
    pods: 6,
    families: ['ipv4', 'ipv6'],
    backend: 'vxlan',
    pinDevice: false,
    agentProgram: undefined,
    confined: false,
    claims: 'annotations',
    kube: 'embedded',
    kubePrograms: undefined,
    scenarios: ['issue-2433', 'api-server-away'],
    repeats: 2,
    unannouncedSeconds: 0,
    restSeconds: 3,
  },
  bringUp: { fabricMs: 1, readyMs: 1, matrix: { pairs: 12, reached: 11, missing: [`node1-pod1 → ${HOSTILE} (ipv6)`] } },
  cells: (['ipv4', 'ipv6'] as const).flatMap((family) =>
    names.flatMap((from) =>
      names
        .filter((to) => to !== from)
        .map((to) => {
          const silent = family === 'ipv6' && from === 'node1-pod1' && to === HOSTILE
          return {
            node: 'node1',
            from,
            to,
            family,
            sent: 5,
            arrived: silent ? 0 : 5,
            medianUs: silent ? undefined : 162,
          }
        }),
    ),
  ),
  scenarios: [rebuilt, stepped],
  agents: [agent, { ...agent, node: HOSTILE, running: false, rest: { ms: 3000, lines: 1, readinessChanges: 0 } }],
  totalMs: 9_900,
}
