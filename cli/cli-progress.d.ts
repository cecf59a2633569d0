/** The part of cli-progress that the command line uses; the package brings no types. */
declare module 'cli-progress' {
  export type ProgressOptions = {
    format?: string;
    stream?: NodeJS.WritableStream;
    clearOnComplete?: boolean;
    hideCursor?: boolean;
    fps?: number;
  };
  export class SingleBar {
    constructor(options: ProgressOptions);
    start(total: number, startValue: number, payload?: Record<string, unknown>): void;
    update(value: number, payload?: Record<string, unknown>): void;
    stop(): void;
  }
}
