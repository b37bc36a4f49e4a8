//! What an application does with streams, names of hosts and service requests.

use sst_nostd::{
    DatagramOptions, HostId, Instant, Open, ServiceRequest, StreamCode, StreamHandle, Writer,
};

use crate::drive::{BareHost, Input, Known};

/// Calls one of them with `data` to write or to read into.
pub fn drive(
    host: &mut BareHost,
    known: &mut Known,
    input: &mut Input<'_>,
    now: Instant,
    data: &mut [u8],
) {
    let Some(stream) = known.stream else { return names(known, data) };
    let len = usize::from(input.word() as u16);
    let data = data.get_mut(..len).unwrap_or_default();
    match input.byte() {
        0 => known.note(host.write(now, stream, data)),
        1 => known.note(host.write_record(now, stream, data)),
        2 => known.note(host.finish(now, stream)),
        3 => known.note(host.read(now, stream, data)),
        4 => known.note(host.read_record(now, stream, data)),
        5 => known.note(host.read_unordered(now, stream, data)),
        6 => {
            let options = datagram(input);
            if input.is_odd() {
                return known.note(host.send_datagram(now, stream, data, options));
            }
            let sent = host.send_tracked_datagram(now, stream, data, options);
            known.ticket = sent.ok().and_then(|sent| sent.ticket);
            known.note(sent);
        }
        7 => known.note(host.recv_datagram(now, stream, data)),
        8 => known.stream = host.accept_datagram(now, stream),
        9 => known.stream = host.accept_substream(now, stream),
        10 => {
            let open = Open {
                priority: input.is_odd().then(|| input.byte() as i8),
                service: input.is_odd(),
                lifetime: input.duration(),
            };
            let opened = host.open_substream(now, stream, open);
            known.stream = opened.ok();
            known.note(opened);
        }
        _ => manage(host, known, input, now, stream),
    }
}

fn manage(
    host: &mut BareHost,
    known: &mut Known,
    input: &mut Input<'_>,
    now: Instant,
    stream: StreamHandle,
) {
    if let (0, Some(ticket)) = (input.byte(), known.ticket) {
        host.forget_datagram(ticket);
    }
    match input.byte() {
        0 => known.note(host.listen(now, stream, input.word() as u32)),
        1 => host.reset(now, stream, StreamCode::new(input.word())),
        2 => host.stop(now, stream, StreamCode::application(input.word() as u32)),
        3 => host.release(now, stream),
        4 => {
            let priority = input.is_odd().then(|| input.byte() as i8);
            known.note(host.set_priority(now, stream, priority));
        }
        5 => known.note(host.request_priority(now, stream, input.byte() as i8)),
        6 => known.note(host.set_lifetime(now, stream, input.duration())),
        _ => known.note(host.stream_info(stream)),
    }
}

fn datagram(input: &mut Input<'_>) -> DatagramOptions {
    DatagramOptions { lifetime: input.duration(), reliable: input.is_odd() }
}

/// Text and records that come from elsewhere.
fn names(known: &mut Known, data: &mut [u8]) {
    let (text, out) = data.split_at_mut(data.len() / 2);
    if let Ok(text) = core::str::from_utf8(text) {
        let id = HostId::parse(text);
        known.note(id.map(|id| id.to_text()));
        known.note(id);
    }
    if let Ok(request) = ServiceRequest::parse(text) {
        known.note(request.encode(&mut Writer::new(out)));
    }
}
