/** From the table of commands to commander's program: reading of arguments, help, and answers to mistakes. */
import { readFileSync } from 'node:fs'
import { Argument, Command, InvalidArgumentError, Option } from 'commander'
import { LogweirError } from '../base/errors.ts'
import { CliArgs, type CliCommand, type CliOption } from './command.ts'

/** A number as people type it; no exponents, no signs. */
const NUMBER = /^\d{1,12}(\.\d{1,6})?$/
const WHOLE = /^\d{1,15}$/

/** Makes the program. `done` gets the exit status of the command that ran. */
export function makeProgram(
  commands: readonly CliCommand[],
  later: readonly string[],
  done: (status: number) => void,
): Command {
  const program = new Command('logweir')
  program
    .description('A multitenant syslog router for VMware Cloud Director, vSphere and NSX.')
    .version(version(), '-V, --version', 'print the version')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', '\nExample:\n  $ logweir run --config examples/logweir.yaml')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(usageError(text)) })
  for (const command of commands) program.addCommand(makeCommand(command, done))
  for (const name of later) program.addCommand(makeLater(name), { hidden: true })
  return program
}

/**
 * The words to read: `help NAME` asks what `NAME --help` asks, and a name that is no command is a mistake whatever
 * stands behind it, `--help` too.
 */
export function normalise(words: readonly string[], names: readonly string[]): readonly string[] {
  const [first, second] = words
  if (first === 'help' && second !== undefined) return normalise([second, '--help'], names)
  const unknown = first !== undefined && first !== 'help' && !first.startsWith('-') && !names.includes(first)
  return unknown ? [first] : words
}

function makeCommand(entry: CliCommand, done: (status: number) => void): Command {
  const command = new Command(entry.name)
  command
    .summary(entry.summary)
    .description(`${entry.summary[0]?.toUpperCase()}${entry.summary.slice(1)}.`)
    .addHelpText('after', `\nExample:\n${entry.example.map((line) => `  $ ${line}`).join('\n')}`)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(usageError(text)) })
    .allowExcessArguments(false)
  if (entry.argument !== undefined) {
    const { name, summary, choices, many } = entry.argument
    const word = many === true ? `${name}...` : name
    const argument = new Argument(choices === undefined ? `[${word}]` : `<${word}>`, summary)
    command.addArgument(choices === undefined ? argument : argument.choices(choices))
  }
  for (const option of entry.options) command.addOption(makeOption(option))
  command.action(async () => {
    const [argument] = command.processedArgs as readonly (string | readonly string[] | undefined)[]
    const all = typeof argument === 'string' ? [argument] : (argument ?? [])
    done(await entry.run(new CliArgs(all[0], command.opts(), all)))
  })
  return command
}

function makeOption(option: CliOption): Option {
  if (option.kind === 'flag') return new Option(`--${option.name}`, option.summary)
  const made = new Option(`--${option.name} <${option.value}>`, option.summary)
  if (option.kind === 'text') return option.choices === undefined ? made : made.choices(option.choices)
  return made.argParser((text) => {
    if (!(option.whole ? WHOLE : NUMBER).test(text)) {
      throw new InvalidArgumentError(option.whole ? 'It must be a whole number.' : 'It must be a number.')
    }
    return Number(text)
  })
}

/** A name that is known, so that nobody gets "unknown command" for something that the documentation describes. */
function makeLater(name: string): Command {
  return new Command(name)
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(() => {
      throw new LogweirError(
        'LW_NOT_YET',
        `\`logweir ${name}\` is not in this version yet`,
        'see `logweir --help` for what is',
      )
    })
}

/** Commander's `error: …` in our words. */
function usageError(text: string): string {
  return text.replace(/^error: /, 'logweir: ')
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { readonly version: string }).version
}
