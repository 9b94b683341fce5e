/** The process that runs the command. */
export interface Host {
  readonly version: string;
  readonly environment: Readonly<NodeJS.ProcessEnv>;
}
