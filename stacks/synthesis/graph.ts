/**
 * A deployment as data: every resource that the stacks declare, with its resolved inputs, as `sst deploy` would send them.
 * Invariant: nothing in a graph came from an account; it is what the code says, so it can be checked offline.
 */

// biome-ignore lint/suspicious/noExplicitAny: a resource's inputs have the shape of its type; readers know which one they ask for
export type Inputs = Record<string, any>;

export type Resource = {
  /** Pulumi type token, such as `aws:ecs/service:Service` or `sst:aws:Function`. */
  type: string;
  /** Logical name. */
  name: string;
  inputs: Inputs;
  /** Inputs and what AWS would compute (ARN, id). */
  state: Inputs;
  id: string;
  parent?: string;
  dependsOn: string[];
  ignoreChanges: string[];
  retainOnDelete: boolean;
};

export type GraphData = {
  stage: string;
  resources: Resource[];
  outputs: Inputs;
  /** What stopped the synthesis, in words; empty when it went through. */
  errors: string[];
};

export class Graph {
  readonly stage: string;
  readonly resources: readonly Resource[];
  readonly outputs: Inputs;

  constructor(data: GraphData) {
    this.stage = data.stage;
    this.resources = data.resources;
    this.outputs = data.outputs;
  }

  all(type: string, name?: string | RegExp): Resource[] {
    return this.resources.filter(
      (resource) =>
        resource.type === type &&
        (name === undefined || (typeof name === 'string' ? resource.name === name : name.test(resource.name))),
    );
  }

  /** The one resource of a type and, where given, a logical name. */
  one(type: string, name?: string | RegExp): Resource {
    const found = this.all(type, name);
    const [only] = found;
    if (only === undefined || found.length > 1) {
      const known = this.all(type).map((resource) => resource.name);
      throw new Error(
        `${found.length} resources match ${type} ${name ?? ''}; of that type: ${known.join(', ') || 'none'}`,
      );
    }
    return only;
  }
}
