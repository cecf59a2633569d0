/** STS with the one call that people and tools make to see where they are: GetCallerIdentity. */
import type { CloudContext, LocalService } from '../service.ts';
import { AwsError } from './aws-error.ts';
import { sendXml } from './respond.ts';

export function createCallerIdentityService({ accountId }: Pick<CloudContext, 'accountId'>): LocalService {
  return {
    scopes: ['sts'],
    async handle({ operation, requestId }, response) {
      if (operation !== 'GetCallerIdentity') {
        throw new AwsError(400, 'InvalidAction', `The local STS answers GetCallerIdentity, not ${operation}.`);
      }
      sendXml(
        response,
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>' +
          `<Arn>arn:aws:iam::${accountId}:user/local</Arn><UserId>AIDALOCAL</UserId><Account>${accountId}</Account>` +
          `</GetCallerIdentityResult><ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></GetCallerIdentityResponse>`,
      );
    },
    async close() {},
  };
}
