import { expect, test } from 'vitest'
import type { ForwarderModel } from '../../../src/rules/model.ts'
import { rulesOf } from '../../support/findings.ts'

function forwardersOf(files: Readonly<Record<string, string>>, env: NodeJS.ProcessEnv = {}) {
  const { read, lines, folder } = rulesOf(files, env)
  const errors = lines.filter((line) => line.includes(' error: '))
  expect(errors).toEqual([])
  const models = read.model?.tenants.flatMap((tenant) =>
    tenant.forwarders.map((forwarder): [string, ForwarderModel] => [
      `${tenant.name}/${forwarder.name}`,
      forwarder,
    ]),
  )
  return { forwarders: new Map(models), provider: read.model?.provider ?? [], model: read.model, folder }
}

const TEMPLATE = `version: 1
templates:
  standard:
    parameters:
      siem: { description: host of the SIEM }
      port: { default: 6514 }
      only: { default: { action: [DROP, REJECT] } }
    rate_max: 5000
    forwarders:
      - name: siem
        to: "tls://\${siem}:\${port}"
        tls: { ca: certs.pem, server_name: "\${tenant}.example" }
        where: "\${only}"
        retry: { first: 1s }
      - name: archive
        to: "file:out/\${tenant}-\${org.name}.log"
        where: { message: "$\${x}" }
`

const tenantOf = (name: string, rest: string): string => `version: 1
tenants:
  - name: ${name}
    org: { id: a93c3d5e-6f1b-4c8e-9d2a-1b7f0e5c4a10, name: ORG }
    labels: [${name}]
${rest}`

test('tenants that use a template have its forwarders, with their own values in it', () => {
  const { forwarders, model, folder } = forwardersOf({
    'certs.pem': '',
    'a.yaml': TEMPLATE.replace('ca: certs.pem, ', ''),
    'b.yaml': tenantOf('acme', '    use: standard\n    with: { siem: 10.0.0.1 }\n'),
    'c.yaml': tenantOf(
      'globex',
      '    use: [standard]\n    with: { siem: siem.globex, port: 6600, only: { port: 443 } }\n    rate_max: 7\n',
    ),
  })
  expect([...forwarders.keys()]).toEqual(['acme/siem', 'acme/archive', 'globex/siem', 'globex/archive'])
  const acme = forwarders.get('acme/siem')
  const globex = forwarders.get('globex/siem')
  expect(acme?.settings.to).toEqual({ scheme: 'tls', host: '10.0.0.1', port: 6514 })
  expect(globex?.settings.to).toEqual({ scheme: 'tls', host: 'siem.globex', port: 6600 })
  expect(acme?.settings.tls.server_name).toBe('acme.example')
  expect(acme?.where).toEqual({ op: 'equals', field: 'firewall.action', values: ['DROP', 'REJECT'] })
  expect(globex?.where).toEqual({ op: 'between', field: 'firewall.port', ranges: [[443, 443]] })
  expect(forwarders.get('acme/archive')?.settings.to).toEqual({
    scheme: 'file',
    path: `${folder}/out/acme-ORG.log`,
  })
  expect(forwarders.get('acme/archive')?.where).toMatchObject({ values: ['${x}'] })
  expect(model?.tenants.map(({ rate_max }) => rate_max)).toEqual([5000, 7])
})

test('a forwarder of the same name changes the template’s, another one is added', () => {
  const { forwarders } = forwardersOf({
    'a.yaml': TEMPLATE.replace('ca: certs.pem, ', ''),
    'b.yaml': tenantOf(
      'acme',
      `    use: standard
    with: { siem: 10.0.0.1 }
    forwarders:
      - { name: siem, where: { severity: 3 }, retry: { max: 9s } }
      - { name: more, to: "udp://10.0.0.3" }
`,
    ),
  })
  expect([...forwarders.keys()]).toEqual(['acme/siem', 'acme/archive', 'acme/more'])
  const siem = forwarders.get('acme/siem')
  expect(siem?.settings.retry).toEqual({ first: 1000, max: 9000 })
  expect(siem?.where).toEqual({ op: 'between', field: 'severity', ranges: [[3, 3]] })
})

test('defaults go to those that do not say otherwise and can do something with them', () => {
  const { forwarders, provider } = forwardersOf({
    'a.yaml': `version: 1
defaults:
  forwarders: { replay: 1MiB, retry: { first: 1s, max: 5s }, format: rfc5424, queue: { disk_max: 5GiB } }
  tenant_forwarders: { framing: octet-counting, retry: { max: 6s } }
  provider_forwarders: { concurrency: 1, spool: always }
tenants:
  - name: acme
    labels: [acme]
    forwarders:
      - { name: a, to: "tcp://10.0.0.1" }
      - { name: b, to: "tcp://10.0.0.2", framing: newline, retry: { max: 7s } }
      - { name: c, to: "https://10.0.0.3/" }
provider:
  forwarders:
    - { name: all, to: "udp://10.0.0.1", queue: { memory_max: 1MiB } }
`,
  })
  const a = forwarders.get('acme/a')?.settings
  expect([a?.replay, a?.framing, a?.format, a?.retry]).toEqual([
    2 ** 20,
    'octet-counting',
    'rfc5424',
    { first: 1000, max: 6000 },
  ])
  const b = forwarders.get('acme/b')?.settings
  expect([b?.framing, b?.retry]).toEqual(['newline', { first: 1000, max: 7000 }])
  const c = forwarders.get('acme/c')?.settings
  expect([c?.format, c?.framing, c?.queue.disk_max]).toEqual(['json', 'none', 5 * 2 ** 30])
  const [all] = provider
  expect(all?.settings.spool).toBe('always')
  expect(all?.settings.queue).toEqual({
    memory_max: 2 ** 20,
    disk_max: 5 * 2 ** 30,
    when_full: 'drop_oldest',
  })
})

test('every value knows the file and line where it was written', () => {
  const { forwarders, folder } = forwardersOf({
    'a.yaml': TEMPLATE.replace('ca: certs.pem, ', ''),
    'b.yaml': tenantOf(
      'acme',
      `    use: standard
    with:
      siem: 10.0.0.1
      only: { port: 443 }
    forwarders:
      - { name: siem, retry: { max: 9s } }
`,
    ),
    'd.yaml': 'version: 1\ndefaults:\n  forwarders: { replay: 1MiB }\n',
  })
  const siem = forwarders.get('acme/siem')
  const where = (...path: (string | number)[]): string => {
    const source = siem?.source
    const { yaml, path: at, from } = source?.report.origin([...source.path, ...path]) ?? { yaml: undefined }
    const place = yaml?.place(at ?? [])
    return `${place?.file.replace(`${folder}/`, '')}:${place?.line}:${place?.column} ${from}`.trim()
  }
  expect(where('to')).toBe('a.yaml:11:13 template standard')
  expect(where('retry', 'first')).toBe('a.yaml:14:25 template standard')
  expect(where('retry', 'max')).toBe('b.yaml:11:37')
  expect(where('where', 'port')).toBe('b.yaml:9:21')
  expect(where('replay')).toBe('d.yaml:3:25 defaults.forwarders')
  expect(siem?.where_place).toMatchObject({ file: `${folder}/b.yaml`, line: 9 })
})

test('references in a template are resolved with the parameters in place, and stay secret', () => {
  const { forwarders } = forwardersOf(
    {
      'a.yaml': `version: 1
templates:
  hec:
    parameters: { key: {} }
    forwarders:
      - { name: a, to: "https://10.0.0.1/", token: { env: "TOKEN_\${tenant}" } }
      - { name: b, to: "https://10.0.0.2/", token: "\${key}" }
`,
      'b.yaml': tenantOf('acme', '    use: hec\n    with: { key: { env: KEY } }\n'),
    },
    { TOKEN_acme: 'of-acme', KEY: 'given' },
  )
  expect(forwarders.get('acme/a')?.settings.http.token).toBe('of-acme')
  expect(forwarders.get('acme/b')?.settings.http.token).toBe('given')
})

test('mistakes stand where they were made, once, with the tenant that shows them', () => {
  const { lines } = rulesOf(
    {
      'a.yaml': `version: 1
templates:
  bad:
    parameters: { siem: {}, "no name": {}, tenant: {}, port: 5 }
    forwarders:
      - name: "a\${nobody}"
        to: ftp://\${siem}
      - { name: b, to: "https://10.0.0.1/?\${secret}", token: in-the-file }
    forwarder: []
  more:
    parameters: { secret: {} }
    forwarders: [{ name: c, to: "https://10.0.0.1/", where: { message: "\${secret}x" } }]
  unused: {}
defaults:
  forwarders: { framng: newline, to: "udp://10.0.0.1", token: x }
  tenants: {}
`,
      'b.yaml': tenantOf('acme', '    use: bad\n    with: { siem: x, sim: y }\n'),
      'c.yaml': tenantOf('globex', '    use: [bad]\n    with: { siem: x }\n'),
      'd.yaml': tenantOf('initech', '    use: [bad, beter, 5]\n'),
      'e.yaml': tenantOf('hooli', '    with: { siem: x }\n    use: more\n'),
      'f.yaml': tenantOf('umbra', '    with: { secret: { env: S } }\n    use: more\n'),
      'g.yaml': tenantOf('vandelay', '    use: bad\n'),
      'h.yaml': 'version: 1\ntemplates: { bad: {} }\ndefaults: { forwarders: {} }\n',
    },
    { S: 'planted' },
  )
  expect(lines.filter((line) => !line.includes('same organisation'))).toMatchInlineSnapshot(`
    [
      "a.yaml:4:29: error: templates.bad.parameters["no name"]: "no name" is not a name | use letters, digits and \`_\`, beginning with a letter",
      "a.yaml:4:44: error: templates.bad.parameters.tenant: \`tenant\` is the name of the tenant | use letters, digits and \`_\`, beginning with a letter",
      "a.yaml:4:62: error: templates.bad.parameters.port: expected nothing or a mapping, found a number | write \`{ default: … }\` for a value that may be left out",
      "a.yaml:6:15: error: templates.bad.forwarders[0].name: is not a name | use 1 to 64 letters, digits, \`.\`, \`_\` and \`-\`, beginning with a letter or digit; used at b.yaml:6",
      "a.yaml:6:17: error: templates.bad.forwarders[0].name: there is no parameter "nobody" | parameters are siem, tenant, org.id, org.name",
      "a.yaml:7:13: error: templates.bad.forwarders[0].to: unknown scheme "ftp" | use one of udp, tcp, tls, relp, relp-tls, http, https, file; used at b.yaml:6",
      "a.yaml:8:43: error: templates.bad.forwarders[1].to: there is no parameter "secret" | parameters are siem, tenant, org.id, org.name",
      "a.yaml:8:62: error: templates.bad.forwarders[1].token: a token must not stand in a rules file | write \`token: { env: NAME }\` or \`token: { file: PATH }\`, and use another token: this one stands in a file; used at b.yaml:6",
      "a.yaml:9:5: error: templates.bad.forwarder: unknown key "forwarder" | did you mean \`forwarders\`?",
      "a.yaml:12:72: error: templates.more.forwarders[0].where.message: the value of secret comes from outside the file and must not become a part of a text | let it be the whole text: \`\${secret}\`",
      "a.yaml:13:3: warning: templates.unused: no tenant uses template "unused" | remove it, or name it with \`use:\`",
      "a.yaml:15:17: error: defaults.forwarders.framng: unknown key "framng" | did you mean \`framing\`?",
      "a.yaml:15:34: error: defaults.forwarders.to: \`to\` does not belong here | it says where one forwarder sends: write it in a template or a forwarder",
      "a.yaml:15:56: error: defaults.forwarders.token: \`token\` does not belong here | it says where one forwarder sends: write it in a template or a forwarder",
      "a.yaml:16:3: error: defaults.tenants: unknown key "tenants" | known keys: forwarders, tenant_forwarders, provider_forwarders",
      "b.yaml:7:22: error: tenants[0].with.sim: template bad has no parameter "sim" | did you mean \`siem\`?",
      "d.yaml:6:10: error: tenants[0].use: template "bad" needs \`siem\` | write with: { siem: … }",
      "d.yaml:6:16: error: tenants[0].use[1]: there is no template "beter" | use one of bad, more, unused",
      "d.yaml:6:23: error: tenants[0].use[2]: expected the name of a template, found a number",
      "e.yaml:6:13: error: tenants[0].with.siem: template more has no parameter "siem" | parameters are secret",
      "e.yaml:7:10: error: tenants[0].use: template "more" needs \`secret\` | write with: { secret: … }",
      "g.yaml:6:10: error: tenants[0].use: template "bad" needs \`siem\` | write with: { siem: … }",
      "h.yaml:2:14: error: templates.bad: template "bad" is defined twice, first at a.yaml:3 | give each its own name",
    ]
  `)
  expect(lines.join('\n')).not.toContain('planted')
})
