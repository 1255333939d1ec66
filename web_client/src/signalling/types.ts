/** Short names for types that the generated protocol writes out, and for its maps. */
import type {
  Accepted,
  FloorView,
  MethodParams,
  MethodResults,
  Notifications,
  Produce,
  SessionSummary,
  StageView,
  YouView,
} from './protocol';

export type Phase = SessionSummary['phase'];
export type Role = YouView['role'];
export type Source = Produce['source'];
export type Layout = StageView['layout'];
export type StageMode = StageView['mode'];
export type FloorPolicy = FloorView['policy'];

export type Method = keyof MethodParams;
/** Methods that change the session: sent with an idempotency key, answered by `Accepted`. */
export type CommandMethod = {
  [M in Method]: MethodParams[M] extends { key: string } ? M : never;
}[Method];
/** Everything else, except `session.join`, which the client sends itself. */
export type CallMethod = Exclude<Method, CommandMethod | 'session.join'>;
export type CommandParams<M extends CommandMethod> = Omit<MethodParams[M], 'key'>;
export type CommandResult<M extends CommandMethod> = MethodResults[M] & Accepted;
export type NotificationName = keyof Notifications;
