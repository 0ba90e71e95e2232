/** The command line: reads the arguments, runs one command, and ends with its exit status. */
import { CommanderError } from 'commander'
import { errorText, LogweirError } from '../base/errors.ts'
import { endQuietlyWithoutReader, flush, say } from './output.ts'
import { makeProgram, normalise } from './program.ts'
import { COMMANDS, LATER } from './table.ts'

/** A bug in Logweir, as sysexits.h has it (EX_SOFTWARE). */
const BUG = 70
const USAGE = 2

endQuietlyWithoutReader(process.stdout)
endQuietlyWithoutReader(process.stderr)
process.on('uncaughtException', (error) => process.exit(report(error)))
process.exit(await main())

async function main(): Promise<number> {
  let status = 0
  try {
    const program = makeProgram(COMMANDS, LATER, (ended) => {
      status = ended
    })
    const names = [...COMMANDS.map(({ name }) => name), ...LATER]
    await program.parseAsync(normalise(process.argv.slice(2), names), { from: 'user' })
  } catch (error) {
    status = report(error)
  }
  await Promise.all([flush(process.stdout), flush(process.stderr)])
  return status
}

/** Says what happened, and what to do. Returns the exit status. */
function report(error: unknown): number {
  // Commander has said it already; help and version come here too, with 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE
  if (error instanceof LogweirError) {
    say(`logweir: ${error.message}`)
    if (error.mend !== '') say(`  ${error.mend}`)
    if (process.env['LOGWEIR_DEBUG'] === '1') say(error.stack ?? '')
    return error.exit
  }
  say(`logweir: this is a bug: ${errorText(error).split('\n')[0]} (LOGWEIR_DEBUG=1 shows where)`)
  if (process.env['LOGWEIR_DEBUG'] === '1' && error instanceof Error) say(error.stack ?? '')
  return BUG
}
