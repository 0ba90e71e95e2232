/** The command line: reads the arguments and hands them to one file a command. */
import { Command } from 'commander'

const program = new Command('logweir')
program.description('A multitenant syslog router').showHelpAfterError()
await program.parseAsync()
