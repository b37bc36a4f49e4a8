// Structured Stream Transport for pages and workers.
//
// Begin with SstSession.connect and SstSession.accept, or with an SstEndpoint for several peers.

export * from './branch.js';
export * from './carrier.js';
export type {
  SstCloseInfo, SstDatagramMode, SstDatagramOutcome, SstOffer, SstSessionStats, SstStreamStats,
  SstUnread,
} from './core.js';
export * from './endpoint.js';
export * from './errors.js';
export { SstIdentity, isHostId } from './identity.js';
export { load, version, type ModuleSource } from './load.js';
export * from './service.js';
export * from './session.js';
export * from './stream.js';
