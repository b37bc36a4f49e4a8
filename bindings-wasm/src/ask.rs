//! Calls that may have to wait. Each answers at once, throws, or answers `undefined`; the short
//! ones are then simply called again, the long ones resumed by their number.

use std::task::{Context, Poll};

use sst_std::{DatagramForm, DatagramOptions, InstanceWish, OpenOptions, Waiter};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::clock::from_millis;
use crate::error::{Fault, array};
use crate::facts;
use crate::host::{Host, address};
use crate::identity::{host_id, instance as wish};
use crate::operation::{Answer, Operation};
use crate::row::{Interest, Row};

/// An answer, an array of facts, or `undefined` for "later".
type Asked = Result<JsValue, JsValue>;

#[wasm_bindgen]
impl Host {
    /// A session with the host at the other end of a path, in the instance that suits the endpoint
    /// or another. Long.
    pub fn connect(
        &mut self,
        _endpoint: u32,
        path: u32,
        peer_id: Option<String>,
        instance: Option<String>,
    ) -> Asked {
        let id = peer_id.as_deref().map(host_id).transpose()?;
        let instance = instance.as_deref().map_or(Ok(InstanceWish::Usual), wish)?;
        let endpoint = self.endpoint.clone();
        self.begin(Operation::new(async move {
            Ok(Answer::Session(endpoint.connect_in(id, &[address(path)], instance).await?))
        }))
    }

    /// The next session a peer started; `null` once the endpoint is closed.
    pub fn accept(&mut self, _endpoint: u32) -> Asked {
        let (waker, waiter) = self.wakers.wait(Interest::Accept);
        match self.endpoint.poll_accept(&mut Context::from_waker(&waker), waiter) {
            Poll::Pending => Ok(JsValue::UNDEFINED),
            Poll::Ready(None) => Ok(JsValue::NULL),
            Poll::Ready(Some(session)) => Ok(self.add_session(session)),
        }
    }

    /// Ends the endpoint in an orderly way. Long.
    #[wasm_bindgen(js_name = closeEndpoint)]
    pub fn close_endpoint(&mut self, _endpoint: u32) -> Asked {
        let endpoint = self.endpoint.clone();
        self.begin(Operation::new(async move {
            endpoint.close().await;
            Ok(Answer::Done)
        }))
    }

    /// How the session ended, once it has.
    pub fn closed(&mut self, handle: u32) -> Asked {
        let row = self.row(handle)?;
        let session = row.session.clone().ok_or_else(ended)?;
        let (waker, waiter) = row.wait(Interest::Closed);
        match session.poll_closed(&mut Context::from_waker(&waker), waiter) {
            Poll::Pending => Ok(JsValue::UNDEFINED),
            Poll::Ready(closed) => Ok(facts::closed(&closed)),
        }
    }

    /// `true` once the session is crowded.
    pub fn crowded(&mut self, handle: u32) -> Asked {
        let row = self.row(handle)?;
        let session = row.session.clone().ok_or_else(ended)?;
        // A session has nothing else to read.
        let (waker, waiter) = row.wait(Interest::Read);
        let crowded = session.poll_crowded(&mut Context::from_waker(&waker), waiter);
        answer(crowded.map_ok(|()| JsValue::TRUE))
    }

    /// Which streams hold most that is unread: id and positions of each, one after the other.
    #[wasm_bindgen(js_name = largestUnread)]
    pub fn largest_unread(&mut self, handle: u32, most: u32) -> Asked {
        let session = self.row(handle)?.session.as_ref().ok_or_else(ended)?;
        Ok(facts::unread(&session.largest_unread(most as usize)))
    }

    /// A new child.
    pub fn open(
        &mut self,
        handle: u32,
        priority: Option<i8>,
        lifetime: Option<f64>,
        waits: bool,
    ) -> Asked {
        let row = self.row(handle)?;
        let mut options = OpenOptions::new();
        if let Some(priority) = priority {
            options = options.priority(priority);
        }
        if let Some(lifetime) = lifetime {
            options = options.lifetime(from_millis(lifetime));
        }
        let branch = row.branch.clone();
        let (waker, waiter) = row.wait(Interest::Open);
        let mut passing = Waiter::new();
        let waiter = if waits { waiter } else { &mut passing };
        match branch.poll_open_substream(&mut Context::from_waker(&waker), waiter, options) {
            Poll::Pending if waits => Ok(JsValue::UNDEFINED),
            Poll::Pending => {
                let message = "the peer accepts no more children for now";
                Err(Fault::local("would-wait", "stream", message).into())
            }
            Poll::Ready(stream) => Ok(self.add_stream(stream.map_err(Fault::from)?)),
        }
    }

    /// The next child the peer opened; `null` when nothing more comes.
    #[wasm_bindgen(js_name = acceptChild)]
    pub fn accept_child(&mut self, handle: u32) -> Asked {
        let row = self.row(handle)?;
        let waker = row.waker(Interest::Accept);
        let Some(listener) = &mut row.listener else { return Ok(JsValue::NULL) };
        match listener.poll_accept(&mut Context::from_waker(&waker)) {
            Poll::Pending => Ok(JsValue::UNDEFINED),
            Poll::Ready(None) => Ok(JsValue::NULL),
            Poll::Ready(Some(stream)) => Ok(self.add_stream(stream)),
        }
    }

    /// Up to so many bytes; `null` at the end.
    pub fn read(&mut self, handle: u32, max_bytes: u32) -> Asked {
        let row = self.rows.get_mut(&handle).ok_or_else(ended)?;
        let waker = row.waker(Interest::Read);
        let half = row.read.as_mut().ok_or_else(ended)?;
        let room = max_bytes.clamp(1, MAX_READ_BYTES) as usize;
        if self.buffer.len() < room {
            self.buffer.resize(room, 0);
        }
        let buffer = self.buffer.get_mut(..room).unwrap_or_default();
        let read = half.poll_bytes(&mut Context::from_waker(&waker), buffer);
        answer(read.map_ok(|len| match buffer.get(..len) {
            None | Some([]) => JsValue::NULL,
            Some(read) => bytes(read),
        }))
    }

    /// The next record; `null` at the end.
    #[wasm_bindgen(js_name = readRecord)]
    pub fn read_record(&mut self, handle: u32, max_bytes: u32) -> Asked {
        let row = self.row(handle)?;
        let waker = row.waker(Interest::Read);
        let half = row.read.as_mut().ok_or_else(ended)?;
        let record = half.poll_record(&mut Context::from_waker(&waker), max_bytes as usize);
        answer(record.map_ok(|record| record.map_or(JsValue::NULL, |record| bytes(&record))))
    }

    /// Takes bytes to write; answers how many.
    pub fn write(&mut self, handle: u32, bytes: &[u8]) -> Asked {
        let row = self.row(handle)?;
        let waker = row.waker(Interest::Write);
        let half = row.write.as_ref().ok_or_else(ended)?;
        let Ok(mut half) = half.try_borrow_mut() else { return Err(busy()) };
        let taken = half.poll_bytes(&mut Context::from_waker(&waker), bytes);
        answer(taken.map_ok(|taken| facts::count(taken as u64)))
    }

    /// Writes a record. Long.
    #[wasm_bindgen(js_name = writeRecord)]
    #[allow(clippy::await_holding_refcell_ref, reason = "others try, and are told that it is busy")]
    pub fn write_record(&mut self, handle: u32, record: Vec<u8>) -> Asked {
        let half = self.row(handle)?.write.clone().ok_or_else(ended)?;
        self.begin(Operation::new(async move {
            let Ok(mut half) = half.try_borrow_mut() else { return Err(busy_fault()) };
            half.write_record(&record).await?;
            Ok(Answer::Done)
        }))
    }

    /// Ends the writing; answers when the peer has everything.
    pub fn finish(&mut self, handle: u32) -> Asked {
        let row = self.row(handle)?;
        let waker = row.waker(Interest::Write);
        let half = row.write.as_ref().ok_or_else(ended)?;
        let Ok(mut half) = half.try_borrow_mut() else { return Err(busy()) };
        answer(half.poll_finish(&mut Context::from_waker(&waker)).map_ok(|()| JsValue::TRUE))
    }

    /// Takes a datagram; answers twice the number under which to resume for what became of it, or 0
    /// if it is not tracked; and 1 more if it travels as a substream.
    #[wasm_bindgen(js_name = sendDatagram)]
    pub fn send_datagram(
        &mut self,
        handle: u32,
        bytes: &[u8],
        lifetime: Option<f64>,
        reliable: bool,
        track: bool,
    ) -> Asked {
        let row = self.row(handle)?;
        let branch = row.branch.clone();
        let (waker, waiter) = row.wait(Interest::Send);
        let mut options = DatagramOptions::new();
        if let Some(lifetime) = lifetime {
            options = options.lifetime(from_millis(lifetime));
        }
        if reliable {
            options = options.reliable();
        }
        if track {
            options = options.tracked();
        }
        let mut cx = Context::from_waker(&waker);
        let sent = branch.poll_send_datagram(&mut cx, waiter, bytes, options);
        answer(sent.map_ok(|delivery| {
            let is_substream = delivery.form() == DatagramForm::Substream;
            let number = if track { self.keep(delivery) } else { 0 };
            JsValue::from_f64(f64::from(number) * 2.0 + f64::from(u8::from(is_substream)))
        }))
    }

    /// The next datagram that came.
    #[wasm_bindgen(js_name = recvDatagram)]
    pub fn recv_datagram(&mut self, handle: u32) -> Asked {
        let row = self.row(handle)?;
        let branch = row.branch.clone();
        let (waker, waiter) = row.wait(Interest::Receive);
        let datagram = branch.poll_recv_datagram(&mut Context::from_waker(&waker), waiter);
        answer(datagram.map_ok(|datagram| bytes(&datagram)))
    }

    /// A stream to a service of the peer. Long.
    #[wasm_bindgen(js_name = openService)]
    pub fn open_service(&mut self, handle: u32, service: String, protocol: String) -> Asked {
        let session = self.row(handle)?.session.clone().ok_or_else(ended)?;
        self.begin(Operation::new(async move {
            Ok(Answer::Stream(session.open_service(&service, &protocol).await?))
        }))
    }

    /// What the peer offers. Long.
    #[wasm_bindgen(js_name = listServices)]
    pub fn list_services(&mut self, handle: u32) -> Asked {
        let session = self.row(handle)?.session.clone().ok_or_else(ended)?;
        self.begin(Operation::new(
            async move { Ok(Answer::Offers(session.list_services().await?)) },
        ))
    }

    /// The next request for a service: stream, service, protocol; `null` when nothing more comes.
    #[wasm_bindgen(js_name = acceptService)]
    pub fn accept_service(&mut self, handle: u32) -> Asked {
        let row = self.row(handle)?;
        let waker = row.waker(Interest::Service);
        let Some(services) = &mut row.services else { return Ok(JsValue::NULL) };
        match services.poll_accept(&mut Context::from_waker(&waker)) {
            Poll::Pending => Ok(JsValue::UNDEFINED),
            Poll::Ready(None) => Ok(JsValue::NULL),
            Poll::Ready(Some(request)) => {
                let [service, protocol] =
                    [&request.offer().service, &request.offer().protocol].map(JsValue::from);
                let stream = self.add_stream(request.into_stream());
                Ok(array([stream, service, protocol]))
            }
        }
    }

    /// Numbers about a stream.
    #[wasm_bindgen(js_name = streamStats)]
    pub fn stream_stats(&mut self, handle: u32) -> Asked {
        Ok(facts::stream_stats(&self.row(handle)?.branch))
    }

    /// Numbers about a session.
    #[wasm_bindgen(js_name = sessionStats)]
    pub fn session_stats(&mut self, handle: u32) -> Asked {
        let row = self.row(handle)?;
        Ok(row.session.as_ref().map_or(JsValue::NULL, facts::session_stats))
    }
}

/// The most that is read at once.
const MAX_READ_BYTES: u32 = 1 << 20;

impl Host {
    pub(crate) fn row(&mut self, handle: u32) -> Result<&mut Row, Fault> {
        self.rows.get_mut(&handle).ok_or_else(ended)
    }
}

fn answer<E: Into<Fault>>(polled: Poll<Result<JsValue, E>>) -> Asked {
    match polled {
        Poll::Pending => Ok(JsValue::UNDEFINED),
        Poll::Ready(answer) => answer.map_err(|error| error.into().into()),
    }
}

fn bytes(bytes: &[u8]) -> JsValue {
    js_sys::Uint8Array::from(bytes).into()
}

fn ended() -> Fault {
    Fault::local("ended", "stream", "the stream or session was let go of by this host")
}

fn busy_fault() -> Fault {
    Fault::local("record-torn", "stream", "a record is being written")
}

fn busy() -> JsValue {
    busy_fault().into()
}
