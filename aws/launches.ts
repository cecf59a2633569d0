/**
 * How a fleet's group launches its instances: which markets and types, what failed lately, and on which market each
 * instance is. Invariant: the launch template is never named in a write, so that the group keeps the one it was deployed
 * with.
 */
import { DescribeScalingActivitiesCommand, UpdateAutoScalingGroupCommand } from '@aws-sdk/client-auto-scaling';
import { DescribeInstancesCommand } from '@aws-sdk/client-ec2';
import type { LaunchChoice } from '../core/control/capacity-ladder.ts';
import type { GroupInstance, GroupObservation, LaunchFailure } from '../core/control/observation.ts';
import type { AwsClients } from './clients.ts';
import { awsCall } from './error-codes.ts';

/** The newest page holds more than a group tries within the ladder's memory. */
const activitiesMax = 100;
/** DescribeInstances by id. */
const instancesPerCall = 500;

/** Launches that failed at or after `sinceMs`, newest first. */
export async function readLaunchFailures(clients: AwsClients, name: string, sinceMs: number): Promise<LaunchFailure[]> {
  const answer = await awsCall(`read the scaling activities of ${name}`, () =>
    clients.autoScaling.send(
      new DescribeScalingActivitiesCommand({ AutoScalingGroupName: name, MaxRecords: activitiesMax }),
    ),
  );
  return (answer.Activities ?? []).flatMap((activity) => {
    const atMs = activity.StartTime?.getTime() ?? 0;
    const isFailedLaunch =
      activity.StatusCode === 'Failed' && /^Launching a new EC2 instance/.test(activity.Description ?? '');
    if (!isFailedLaunch || atMs < sinceMs) return [];
    return { atMs, zone: zoneOf(activity.Details), code: codeOf(activity.StatusMessage ?? '') };
  });
}

function zoneOf(details: string | undefined): string {
  try {
    const zone: unknown = (JSON.parse(details ?? '{}') as Record<string, unknown>)['Availability Zone'];
    return typeof zone === 'string' ? zone : '';
  } catch {
    return '';
  }
}

/** `Could not launch Spot Instances. InsufficientInstanceCapacity - …`; other sentences are given as they are, in short. */
function codeOf(message: string): string {
  const code = message.match(/(?:^|\. |: )([A-Z][A-Za-z.]+[a-z]) - /)?.[1];
  return code ?? (message.slice(0, 80) || 'no reason given');
}

/** The group with the market of each instance, as far as EC2 says. */
export async function withMarkets(clients: AwsClients, group: GroupObservation): Promise<GroupObservation> {
  const markets = new Map<string, NonNullable<GroupInstance['market']>>();
  const ids = group.instances.map(({ instanceId }) => instanceId);
  for (let index = 0; index < ids.length; index += instancesPerCall) {
    const InstanceIds = ids.slice(index, index + instancesPerCall);
    const answer = await awsCall('read the markets of instances', () =>
      clients.ec2.send(new DescribeInstancesCommand({ InstanceIds })),
    );
    for (const instance of (answer.Reservations ?? []).flatMap(({ Instances }) => Instances ?? [])) {
      const market = instance.InstanceLifecycle === 'spot' ? 'spot' : 'on-demand';
      if (instance.InstanceId !== undefined) markets.set(instance.InstanceId, market);
    }
  }
  const instances = group.instances.map((instance) => {
    const market = markets.get(instance.instanceId);
    return market === undefined ? instance : { ...instance, market };
  });
  return { ...group, instances };
}

/** Types are sent only when they change: whoever names overrides must be allowed to launch instances. */
export async function setLaunchChoice(
  clients: AwsClients,
  name: string,
  choice: LaunchChoice,
  presentTypes: readonly string[],
): Promise<void> {
  const { onDemandBase, onDemandPercent, instanceTypes } = choice;
  const Overrides = instanceTypes.map((InstanceType) => ({ InstanceType }));
  await awsCall(`change how Auto Scaling group ${name} launches`, () =>
    clients.autoScaling.send(
      new UpdateAutoScalingGroupCommand({
        AutoScalingGroupName: name,
        MixedInstancesPolicy: {
          ...(presentTypes.join() === instanceTypes.join() ? {} : { LaunchTemplate: { Overrides } }),
          InstancesDistribution: {
            OnDemandBaseCapacity: onDemandBase,
            OnDemandPercentageAboveBaseCapacity: onDemandPercent,
          },
        },
      }),
    ),
  );
}
