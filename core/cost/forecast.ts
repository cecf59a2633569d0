/**
 * What the registered cameras will cost over a span: GPU hours from their calendars, and everything else from what
 * drives it (video from camera hours, logs from GPU hours, gateways and endpoints from the clock).
 * Invariant: the lines carry the names of the original's table, so that the two can be laid side by side.
 */
import { alarmedFunctions, alarmedQueues, apiAlarms, functionAlarms, natAlarms, queueAlarms } from '../alarms.ts';
import { fleetAlarms, gpuAlarms } from '../fleet-alarms.ts';
import type { FleetPolicy } from '../fleet-state.ts';
import { type Bill, billOf, hoursPerMonth, type LineItem, type LinePlan } from './bill.ts';
import { type ControlPlaneInput, controlPlaneLines } from './control-plane.ts';
import { type CostedCamera, type GpuHours, gpuHours } from './gpu-hours.ts';
import { gbPerHour } from './original-deployment.ts';
import type { PriceName, PriceTable } from './price-table.ts';

export const networkModes = ['nat', 'nat-instance', 'endpoints'] as const;
export type NetworkMode = (typeof networkModes)[number];

/** Interface endpoints: ecr.api, ecr.dkr, logs, kinesis-streams; without a NAT also those of every other service that is called (stacks/network.ts). */
const endpointsByMode: Record<NetworkMode, number> = { nat: 4, 'nat-instance': 4, endpoints: 13 };
const zones = 2;

/** Root volume of a worker: image, models and cache. */
const volumeGb = 100;
/** The original's estimate: 50 GB of logs in 720 hours of one task. */
const logGbPerInstanceHour = 50 / hoursPerMonth;
/** The settings: LOG_RETENTION_DAYS and SNAPSHOT_DAYS. */
const logRetentionDays = 30;
const imagesGb = 10;
/** About 800 bytes a frame record at 5 frames per second, a quarter of them with a detection. */
const recordGbPerCameraHour = (800 * 5 * 3_600 * 0.25) / 1e9;
/** 12 snapshots a minute at most (a picture of 100 kB and its JSON); a tenth of that is usual for a gate. */
const snapshotsPerCameraHour = 1.2 * 60;
const snapshotGbPerCameraHour = (snapshotsPerCameraHour * 100_000) / 1e9;
const snapshotRetentionDays = 90;
export type ForecastInput = {
  cameras: readonly CostedCamera[];
  policy: FleetPolicy;
  fromMs: number;
  toMs: number;
  region: string;
  instanceType: string;
  networkMode: NetworkMode;
  bitrateMbps: number;
};

export type Forecast = {
  hours: GpuHours & { spanHours: number };
  onDemand: Bill;
  /** Null where the table has no Spot price of the instance type. */
  spot: Bill | null;
  /** Of the lines: the control loop, its tables and its metrics. */
  controlPlaneUsd: number;
  /** One instance of the type for the whole span, for as many as the peak needs: what no schedule would cost. */
  alwaysOnGpuUsd: number;
};

/** What an hour of one instance and its volume costs. spotUsd is null where the table has no Spot price of the type. @throws KvsInferError PRICE_UNKNOWN */
export function instanceHourUsd(
  table: PriceTable,
  region: string,
  instanceType: string,
): { onDemandUsd: number; spotUsd: number | null } {
  const { onDemand, spot } = hourPriceNames(instanceType);
  const hourUsd = (price: PriceName) => {
    const items = [{ price, quantity: 1 }, volumeItem(1)];
    return billOf([{ name: 'GPU instances', configuration: '', items }], table, region).totalUsd;
  };
  return { onDemandUsd: hourUsd(onDemand), spotUsd: table[region]?.[spot] === undefined ? null : hourUsd(spot) };
}

function hourPriceNames(instanceType: string): { onDemand: PriceName; spot: PriceName } {
  return { onDemand: `ec2.${instanceType}.onDemandHour`, spot: `ec2.${instanceType}.spotHour` };
}

function volumeItem(instanceHours: number): LineItem {
  return { price: 'ebs.gp3.gbMonth', quantity: (volumeGb * instanceHours) / hoursPerMonth };
}

/** @throws KvsInferError PRICE_UNKNOWN */
export function forecast(input: ForecastInput, table: PriceTable): Forecast {
  const { policy, fromMs, toMs, region, instanceType } = input;
  const hours = gpuHours(input.cameras, policy, policy.leadTimeDefaultMs, fromMs, toMs);
  const spanHours = (toMs - fromMs) / 3_600_000;
  const priceNames = hourPriceNames(instanceType);
  const bill = (price: PriceName) => billOf(linesOf(input, hours, spanHours, price), table, region);
  const alwaysOn = billOf(
    [
      {
        name: 'GPU instances',
        configuration: '',
        items: [{ price: priceNames.onDemand, quantity: spanHours * hours.peakInstances }],
      },
    ],
    table,
    region,
  );
  return {
    hours: { ...hours, spanHours },
    onDemand: bill(priceNames.onDemand),
    spot: table[region]?.[priceNames.spot] === undefined ? null : bill(priceNames.spot),
    controlPlaneUsd: billOf(Object.values(controlPlaneLines(controlPlaneInput(input, hours, spanHours))), table, region)
      .totalUsd,
    alwaysOnGpuUsd: alwaysOn.totalUsd,
  };
}

function linesOf(input: ForecastInput, hours: GpuHours, spanHours: number, gpuPrice: PriceName): LinePlan[] {
  const { networkMode, bitrateMbps, instanceType } = input;
  const { instanceHours, cameraHours } = hours;
  const months = spanHours / hoursPerMonth;
  const videoGb = cameraHours * gbPerHour(bitrateMbps);
  const logGb = instanceHours * logGbPerInstanceHour;
  const snapshotGb = cameraHours * snapshotGbPerCameraHour;
  const endpoints = endpointsByMode[networkMode];
  const alarms = alarmsOfStage(networkMode);
  const { tables, lambda, metrics } = controlPlaneLines(controlPlaneInput(input, hours, spanHours));
  return [
    {
      name: 'GPU instances',
      configuration: `${round(instanceHours)} h of ${instanceType}, ${volumeGb} GB gp3 each`,
      items: [{ price: gpuPrice, quantity: instanceHours }, volumeItem(instanceHours)],
    },
    natLine(networkMode, spanHours, videoGb),
    {
      name: 'VPC endpoints',
      configuration: `${endpoints} interface endpoints in ${zones} zones${networkMode === 'endpoints' ? `, ${round(videoGb)} GB of video` : ''}`,
      items: [
        { price: 'endpoint.hour', quantity: endpoints * zones * spanHours },
        { price: 'endpoint.gb', quantity: logGb + (networkMode === 'endpoints' ? videoGb : 0) },
      ],
    },
    {
      name: 'CloudWatch logs',
      configuration: `${round(logGb)} GB, kept for ${logRetentionDays} days; ${alarms} alarms`,
      items: [
        { price: 'logs.ingestGb', quantity: logGb },
        { price: 'logs.storeGbMonth', quantity: (logGb * logRetentionDays) / 30 },
        { price: 'cloudwatch.alarmMonth', quantity: alarms * months },
      ],
    },
    {
      name: 'Container Insights',
      configuration: 'per task',
      items: [{ price: 'containerInsights.taskMonth', quantity: instanceHours / hoursPerMonth }],
    },
    {
      name: 'ECR',
      configuration: `${imagesGb} GB of images`,
      items: [{ price: 'ecr.gbMonth', quantity: imagesGb * months }],
    },
    {
      name: 'S3',
      configuration: `${round(snapshotGb)} GB of snapshots, kept for ${snapshotRetentionDays} days`,
      items: [
        { price: 's3.gbMonth', quantity: (snapshotGb * snapshotRetentionDays) / 30 },
        { price: 's3.thousandPuts', quantity: (cameraHours * snapshotsPerCameraHour * 2) / 1_000 },
      ],
    },
    tables,
    {
      name: 'Kinesis Data Streams',
      configuration: 'one stream, on demand',
      items: [
        { price: 'kinesis.onDemandStreamHour', quantity: spanHours },
        { price: 'kinesis.onDemandGbIn', quantity: cameraHours * recordGbPerCameraHour },
      ],
    },
    {
      name: 'Kinesis Video Streams',
      configuration: `${round(cameraHours)} camera hours at ${bitrateMbps} Mbit/s, kept for 24 h`,
      items: [
        { price: 'kvs.gbIn', quantity: videoGb },
        { price: 'kvs.gbOut', quantity: videoGb },
        { price: 'kvs.gbMonth', quantity: videoGb / 30 },
      ],
    },
    lambda,
    metrics,
  ];
}

function controlPlaneInput({ cameras }: ForecastInput, hours: GpuHours, spanHours: number): ControlPlaneInput {
  return { cameras: cameras.length, spanHours, instanceHours: hours.instanceHours, cameraHours: hours.cameraHours };
}

/** Without the interface endpoint of kinesisvideo every byte of video passes through the NAT. */
/** Of a stage with one fleet; what they are on does not matter here. */
export function alarmsOfStage(networkMode: NetworkMode): number {
  const functions = alarmedFunctions.map((id) => ({ id, name: id }));
  const queues = Object.fromEntries(alarmedQueues.map((id) => [id, id]));
  const nats = Array.from({ length: networkMode === 'endpoints' ? 0 : zones }, () => '');
  return [
    ...functionAlarms(functions, '', ''),
    ...queueAlarms(queues),
    ...apiAlarms(''),
    ...fleetAlarms('', '', {}, { cluster: '', service: '' }),
    ...gpuAlarms('', '', ''),
    ...natAlarms(nats, 'managed'),
  ].length;
}

function natLine(networkMode: NetworkMode, spanHours: number, videoGb: number): LinePlan {
  const name = 'NAT';
  if (networkMode === 'endpoints') return { name, configuration: 'none', items: [] };
  if (networkMode === 'nat-instance') {
    return {
      name,
      configuration: `${zones} t4g.nano`,
      items: [
        { price: 'natInstance.hour', quantity: zones * spanHours },
        { price: 'publicIpv4.hour', quantity: zones * spanHours },
      ],
    };
  }
  return {
    name,
    configuration: `${zones} gateways, ${round(videoGb)} GB of video`,
    items: [
      { price: 'nat.hour', quantity: zones * spanHours },
      { price: 'publicIpv4.hour', quantity: zones * spanHours },
      { price: 'nat.gb', quantity: videoGb },
    ],
  };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
