/**
 * The last headcounts, for who counts again and again: the same cameras on the same workers need as many as before.
 * Invariant: an answer is given again only for loads and bins that are the same in all that is counted.
 */
import { renewingPrefix } from './bins.ts';
import { type Headcount, headcount } from './headcount.ts';
import type { Bin, Load } from './pack.ts';

/** Now, and a few starts of windows. */
const rememberedMax = 4;

type Answer = { loads: readonly Load[]; bins: readonly Bin[]; newBin: Omit<Bin, 'id'>; headcount: Headcount };

export class HeadcountMemory {
  /** The newest first. */
  #answers: Answer[] = [];

  /** @param loads in order of priority. What renews its worker is not spared. */
  headcount(loads: readonly Load[], bins: readonly Bin[], newBin: Omit<Bin, 'id'>): Headcount {
    const asked = { loads, bins, newBin };
    const known = this.#answers.find((answer) => isSame(answer, asked));
    if (known !== undefined) return known.headcount;
    const answer = { ...asked, headcount: headcount(loads, bins, newBin, (id) => !id.startsWith(renewingPrefix)) };
    this.#answers = [answer, ...this.#answers.slice(0, rememberedMax - 1)];
    return answer.headcount;
  }
}

function isSame(known: Omit<Answer, 'headcount'>, asked: Omit<Answer, 'headcount'>): boolean {
  const { loads, bins, newBin } = asked;
  if (known.loads.length !== loads.length || known.bins.length !== bins.length) return false;
  if (known.newBin.capacity !== newBin.capacity || known.newBin.target !== newBin.target) return false;
  return (
    bins.every((bin, index) => isSameBin(bin, known.bins[index] as Bin)) &&
    loads.every((load, index) => isSameLoad(load, known.loads[index] as Load))
  );
}

function isSameBin(a: Bin, b: Bin): boolean {
  return a.id === b.id && a.capacity === b.capacity && a.target === b.target;
}

function isSameLoad(a: Load, b: Load): boolean {
  if (a === b) return true;
  const isSameWeight = a.load === b.load && a.priority === b.priority && a.isCarried === b.isCarried;
  return isSameWeight && a.cameraId === b.cameraId && a.binId === b.binId;
}
