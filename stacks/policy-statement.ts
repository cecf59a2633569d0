/**
 * One statement of an IAM policy, as the stacks write it: named actions on named resources. Invariant: test/deploy walks
 * every statement and refuses wildcards that are not on its list, so a permission is added here only with its use.
 */
export type PolicyStatement = {
  sid: string;
  actions: string[];
  resources: $util.Input<string>[];
  conditions?: { test: string; variable: string; values: string[] }[];
};

export function policyJson(statements: PolicyStatement[]) {
  return aws.iam.getPolicyDocumentOutput({ statements }).json;
}

/** A role for one AWS service; nobody else may assume it, not even the account. */
export function serviceRole(logicalName: string, name: string, service: string, statements: PolicyStatement[]) {
  return new aws.iam.Role(logicalName, {
    name,
    assumeRolePolicy: aws.iam.assumeRolePolicyForPrincipal({ Service: service }),
    inlinePolicies: [{ name: 'permissions', policy: policyJson(statements) }],
  });
}
