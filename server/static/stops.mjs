/** Where time can stand: the epochs of a run, and those of two runs side by side. No document here. */

/** @typedef {{epoch: number, a: number, b: number, holdsA: boolean, holdsB: boolean}} Stop  epoch: its label; a, b: what each run shows there */

/**
 * The nearest recorded epoch, and what to say when it is not the one asked for.
 * @param {number[]} epochs
 * @param {number} wanted
 */
export function nearestEpoch(epochs, wanted) {
  const epoch = epochs.reduce((best, one) => (Math.abs(one - wanted) < Math.abs(best - wanted) ? one : best), epochs[0]);
  if (epoch === wanted) return { epoch, text: "" };
  const around = [epochs.filter((one) => one < wanted).at(-1), epochs.find((one) => one > wanted)].filter((one) => one !== undefined);
  return { epoch, text: `epoch ${wanted} was not recorded; recorded: ${around.join(" and ")}` };
}

/**
 * The interesting epoch before or after another, null at the end.
 * @param {{epoch: number, reason: string}[]} interesting
 * @param {number[]} epochs
 * @param {number} epoch
 * @param {1 | -1} direction
 */
export function nextInteresting(interesting, epochs, epoch, direction) {
  const at = epochs.indexOf(epoch);
  const places = interesting.map((one) => ({ ...one, at: epochs.indexOf(one.epoch) })).sort((a, b) => a.at - b.at);
  return (direction > 0 ? places.find((one) => one.at > at) : places.findLast((one) => one.at < at)) ?? null;
}

/**
 * The epoch of B beside one of A: that of the last stop which A has reached, else of the first.
 * @param {{a: number, b: number}[]} stops in rising order of a
 * @param {number} epoch
 */
export function partner(stops, epoch) {
  return (stops.findLast((stop) => stop.a <= epoch) ?? stops[0]).b;
}

/** By how many epochs B is set apart from A. @param {string | undefined} join */
export function laterBy(join) {
  return /^-?\d+$/.test(join ?? "") ? Number(join) : 0;
}

/**
 * The epochs of either run in rising order; a run without one holds the last one before, else its first.
 * @param {number[]} a
 * @param {number[]} [b]
 * @param {number} [later]  by how many epochs B is set apart; the label of a stop is the epoch of A
 * @returns {Stop[]}
 */
export function unionOfStops(a, b = a, later = 0) {
  const [ofA, ofB] = [new Set(a), new Set(b)];
  const all = b === a && !later ? a : [...new Set([...a, ...b.map((epoch) => epoch - later)])].sort((x, y) => x - y);
  return all.map((epoch) => ({ epoch, a: held(a, epoch), b: held(b, epoch + later), holdsA: !ofA.has(epoch), holdsB: !ofB.has(epoch + later) }));
}

/**
 * The recorded epoch that is shown for one: itself, else the last one before, else the first.
 * @param {number[]} epochs
 * @param {number} epoch
 */
export function held(epochs, epoch) {
  return epochs.findLast((one) => one <= epoch) ?? epochs[0];
}
