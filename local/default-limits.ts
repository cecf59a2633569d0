/**
 * The limits per second that AWS sets by default on the calls that control and workers make, as token buckets, and a count of
 * what was taken from them. Kinesis Video's are in kinesisvideo/service-limits.ts and always hold; these hold where a cloud
 * is started with them, because under a stepped clock a whole second of calls may fall into one instant.
 * Sources, read November 2026: "Request throttling for the Amazon ECS API" and the same for EC2's (bucket and refill of each
 * category of actions), EventBridge's and CloudWatch's quotas; DynamoDB developer guide (a partition has 1,000 write and 3,000 read
 * units a second, and keeps up to 300 s of what was not used; a new on-demand table has 4,000 and 12,000). Auto Scaling publishes
 * none.
 * Invariant: a refused call takes nothing, and is counted.
 */
import type { Clock } from '../core/clock.ts';
import { AwsError } from './http/aws-error.ts';

type Rate = { burst: number; perSecond: number };

/** ECS throttles by categories of actions: all of a category share one bucket. */
const requestRates: Readonly<Record<string, { bucket: string; rate: Rate }>> = {
  ...ofGroup('ecs', 'cluster resource read', { burst: 100, perSecond: 20 }, [
    ...['ListContainerInstances', 'DescribeContainerInstances', 'DescribeTasks', 'ListTasks'],
  ]),
  ...ofGroup('ecs', 'service read', { burst: 100, perSecond: 20 }, ['DescribeServices', 'ListServices']),
  ...ofGroup('ecs', 'service modify', { burst: 50, perSecond: 5 }, ['UpdateService', 'CreateService', 'DeleteService']),
  ...ofGroup('ecs', 'cluster resource modify', { burst: 100, perSecond: 40 }, ['StopTask', 'RunTask', 'StartTask']),
  // Through the agent of each host, and of the account all the same.
  ...ofGroup('ecs', 'task protection', { burst: 200, perSecond: 80 }, ['UpdateTaskProtection', 'GetTaskProtection']),
  ...ofGroup('monitoring', 'GetMetricData', { burst: 50, perSecond: 50 }, ['GetMetricData']),
  ...ofGroup('monitoring', 'PutMetricData', { burst: 500, perSecond: 500 }, ['PutMetricData']),
  // The least of all regions.
  ...ofGroup('events', 'PutEvents', { burst: 400, perSecond: 400 }, ['PutEvents']),
  // With neither a filter nor a page size, as control asks for instances by their ids.
  ...ofGroup('ec2', 'unfiltered and unpaginated read', { burst: 50, perSecond: 10 }, ['DescribeInstances']),
};

const partitionRates = { read: 3_000, write: 1_000 };
const tableRates = { read: 12_000, write: 4_000 };
const unusedKeptSeconds = 300;

export type Units = { read: number; write: number };

export class DefaultLimits {
  /** What was refused, by what refused it. */
  readonly refusals = new Map<string, number>();
  /** Consumed units by table. */
  readonly units = new Map<string, Units>();
  /** The most write units that one partition key was asked for within a second of the clock. */
  readonly busiestSecond = { partition: '', writeUnits: 0 };
  #isOff = false;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();
  readonly #second = new Map<string, { second: number; writeUnits: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws AwsError ThrottlingException, RequestLimitExceeded */
  admit(service: string, operation: string): void {
    if (this.#isOff) return;
    const limit = requestRates[`${service}:${operation}`];
    if (limit === undefined || this.#take(limit.bucket, limit.rate, 1)) return;
    this.#refused(limit.bucket);
    if (service === 'ec2') throw new AwsError(503, 'RequestLimitExceeded', 'Request limit exceeded.');
    throw new AwsError(400, 'ThrottlingException', 'Rate exceeded');
  }

  /** @throws AwsError ThrottlingException, with nothing taken from the table where its partition has nothing left. */
  consume(table: string, partition: string, kind: 'read' | 'write', units: number): void {
    if (this.#isOff) return;
    const key = `${table}/${partition}`;
    const perPartition = { burst: partitionRates[kind] * unusedKeptSeconds, perSecond: partitionRates[kind] };
    const perTable = { burst: tableRates[kind] * unusedKeptSeconds, perSecond: tableRates[kind] };
    if (!this.#take(`${key} ${kind}`, perPartition, units)) {
      this.#refused(`${kind} units of a partition of ${table}`);
      throw new AwsError(400, 'ThrottlingException', `Throughput of the partition ${partition} of ${table} exceeded.`);
    }
    if (!this.#take(`${table} ${kind}`, perTable, units)) {
      this.#refused(`${kind} units of ${table}`);
      throw new AwsError(400, 'ThrottlingException', `Throughput of the table ${table} exceeded.`);
    }
    const sum = this.units.get(table) ?? { read: 0, write: 0 };
    sum[kind] += units;
    this.units.set(table, sum);
    if (kind === 'write') this.#countSecond(key, units);
  }

  /** What an onlooker asks while nothing else is under way: neither limited nor counted. */
  async uncounted<Result>(look: () => Promise<Result>): Promise<Result> {
    this.#isOff = true;
    try {
      return await look();
    } finally {
      this.#isOff = false;
    }
  }

  /** Starts counting anew; what is left in the buckets stays. */
  forgetCounts(): void {
    this.units.clear();
    this.refusals.clear();
    Object.assign(this.busiestSecond, { partition: '', writeUnits: 0 });
  }

  #countSecond(key: string, units: number): void {
    const second = Math.floor(this.#clock.monotonicMs() / 1_000);
    const present = this.#second.get(key);
    const writeUnits = units + (present?.second === second ? present.writeUnits : 0);
    this.#second.set(key, { second, writeUnits });
    if (writeUnits > this.busiestSecond.writeUnits) Object.assign(this.busiestSecond, { partition: key, writeUnits });
  }

  #refused(bucket: string): void {
    this.refusals.set(bucket, (this.refusals.get(bucket) ?? 0) + 1);
  }

  /** A bucket begins full, as one that nobody used for long. */
  #take(key: string, { burst, perSecond }: Rate, count: number): boolean {
    const nowMs = this.#clock.monotonicMs();
    const before = this.#buckets.get(key) ?? { tokens: burst, atMs: nowMs };
    const tokens = Math.min(burst, before.tokens + ((nowMs - before.atMs) * perSecond) / 1_000);
    const isEnough = tokens >= count;
    this.#buckets.set(key, { tokens: isEnough ? tokens - count : tokens, atMs: nowMs });
    return isEnough;
  }
}

function ofGroup(service: string, group: string, rate: Rate, operations: readonly string[]) {
  const limit = { bucket: `${service} ${group}`, rate };
  return Object.fromEntries(operations.map((operation) => [`${service}:${operation}`, limit]));
}
