/** Chance as a parameter: a number in [0, 1). Tests pin it. */
export type Random = () => number

/** The machine's own chance. */
export const systemRandom: Random = Math.random
