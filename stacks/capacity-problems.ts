/**
 * What is wrong with the settings of the GPU fleet taken together: bounds that contradict each other, types that nothing
 * can use, tasks that could never be placed. Invariant: each problem names its setting and its fix.
 */
import {
  hasSeveralGpus,
  instanceTypeChoice,
  registeredCpuUnits,
  registeredMemoryMib,
  shapeOf,
  taskMemoryFor,
} from './instance-types.ts';

/** @param value settings that passed their own checks; others are absent. */
export function capacityProblems(value: {
  MIN_WORKERS?: number | undefined;
  MAX_WORKERS?: number | undefined;
  ON_DEMAND_BASE?: number | undefined;
  INSTANCE_TYPES?: string[] | undefined;
  FALLBACK_INSTANCE_TYPES?: string[] | undefined;
  TASK_CPU?: number | undefined;
  TASK_MEMORY_MIB?: number | undefined;
}): string[] {
  const problems: string[] = [];
  const {
    MIN_WORKERS: min,
    MAX_WORKERS: max,
    INSTANCE_TYPES: deployed = [],
    FALLBACK_INSTANCE_TYPES: further = [],
  } = value;
  if (min !== undefined && max !== undefined && min > max) {
    problems.push(`MIN_WORKERS=${min} is more than MAX_WORKERS=${max} (lower one or raise the other)`);
  }
  if (value.ON_DEMAND_BASE !== undefined && max !== undefined && value.ON_DEMAND_BASE > max) {
    problems.push(`ON_DEMAND_BASE=${value.ON_DEMAND_BASE} is more than MAX_WORKERS=${max} (lower it)`);
  }
  if (deployed.length === 0) problems.push('INSTANCE_TYPES names no type (give one or more, such as g4dn.xlarge)');
  const types = [...deployed, ...further];
  for (const type of types.filter((candidate) => shapeOf(candidate) === undefined)) {
    const setting = deployed.includes(type) ? 'INSTANCE_TYPES' : 'FALLBACK_INSTANCE_TYPES';
    problems.push(
      hasSeveralGpus(type)
        ? `${setting}: ${type} has several GPUs, and a worker uses one (choose sizes up to 8xlarge or 16xlarge of that family)`
        : `${setting}: ${type} is unknown or has no GPU that the worker can use (choose of ${instanceTypeChoice})`,
    );
  }
  const shapes = types.flatMap((type) => ({ type, shape: shapeOf(type) }));
  for (const { type, shape } of shapes) {
    if (shape === undefined) continue;
    const cpu = registeredCpuUnits(shape);
    const memoryMib = registeredMemoryMib(shape);
    if (value.TASK_CPU !== undefined && value.TASK_CPU > cpu) {
      problems.push(`TASK_CPU=${value.TASK_CPU} can never be placed on a ${type}, which registers ${cpu} (lower it)`);
    }
    if (value.TASK_MEMORY_MIB !== undefined && value.TASK_MEMORY_MIB > memoryMib) {
      problems.push(
        `TASK_MEMORY_MIB=${value.TASK_MEMORY_MIB} can never be placed on a ${type}, which registers about ${memoryMib} (set ${taskMemoryFor([type])} or leave it out)`,
      );
    }
  }
  return problems;
}
