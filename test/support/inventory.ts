/** Pulls from a test's Cloud Director into a folder of its own, and reads what came of it as the router would. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { load, type Loaded } from '../../src/control/load.ts'
import { pull, type Pulled, type PullOptions } from '../../src/inventory/pull.ts'
import { ownershipOf } from '../../src/rules/ownership.ts'
import { Classifier } from '../../src/classify/classifier.ts'
import { EventView } from '../../src/classify/view.ts'
import type { RulesPlan } from '../../src/rules/plan.ts'
import { tempFolder } from './temp-folder.ts'
import type { Vcd } from './vcd.ts'

const CONFIG = `version: 1
listeners: [{ name: tcp, transport: tcp, bind: "127.0.0.1:0", allow: ["127.0.0.0/8"] }]
`

export class Pulling {
  readonly root: string
  readonly folder: string
  /** Wall-clock milliseconds. */
  now = Date.UTC(2026, 0, 2, 3, 4, 5)
  readonly #vcd: Vcd

  /** `rules`: files below the rules folder. */
  constructor(vcd: Vcd, rules: Readonly<Record<string, string>> = {}) {
    this.#vcd = vcd
    const files = Object.entries(rules).map(([name, text]): [string, string] => [`rules/${name}`, text])
    this.root = tempFolder({
      'logweir.yaml': CONFIG,
      'rules/none.yaml': 'version: 1\n',
      ...Object.fromEntries(files),
    })
    this.folder = join(this.root, 'rules', 'inventory')
  }

  pull(changes: Partial<PullOptions> = {}): Promise<Pulled> {
    const clock: Clock = {
      wall: () => this.now,
      monotonic: () => systemClock.monotonic(),
      // Waits of retries: at once.
      after: (_, act) => systemClock.after(0, act),
    }
    return pull({
      url: new URL(this.#vcd.url),
      token: async () => this.#vcd.token,
      rotated: async () => undefined,
      org: null,
      ca: null,
      env: {},
      folder: this.folder,
      rules: join(this.root, 'rules'),
      grace: 3_600_000,
      max_loss: 0.5,
      dry_run: false,
      clock,
      timeout: { answer: 10_000, all: 60_000 },
      ...changes,
    })
  }

  /** Texts of the inventory's files by name. */
  files(): Record<string, string> {
    return Object.fromEntries(
      readdirSync(this.folder)
        .filter((name) => !name.startsWith('.'))
        .toSorted()
        .map((name) => [name, readFileSync(join(this.folder, name), 'utf8')]),
    )
  }

  load(): Loaded {
    return load(join(this.root, 'logweir.yaml'), 1, {})
  }

  /** Levels, places and messages of the findings about rules, without the folder. */
  findings(): string[] {
    const rules = this.load().findings.filter(({ file }) => !file.endsWith('logweir.yaml'))
    return rules.map(({ level, file, line, message }) => {
      return `${file.replace(`${this.root}/`, '')}:${line}: ${level}: ${message}`
    })
  }

  plan(): RulesPlan {
    const { plan, findings } = this.load()
    if (plan === undefined) throw new Error(JSON.stringify(findings.filter(({ level }) => level === 'error')))
    return plan
  }
}

const DFW =
  '<13>1 2026-02-03T04:05:06Z esx01 FIREWALL-PKTLOG 1 - - 5c4d7b1e INET match DROP 3061 OUT 52 TCP 10.1.2.3/50244->10.0.0.5/443 S '
const GATEWAY =
  '<13>1 2026-02-03T04:05:06Z edge01 NSX 2 FIREWALL [nsx@6876 comp="nsx-edge" subcomp="datapathd.firewall" level="INFO"] <8 5c1f000000000000:00000000000000aa> INET reason-match PASS 3061 OUT 60 TCP 10.1.2.3/50244->10.0.0.5/443 S '

/** Who owns lines with these labels: a tenant's name, or why nobody does. */
export class Owners {
  readonly #plan: RulesPlan
  readonly #view = new EventView()
  readonly #classifier: Classifier
  readonly #ownership: ReturnType<typeof ownershipOf>

  constructor(plan: RulesPlan) {
    this.#plan = plan
    this.#classifier = new Classifier(plan.streams)
    this.#ownership = ownershipOf(plan, [])
  }

  dfw(label: string): string {
    return this.of(DFW + label)
  }

  gateway(label: string): string {
    return this.of(GATEWAY + label)
  }

  of(line: string): string {
    const owner = this.#ownership.decide(this.view(line))
    return owner > 0
      ? (this.#plan.tenants[this.#plan.owners[owner]?.tenant ?? -1]?.name ?? '?')
      : String(owner)
  }

  view(line: string): EventView {
    const view = this.#view
    view.buf = Buffer.from(line)
    view.start = 0
    view.end = view.buf.length
    this.#classifier.classify(view)
    return view
  }
}

/** As the article on VCD's labels has them. */
export function dfwLabel(group: { readonly name: string; readonly id: string }): string {
  return group.name.slice(0, 5) + bare(group.id).slice(0, 27)
}

export function gatewayLabel(
  gateway: { readonly name: string; readonly id: string },
  owner: { readonly id: string },
): string {
  return bare(owner.id).slice(0, 10) + gateway.name.slice(0, 5) + bare(gateway.id).slice(0, 5)
}

/** A URN's UUID. */
export function bare(urn: string): string {
  return urn.slice(urn.lastIndexOf(':') + 1)
}

/** A DFW line. */
export function dfwLine(label: string): string {
  return DFW + label
}
