/** What a command is: data for the help and the reading of arguments, and one function that does it. */

interface OptionBase {
  /** Without the dashes: `config`. */
  readonly name: string
  readonly summary: string
}

export type CliOption = OptionBase &
  (
    | { readonly kind: 'flag' }
    /** `value` names the argument in the help: `--config FILE`. */
    | { readonly kind: 'text'; readonly value: string; readonly choices?: readonly string[] }
    | { readonly kind: 'number'; readonly value: string; readonly whole: boolean }
  )

/** One entry of the table of commands. */
export interface CliCommand {
  readonly name: string
  /** One line for the list of commands. */
  readonly summary: string
  /** An argument that may be left out. */
  readonly argument?: {
    readonly name: string
    readonly summary: string
    readonly choices?: readonly string[]
    /** Any number of them. */
    readonly many?: boolean
  }
  readonly options: readonly CliOption[]
  /** Lines that can be typed as they are. */
  readonly example: readonly string[]
  /** Does it. Returns the exit status; what it cannot do it throws as a `LogweirError`. */
  run(args: CliArgs): Promise<number>
}

/** The options and the argument that were given, by the names of the table. */
export class CliArgs {
  readonly argument: string | undefined
  /** All that were given, where the command takes any number. */
  readonly all: readonly string[]
  readonly #options: Readonly<Record<string, unknown>>

  constructor(
    argument: string | undefined,
    options: Readonly<Record<string, unknown>>,
    all: readonly string[] = argument === undefined ? [] : [argument],
  ) {
    this.argument = argument
    this.all = all
    this.#options = options
  }

  flag(name: string): boolean {
    return this.#options[keyOf(name)] === true
  }

  text(name: string): string | undefined {
    const value = this.#options[keyOf(name)]
    return typeof value === 'string' ? value : undefined
  }

  number(name: string): number | undefined {
    const value = this.#options[keyOf(name)]
    return typeof value === 'number' ? value : undefined
  }

  /** The running router that is meant: what was given of {@link CONFIG_OPTION} and {@link ADMIN_OPTION}. */
  get router(): { readonly config?: string; readonly admin?: string } {
    const config = this.text('config')
    const admin = this.text('admin')
    return { ...(config === undefined ? {} : { config }), ...(admin === undefined ? {} : { admin }) }
  }
}

export const CONFIG_OPTION: CliOption = {
  name: 'config',
  kind: 'text',
  value: 'FILE',
  summary: 'the configuration; ./logweir.yaml when left out',
}

export const JSON_OPTION: CliOption = { name: 'json', kind: 'flag', summary: 'print JSON' }

export const ADMIN_OPTION: CliOption = {
  name: 'admin',
  kind: 'text',
  value: 'URL',
  summary:
    'where the running router answers (http://HOST:PORT or unix:PATH); from the configuration when left out',
}

/** Commander's key of an option: `max-loss` is `maxLoss` there. */
function keyOf(name: string): string {
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
