/** `npm run bench`: the small benchmarks. End to end stands in `peers.ts`. */
import { print } from './micro.ts'

print()
