// WorkerCore: the transport in a worker, so that a busy page does not hold up packets.
export {};
