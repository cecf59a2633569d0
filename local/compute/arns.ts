/**
 * Amazon Resource Names of everything in the local ECS, Auto Scaling and EC2, and the way back from a name or ARN to a key.
 * Invariant: what AWS accepts (short name or full ARN) is accepted everywhere a resource is named.
 */
export type ArnMaker = ReturnType<typeof arnMaker>;

export function arnMaker(region: string, accountId: string) {
  const ecs = `arn:aws:ecs:${region}:${accountId}`;
  return {
    cluster: (name: string) => `${ecs}:cluster/${name}`,
    service: (cluster: string, name: string) => `${ecs}:service/${cluster}/${name}`,
    task: (cluster: string, id: string) => `${ecs}:task/${cluster}/${id}`,
    container: (cluster: string, taskId: string, id: string) => `${ecs}:container/${cluster}/${taskId}/${id}`,
    containerInstance: (cluster: string, id: string) => `${ecs}:container-instance/${cluster}/${id}`,
    taskDefinition: (familyRevision: string) => `${ecs}:task-definition/${familyRevision}`,
    capacityProvider: (name: string) => `${ecs}:capacity-provider/${name}`,
    group: (name: string) =>
      `arn:aws:autoscaling:${region}:${accountId}:autoScalingGroup:${stableUuid(name)}:autoScalingGroupName/${name}`,
    /** EventBridge's form: Spot events name the zone where others name region and account. */
    spotInstance: (zone: string, id: string) => `arn:aws:ec2:${zone}:instance/${id}`,
    instance: (id: string) => `arn:aws:ec2:${region}:${accountId}:instance/${id}`,
  };
}

/** `arn:…:cluster/a`, `a` → `a`; `arn:…:service/a/b` → `b`; `arn:…:autoScalingGroupName/g` → `g`. */
export function lastPart(nameOrArn: string): string {
  return nameOrArn.slice(nameOrArn.lastIndexOf('/') + 1);
}

/** A group's ARN holds an id that AWS makes up; here it follows from the name, so that it survives restarts. */
function stableUuid(name: string): string {
  let hash = 0x811c9dc5;
  let hex = '';
  for (let round = 0; round < 4; round += 1) {
    for (const character of name) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
    hash = Math.imul(hash ^ round, 0x01000193) >>> 0;
    hex += hash.toString(16).padStart(8, '0');
  }
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
