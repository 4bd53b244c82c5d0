import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseLabArguments } from '../../lib/cli/lab-flags.ts'
import { ConfigError } from '../../lib/errors.ts'
import { type LabOptions, SCENARIO_NAMES } from '../../lib/lab/options.ts'

function optionsOf(...argv: string[]): LabOptions {
  const request = parseLabArguments(argv)
  assert.equal(request.kind, 'run')
  return request.options
}

test('without arguments: three nodes with a pod each, IPv4 only, all scenarios', () => {
  assert.deepEqual(optionsOf(), {
    nodes: 3,
    pods: 1,
    families: ['ipv4'],
    backend: 'vxlan',
    pinDevice: false,
    agentProgram: undefined,
    confined: false,
    claims: 'annotations',
    keep: false,
    verbose: false,
    json: false,
    html: undefined,
    svg: undefined,
    kube: 'embedded',
    kubePrograms: undefined,
    scenarios: SCENARIO_NAMES,
    repeats: 4,
    unannouncedSeconds: 3,
    restSeconds: 0,
  })
})

test('each flag is heard', () => {
  const given = [
    '--nodes',
    '20',
    '--pods=2',
    '--dual',
    '--pin-device',
    '--agent=/opt/vtepd/bin/vtepd',
    '--keep',
    '--verbose',
    '--json',
  ]
  const times = ['--repeats', '20', '--unannounced', '0', '--rest=60', '--confined', '--claims=objects']
  const kube = ['--kube', 'real', '--kube-programs', '/built']
  const files = ['--html', 'page.html', '--svg=timeline.svg']
  assert.deepEqual(optionsOf(...given, ...kube, ...times, ...files, '--scenario', 'mac-changed'), {
    nodes: 20,
    pods: 2,
    families: ['ipv4', 'ipv6'],
    backend: 'vxlan',
    pinDevice: true,
    agentProgram: '/opt/vtepd/bin/vtepd',
    confined: true,
    claims: 'objects',
    keep: true,
    verbose: true,
    json: true,
    html: 'page.html',
    svg: 'timeline.svg',
    kube: 'real',
    kubePrograms: '/built',
    scenarios: ['mac-changed'],
    repeats: 20,
    unannouncedSeconds: 0,
    restSeconds: 60,
  })
  assert.deepEqual(optionsOf('--ipv6').families, ['ipv6'])
  assert.deepEqual(optionsOf('--ipv4').families, ['ipv4'])
})

test('scenarios are played in the one order, whatever the order of the flags', () => {
  const { scenarios } = optionsOf('--scenario', 'mac-changed', '--scenario', 'issue-2433')
  assert.deepEqual(scenarios, ['issue-2433', 'mac-changed'])
  assert.deepEqual(optionsOf('--scenario', 'none').scenarios, [])
})

test('--help asks for help whatever else is there, and names each flag', () => {
  const request = parseLabArguments(['--nodes', 'many', '--help'])
  assert.ok(request.kind === 'help')
  for (const name of ['nodes <number>', 'dual', 'kube <embedded|real>', 'scenario <name>', 'json'])
    assert.ok(request.text.includes(`--${name} `), name)
  for (const name of SCENARIO_NAMES) assert.ok(request.text.includes(name), name)
})

test("flags are read as every command reads them: one dash or two, Go's numbers, Go's booleans", () => {
  const { nodes, json, keep } = optionsOf('-nodes', '0x10', '--json=true', '-keep=false')
  assert.deepEqual([nodes, json, keep], [16, true, false])
})

for (const [argv, message] of [
  [['--nodes', '1'], /^--nodes: '1' is not a whole number from 2 to 250$/],
  [['--nodes', '251'], /^--nodes: '251'/],
  [['--nodes', '3.5'], /^--nodes: '3\.5' is not a whole number$/],
  [['--pods', '0'], /^--pods: '0' is not a whole number from 1 to 100$/],
  [['--ipv4', '--ipv6'], /^--ipv6: cannot be combined with --ipv4; for both families give --dual$/],
  [['--dual', '--ipv6'], /cannot be combined/],
  [['--scenario', 'flood'], /^--scenario: 'flood' is unknown; known: issue-2433, /],
  [['--scenario', 'none', '--scenario', 'issue-2433'], /^--scenario: 'none' stands alone$/],
  [['--repeats', '0'], /^--repeats: '0' is not a whole number from 1 to 1000$/],
  [['--unannounced', '-1'], /^--unannounced: '-1' is not a whole number from 0 to 3600$/],
  [['--rest', '3601'], /^--rest: '3601'/],
  [['--kube', 'k3s'], /^--kube: 'k3s' is unknown; known: embedded, real$/],
  [['--svg', 'a.svg'], /^--svg: needs exactly one --scenario$/],
  [['--kube-programs', '/built'], /^--kube-programs: is for --kube real$/],
  [['--node', '3'], /^--node: is not a flag of vtepd lab; did you mean --nodes\? \(vtepd lab --help lists them\)$/],
  [['three'], /^argument 'three': is unexpected; vtepd lab takes flags only$/],
  [['--keep', 'false'], /a boolean flag takes its value with an equals sign: --flag=false$/],
] as const) {
  test(`'${argv.join(' ')}' is refused by name`, () => {
    assert.throws(
      () => parseLabArguments(argv),
      (error) => error instanceof ConfigError && message.test(error.message),
    )
  })
}

test('host-gw leaves out the scenarios that damage a device, and refuses them by name', () => {
  const options = optionsOf('--backend=host-gw')
  assert.deepEqual([options.backend, options.scenarios], ['host-gw', ['issue-2433', 'api-server-away', 'one-way']])
  assert.throws(() => parseLabArguments(['--backend=host-gw', '--scenario=mac-changed']), /damages the VXLAN device/)
  assert.throws(() => parseLabArguments(['--backend=udp']), /'udp' is unknown; known: vxlan, host-gw/)
})
