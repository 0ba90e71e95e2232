/** The table of commands, in the order of the help. What a command needs it loads when it runs. */
import { check } from './check.ts'
import type { CliCommand } from './command.ts'
import { demo } from './demo.ts'
import { diff } from './diff.ts'
import { drain } from './drain.ts'
import { explain } from './explain.ts'
import { forwarder } from './forwarder.ts'
import { importCommand } from './import.ts'
import { inventory } from './inventory.ts'
import { parse } from './parse.ts'
import { reload } from './reload.ts'
import { runCommand } from './run-command.ts'
import { schema } from './schema.ts'
import { send } from './send.ts'
import { spool } from './spool.ts'
import { show } from './show.ts'
import { statusCommand } from './status-command.ts'
import { testCommand } from './test-command.ts'
import { why } from './why.ts'

export const COMMANDS: readonly CliCommand[] = [
  runCommand,
  demo,
  check,
  testCommand,
  explain,
  parse,
  send,
  statusCommand,
  reload,
  show,
  diff,
  why,
  forwarder,
  drain,
  spool,
  inventory,
  importCommand,
  schema,
]

/** Commands that the documentation of the whole product names and this version does not have. */
export const LATER: readonly string[] = ['top', 'tap']
