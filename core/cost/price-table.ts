/**
 * The table of unit prices: per region, each with its source, the date it was read and whether that source is the price
 * list or a stand-in. A file may override single prices.
 * Invariant: a bill is only ever computed from prices that are in the table; a missing one is an error, never zero.
 */
import * as z from 'zod';
import { KvsInferError } from '../errors.ts';

/** Everything that a bill is made of. The unit is the end of the name. */
export const priceNames = [
  'ebs.gp3.gbMonth',
  'nat.hour',
  'nat.gb',
  'natInstance.hour',
  'publicIpv4.hour',
  'endpoint.hour',
  'endpoint.gb',
  'logs.ingestGb',
  'logs.storeGbMonth',
  'containerInsights.taskMonth',
  'ecr.gbMonth',
  's3.gbMonth',
  's3.thousandPuts',
  'dynamodb.millionWrites',
  'dynamodb.millionReads',
  'kinesis.shardHour',
  'kinesis.millionPuts',
  'kinesis.onDemandStreamHour',
  'kinesis.onDemandGbIn',
  'kvs.gbIn',
  'kvs.gbOut',
  'kvs.gbMonth',
  'lambda.gbSecond',
  'lambda.millionRequests',
  'cloudwatch.alarmMonth',
  'cloudwatch.metricMonth',
] as const;

export type PriceName = (typeof priceNames)[number] | `ec2.${string}.onDemandHour` | `ec2.${string}.spotHour`;

export type Price = {
  usd: number;
  /** Where it was read; an address, or what the figure was taken from. */
  source: string;
  /** Date of the source, `YYYY-MM-DD`. */
  asOf: string;
  /** False: no source for this region was found, and the price of `us-east-1` stands in, or it changes by the hour. */
  verified: boolean;
};

export type PriceTable = Record<string, Record<string, Price>>;

const overrideSchema = z.strictObject({
  asOf: z.iso.date('expected a date YYYY-MM-DD'),
  source: z.string().min(1),
  regions: z.record(z.string(), z.record(z.string(), z.number().min(0).max(1_000_000))),
});

const ec2Price = /^ec2\.[a-z0-9]+\.[a-z0-9]+\.(onDemandHour|spotHour)$/;

/**
 * @param value `{ asOf, source, regions: { "<region>": { "<price name>": usd } } }`
 * @throws KvsInferError PRICES_INVALID naming every wrong entry.
 */
export function overridePrices(table: PriceTable, value: unknown, where: string): PriceTable {
  const parsed = overrideSchema.safeParse(value);
  const problems = parsed.success
    ? Object.entries(parsed.data.regions).flatMap(([region, prices]) =>
        Object.keys(prices)
          .filter((name) => !(priceNames as readonly string[]).includes(name) && !ec2Price.test(name))
          .map((name) => `regions.${region}.${name}: there is no such price`),
      )
    : parsed.error.issues.map((issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`);
  if (!parsed.success || problems.length > 0) {
    throw new KvsInferError('PRICES_INVALID', `${where}: ${problems.join('; ')}`, {
      hint: 'write { asOf, source, regions: { "<region>": { "<price>": usd } } }; docs/cost.md lists the prices',
    });
  }
  const { asOf, source, regions } = parsed.data;
  const result: PriceTable = { ...table };
  for (const [region, prices] of Object.entries(regions)) {
    const own = Object.entries(prices).map(([name, usd]) => [name, { usd, source, asOf, verified: true }] as const);
    result[region] = { ...result[region], ...Object.fromEntries(own) };
  }
  return result;
}

/** @throws KvsInferError PRICE_UNKNOWN */
export function priceOf(table: PriceTable, region: string, name: PriceName): Price {
  const price = table[region]?.[name];
  if (price !== undefined) return price;
  const known = Object.keys(table[region] ?? {});
  const ofItsKind = known.filter((one) => ec2Price.test(one) && one.endsWith(name.slice(name.lastIndexOf('.'))));
  const knows =
    known.length === 0
      ? `knows ${Object.keys(table).join(', ')}`
      : ec2Price.test(name)
        ? `knows there ${ofItsKind.map((one) => one.replace(/^ec2\.|\.[^.]*$/g, '')).join(', ')}`
        : 'lacks it';
  throw new KvsInferError('PRICE_UNKNOWN', `no price "${name}" for ${region}`, {
    hint: `the table ${knows}; give prices of your own with --prices`,
  });
}
