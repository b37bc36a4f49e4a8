// The conversations of docs/SCENARIOS.md: the runner, and the responder. For Node and for pages:
// whoever imports this says where the package is.

const STEP_TIMEOUT = 20_000;
const RESEND_AFTER = 500;
const MAX_SENDS = 20;
const LOOK_AGAIN_AFTER = 5;
const BACKLOG = 16;
const CHUNK = 10_000;
const UNKNOWN_ORDER = 400;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Bytes `from` to `to` of the pattern of `seed`. */
export function pattern(seed, from, to) {
  const bytes = new Uint8Array(to - from);
  for (let at = from; at < to; at += 1) bytes[at - from] = 31 * at + Math.floor(at / 256) + seed;
  return bytes;
}

/** Does a scenario on `session`; throws with the step that failed. */
export async function run(session, scenario) {
  const service = await session.openService('scenario', '1');
  const streams = new Map([['service', service]]);
  try {
    await steps({ session, streams, listeners: new Map() }, scenario.steps, '');
  } finally {
    for (const [name, stream] of streams) if (name !== 'service') stream.release();
  }
  if (!scenario.ends_session) await within(STEP_TIMEOUT, service.finish());
}

/** Tells the responder that this was all. */
export async function sayOver(session) {
  const service = await session.openService('scenario', '1');
  const child = await service.openSubstream();
  await child.writeRecord(encoder.encode('over'));
  same('over', decoder.decode(await child.readRecord()));
}

async function steps(run, list, path) {
  for (const [at, step] of list.entries()) {
    const place = `${path}${at + 1}`;
    const [verb, target] = Object.entries(step)[0];
    if (verb === 'repeat') {
      for (let turn = 1; turn <= target; turn += 1) {
        await steps(run, step.steps, `${place}, turn ${turn}, `);
      }
      continue;
    }
    try {
      const did = STEPS[verb] ?? (() => { throw new Error('no such step'); });
      await within(STEP_TIMEOUT, did(run, target, step));
    } catch (why) {
      throw new Error(`step ${place}, ${verb} ${target}: ${why.message}`, { cause: why });
    }
  }
}

function branch({ session, streams }, name) {
  const found = name === 'session' ? session : streams.get(name);
  if (!found) throw new Error('the scenario has no stream of that name now');
  return found;
}

function begin({ streams, listeners }, name, stream) {
  streams.get(name)?.release();
  listeners.delete(name);
  streams.set(name, stream);
}

const STEPS = {
  async open(run, name, { of, priority, lifetime_ms: lifetime }) {
    const options = { sendOrder: priority ?? null, lifetime };
    begin(run, name, await branch(run, of).openSubstream(options));
  },
  async open_service(run, name, { service, protocol }) {
    begin(run, name, await run.session.openService(service, protocol));
  },
  async accept(run, name, { of }) {
    if (!run.listeners.has(of)) {
      run.listeners.set(of, branch(run, of).listen({ backlog: BACKLOG }));
    }
    const child = await run.listeners.get(of).accept();
    if (!child) throw new Error('no child will come');
    begin(run, name, child);
  },
  async list_services({ session }, _, { has }) {
    const offers = await session.listServices();
    for (const [service, protocol] of has) {
      const is = (offer) => offer.service === service && offer.protocol === protocol;
      if (!offers.some(is)) throw new Error(`${service}/${protocol} is not offered`);
    }
  },
  async write(run, name, step) {
    const bytes = content(step);
    same(bytes.length, await branch(run, name).write(bytes));
  },
  write_record: (run, name, step) => branch(run, name).writeRecord(content(step)),
  async read(run, name, step) {
    const wanted = content(step);
    const found = new Uint8Array(wanted.length);
    for (let at = 0; at < wanted.length;) {
      const part = await branch(run, name).read(wanted.length - at);
      if (!part) throw new Error('the end came');
      found.set(part, at);
      at += part.length;
    }
    sameBytes(wanted, found);
  },
  async read_record(run, name, step) {
    const found = await branch(run, name).readRecord();
    if (!found) throw new Error('the end came');
    sameBytes(content(step), found);
  },
  async read_end(run, name) {
    same(null, await branch(run, name).read());
  },
  /** What a stream holds changes as packets come, which nobody is told of. */
  async holds(run, name, { unread: wanted }) {
    const { streamId } = branch(run, name);
    for (;;) {
      const told = await run.session.largestUnread(1_024);
      const held = told.find((one) => one.streamId === streamId)?.unread ?? 0;
      if (held === wanted) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_AFTER));
    }
  },
  async too_long(run, name, { limit }) {
    const error = await failure(branch(run, name).readRecord({ maxBytes: limit }));
    same('record-too-long', error.code);
  },
  async unfinished(run, name, step) {
    for (let times = 0; times < 2; times += 1) {
      same('record-unfinished', (await failure(branch(run, name).readRecord())).code);
    }
    await STEPS.read(run, name, step);
  },
  finish: (run, name) => branch(run, name).finish(),
  async reset(run, name, { code }) { branch(run, name).reset(code); },
  async stop(run, name, { code }) { branch(run, name).stop(code); },
  async drop(run, name) {
    branch(run, name).release();
    run.streams.delete(name);
  },
  async set_priority(run, name, { priority }) {
    const stream = branch(run, name);
    stream.setPriority(priority);
    same(priority, (await stream.getStats()).sendOrder);
  },
  async read_error(run, name, { kind, code = null }) {
    const stream = branch(run, name);
    const drain = async () => { while (await stream.readRecord() !== null); };
    const error = await failure(drain());
    same(`${kind} ${code}`, `${kindOf(error)} ${error.streamErrorCode}`);
  },
  async write_error(run, name, { kind, code = null }) {
    const stream = branch(run, name);
    const flood = async () => { for (;;) await stream.write(pattern(0, 0, 100)); };
    const error = await failure(flood());
    same(`${kind} ${code}`, `${kindOf(error)} ${error.streamErrorCode}`);
  },
  async datagram(run, name, step) {
    const [stream, wanted] = [branch(run, name), content(step)];
    for (let times = 0; times < MAX_SENDS; times += 1) {
      await stream.sendDatagram(wanted);
      try {
        await received(stream, wanted, AbortSignal.timeout(RESEND_AFTER));
        return;
      } catch (why) {
        if (why.name !== 'TimeoutError') throw why;
      }
    }
    throw new Error('it does not come back');
  },
  async outcome(run, name, step) {
    const { is, reliable, lifetime_ms: lifetime } = step;
    for (let times = 0; times < MAX_SENDS; times += 1) {
      const options = { reliable, lifetime, track: true };
      const outcome = await (await branch(run, name).sendDatagram(content(step), options)).outcome;
      if (outcome !== 'lost') return same(is, outcome);
    }
    throw new Error('it was lost each time');
  },
  recv_datagram: (run, name, step) => received(branch(run, name), content(step)),
  close: ({ session }, _, { code, reason }) => session.close({ closeCode: code, reason }),
  async abort({ session }, _, { code, reason }) { session.abort({ closeCode: code, reason }); },
  async closed({ session }, _, { by, code, reason }) {
    const closed = await session.closed;
    same(by, closed.source);
    if (code !== undefined) same(`${code} false`, `${closed.closeCode} ${closed.isTransportCode}`);
    if (reason !== undefined) same(reason, closed.reason);
  },
};

function content({ text, pattern: wanted }) {
  return wanted ? pattern(wanted.seed, 0, wanted.len) : encoder.encode(text);
}

async function received(stream, wanted, signal) {
  for (;;) if (equal(wanted, await stream.recvDatagram({ signal }))) return;
}

/** The scenarios' word for an error. */
function kindOf({ code }) {
  const words = {
    'record-too-long': 'record_too_long',
    'record-unfinished': 'record_unfinished',
    'session-closed': 'session',
  };
  return words[code] ?? code;
}

async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    if (error.name === 'SstError') return error;
    throw error;
  }
  throw new Error('it did not fail');
}

function same(wanted, found) {
  if (wanted !== found) throw new Error(`${wanted} was expected, ${found} found`);
}

function equal(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

function sameBytes(wanted, found) {
  if (wanted.length !== found.length) {
    throw new Error(`${wanted.length} bytes were expected, ${found.length} found`);
  }
  const at = wanted.findIndex((byte, at) => byte !== found[at]);
  if (at >= 0) throw new Error(`byte ${at} differs`);
}

async function within(milliseconds, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('nothing happens')), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Serves `session` until it ends. Resolves when the runner says that this was all. */
export function respond(session) {
  return new Promise((resolve) => {
    const requests = session.offerServices([
      { service: 'scenario', protocol: '1', description: 'does what docs/SCENARIOS.md says' },
    ]);
    const accept = async () => {
      for await (const { stream } of requests) serveService({ session, stream, over: resolve });
    };
    accept().then(resolve, resolve);
  });
}

/** One service stream: its children, its datagrams, its end. */
function serveService(service) {
  const { stream } = service;
  const children = async () => {
    for await (const child of stream.listen({ backlog: BACKLOG })) serveChild(service, child);
  };
  const datagrams = async () => {
    for (;;) await stream.sendDatagram(await stream.recvDatagram());
  };
  const end = async () => {
    while (await stream.readRecord() !== null);
    await stream.finish();
  };
  for (const part of [children, datagrams]) part().catch(() => {});
  end().catch(() => {}).finally(() => stream.release());
}

/** Errors end a child, nothing else. */
function serveChild(service, child) {
  obey(service, child).catch(() => {}).finally(() => child.release());
}

async function obey(service, child) {
  const record = await child.readRecord();
  if (record === null) return;
  const order = decoder.decode(record);
  const [verb, ...words] = order.split(' ');
  const answered = await ORDERS[verb === 'echo' ? order : verb]?.(service, child, words);
  if (answered === undefined) {
    child.reset(UNKNOWN_ORDER);
    child.stop(UNKNOWN_ORDER);
    return;
  }
  if (answered === 'reads on' || answered === 'finishes') {
    if (answered === 'finishes') await child.finish();
    while (await child.read() !== null);
  }
}

const say = (child, text) => child.writeRecord(encoder.encode(text));

/** What each order does, and how it goes on. */
const ORDERS = {
  async 'echo bytes'(_, child) {
    for (let part = await child.read(); part; part = await child.read()) await child.write(part);
    return 'finishes';
  },
  async 'echo records'(_, child) {
    const echo = async () => {
      for (;;) {
        const record = await child.readRecord();
        if (record === null) return;
        await child.writeRecord(record);
      }
    };
    const { code } = await echo().then(() => ({}), (why) => why);
    if (code === 'record-unfinished') return ORDERS['echo bytes'](_, child);
    return code === undefined ? 'finishes' : 'is over';
  },
  async send(_, child, [length, seed]) {
    for (let at = 0; at < Number(length); at += CHUNK) {
      await child.write(pattern(Number(seed), at, Math.min(Number(length), at + CHUNK)));
    }
    return 'finishes';
  },
  async check(_, child, [length, seed]) {
    const found = new Uint8Array(await new Response(child.readable).arrayBuffer());
    const is = equal(pattern(Number(seed), 0, Number(length)), found);
    await say(child, is ? 'ok' : 'wrong');
    return 'finishes';
  },
  async report(_, child) {
    await say(child, 'reporting');
    let length = 0;
    const count = async () => {
      for (let part = await child.read(); part; part = await child.read()) length += part.length;
    };
    const error = await count().then(() => null, (why) => why);
    await say(child, error ? `reset ${error.streamErrorCode}` : `finished ${length}`);
    return 'finishes';
  },
  async flood({ stream }, child) {
    let at = 0;
    const write = async () => {
      for (;;) at += await child.write(pattern(0, at, at + CHUNK));
    };
    const { streamErrorCode } = await failure(write());
    const told = encoder.encode(`stopped ${streamErrorCode}`);
    await stream.sendDatagram(told, { reliable: true });
    return 'is over';
  },
  async reset(_, child, [code]) {
    child.reset(Number(code));
    return 'reads on';
  },
  async stop(_, child, [code]) {
    child.stop(Number(code));
    await say(child, 'stopped');
    await child.finish();
    return 'is over';
  },
  async open(_, child, [count]) {
    for (let number = 0; number < Number(count); number += 1) {
      const stream = await child.openSubstream();
      await say(stream, `child ${number}`);
      await stream.finish();
      const end = async () => {
        while (await stream.read() !== null);
      };
      end().catch(() => {}).finally(() => stream.release());
    }
    await say(child, `opened ${count}`);
    return 'finishes';
  },
  async serve(service, child) {
    await say(child, 'serving');
    const children = async () => {
      for await (const one of child.listen({ backlog: BACKLOG })) serveChild(service, one);
    };
    children().catch(() => {});
    while (await child.readRecord() !== null);
    await child.finish();
    return 'is over';
  },
  async priority(_, child, [priority]) {
    child.setPriority(Number(priority));
    await say(child, `priority ${(await child.getStats()).sendOrder}`);
    return 'finishes';
  },
  async close({ session }, _, [code, ...reason]) {
    await session.close({ closeCode: Number(code), reason: reason.join(' ') });
    return 'is over';
  },
  async abort({ session }, _, [code, ...reason]) {
    session.abort({ closeCode: Number(code), reason: reason.join(' ') });
    return 'is over';
  },
  /** Answered first: the session may end then. */
  async over({ over }, child) {
    await say(child, 'over');
    await child.finish();
    over();
    return 'is over';
  },
};
