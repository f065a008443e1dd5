/** The public API: a controller and nodes inside a program of one's own. Everything that is not exported here may change. */
export { DomainError, ERROR_CODES, isErrorCode, type ErrorCode } from './domain/errors.js';
export type { Clock } from './platform/clock.js';
export { silentLog, type Log, type LogFields } from './platform/log.js';
export { openLog, type LogOptions, type ProgramLog } from './platform/winston-log.js';
export { VERSION } from './platform/version.js';
export type { Device, DeviceConfig, DeviceKind, DevicePeer, DeviceState, PeerState } from './platform/wireguard/device.js';
export { RecordedDevice } from './platform/wireguard/recorded-device.js';

export { startServer, type RunningServer, type ServerDeps } from './server/app.js';
export { parseServerConfig, readServerConfig, type ServerConfig } from './platform/config/server-config.js';
export { createJoinString, type JoinStringOptions } from './platform/admin-socket.js';

export { startAgent, type AgentOptions, type RunningAgent } from './client/app.js';
export { parseClientConfig, readClientConfig, type ClientConfig } from './platform/config/client-config.js';
export { joinNode, type JoinOptions } from './client/join.js';
export type { MembershipFacts } from './client/state/membership.js';
