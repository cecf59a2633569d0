/**
 * The few EC2 operations that a control loop over Auto Scaling needs: DescribeInstances and TerminateInstances.
 * Invariant: instances exist only through Auto Scaling groups; a terminated one can be described for an hour.
 */

import { AwsError } from '../http/aws-error.ts';
import type { Instance } from './compute-state.ts';
import type { ComputeWorld } from './compute-world.ts';
import { type Fields, fieldReader, type Operations, pageOf } from './request-fields.ts';

const stateCodes = { pending: 0, running: 16, 'shutting-down': 32, terminated: 48 } as const;
/** DescribeInstances: MaxResults 5–1000. */
const resultsMax = 1_000;

export function ec2Operations(world: ComputeWorld): Operations {
  const { instances } = world.state;
  const byId = (ids: string[]): Instance[] =>
    ids.map((id) => {
      const instance = instances.get(id);
      if (instance !== undefined) return instance;
      if (!/^i-[0-9a-f]{8,17}$/.test(id)) throw new AwsError(400, 'InvalidInstanceID.Malformed', `Invalid id: "${id}"`);
      throw new AwsError(400, 'InvalidInstanceID.NotFound', `The instance ID '${id}' does not exist`);
    });
  return {
    DescribeInstances(input) {
      const fields = fieldReader(input, 'InvalidParameterValue');
      const ids = fields.texts('InstanceId');
      const filters = fields.objects('Filter').map(filterOf);
      const chosen = (ids.length > 0 ? byId(ids) : [...instances.values()]).filter((one) =>
        filters.every((filter) => filter(one)),
      );
      const size = Math.min(resultsMax, fields.optionalInteger('MaxResults') ?? resultsMax);
      const { page, next } = pageOf(
        chosen,
        fields.optionalText('NextToken'),
        size,
        () => new AwsError(400, 'InvalidParameterValue', 'Invalid value for nextToken'),
      );
      return {
        reservationSet: page.map((one) => ({
          reservationId: `r-${one.id.slice(2)}`,
          ownerId: world.context.accountId,
          groupSet: [],
          instancesSet: [instanceView(world, one)],
        })),
        nextToken: next,
      };
    },

    TerminateInstances(input) {
      const chosen = byId(fieldReader(input, 'InvalidParameterValue').texts('InstanceId'));
      return {
        instancesSet: chosen.map((one) => {
          const previous = one.ec2State;
          if (previous === 'pending' || previous === 'running') one.healthy = false;
          world.changed();
          const current = one.healthy ? previous : 'shutting-down';
          return {
            instanceId: one.id,
            currentState: { code: stateCodes[current], name: current },
            previousState: { code: stateCodes[previous], name: previous },
          };
        }),
      };
    },
  };
}

function filterOf(filter: Fields): (instance: Instance) => boolean {
  const name = String(filter.Name);
  const values = Array.isArray(filter.Value) ? filter.Value.map(String) : [];
  const read: Record<string, (one: Instance) => string> = {
    'instance-state-name': (one) => one.ec2State,
    'instance-state-code': (one) => String(stateCodes[one.ec2State]),
    'instance-id': (one) => one.id,
    'instance-type': (one) => one.instanceType,
    'instance-lifecycle': (one) => (one.lifecycle === 'spot' ? 'spot' : ''),
    'availability-zone': (one) => one.availabilityZone,
    'tag:aws:autoscaling:groupName': (one) => one.groupName,
  };
  const of = read[name];
  if (of === undefined) throw new AwsError(400, 'InvalidParameterValue', `The filter '${name}' is invalid`);
  return (instance) => values.some((value) => value === of(instance));
}

function instanceView(world: ComputeWorld, instance: Instance): Fields {
  return {
    instanceId: instance.id,
    imageId: 'ami-0local',
    instanceState: { code: stateCodes[instance.ec2State], name: instance.ec2State },
    privateDnsName: `ip-${instance.privateIp.replaceAll('.', '-')}.${world.context.region}.compute.internal`,
    reason: instance.stateReason,
    instanceType: instance.instanceType,
    launchTime: new Date(instance.launchedAtMs),
    placement: { availabilityZone: instance.availabilityZone, tenancy: 'default' },
    privateIpAddress: instance.ec2State === 'terminated' ? undefined : instance.privateIp,
    architecture: 'x86_64',
    instanceLifecycle: instance.lifecycle === 'spot' ? 'spot' : undefined,
    tagSet: [{ key: 'aws:autoscaling:groupName', value: instance.groupName }],
  };
}
