/**
 * The region that the SDK would use: of the environment, else of the profile in the shared config file.
 * Invariant: asks no service, so that a command can say what is missing before it waits for anything.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';

/** @returns null when nothing names one, or the profile does not exist. */
export async function configuredRegion(): Promise<string | null> {
  const client = new DynamoDBClient();
  try {
    return await client.config.region();
  } catch {
    return null;
  } finally {
    client.destroy();
  }
}
