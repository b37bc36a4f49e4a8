//! The runner of scenarios: does the steps in order and compares.

use std::collections::HashMap;
use std::time::Duration;

use sst_std::{
    Branch, By, Code, DatagramOutcome, Listener, OpenOptions, ReadError, Session, Stream,
    WriteError,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::content::Content;
use super::step::{Details, Step};
use super::{Scenario, service};
use crate::failure::Failure;

/// What takes longer has failed.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);
const RESEND_AFTER: Duration = Duration::from_millis(500);
const MAX_SENDS: u32 = 20;
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(5);
const BACKLOG: u32 = 16;
const MAX_RECORD_BYTES: usize = 1 << 20;

/// One scenario under way.
struct Run<'a> {
    session: &'a Session,
    streams: HashMap<String, Stream>,
    listeners: HashMap<String, Listener>,
}

/// Does a scenario on `session`; the failure names the step.
pub(super) async fn run(session: &Session, scenario: &Scenario) -> Result<(), Failure> {
    let streams = HashMap::from([("service".to_string(), service(session).await?)]);
    let mut run = Run { session, streams, listeners: HashMap::new() };
    run.steps(&scenario.steps, "").await?;
    let service = run.streams.remove("service");
    drop(run);
    if let Some(mut service) = service.filter(|_| !scenario.ends_session) {
        timeout(STEP_TIMEOUT, service.finish()).await??;
    }
    Ok(())
}

/// Tells the responder that this was all.
pub(super) async fn say_over(session: &Session) -> Result<(), Failure> {
    let service = service(session).await?;
    let mut child = service.open_substream(OpenOptions::new()).await?;
    child.write_record(b"over").await?;
    child.start_finish()?;
    same(Some(b"over".to_vec()), child.read_record(MAX_RECORD_BYTES).await?)
}

impl Run<'_> {
    async fn steps(&mut self, steps: &[Step], path: &str) -> Result<(), Failure> {
        for (number, step) in steps.iter().enumerate() {
            let path = format!("{path}{}", number + 1);
            for turn in 1..=step.times {
                Box::pin(self.steps(&step.steps, &format!("{path}, turn {turn}, "))).await?;
            }
            if step.verb != "repeat" {
                let done = timeout(STEP_TIMEOUT, self.step(step)).await;
                let done = done.unwrap_or_else(|_| Err(Failure::new("nothing happens")));
                done.map_err(|Failure(why)| {
                    Failure(format!("step {path}, {} {}: {why}", step.verb, step.target))
                })?;
            }
        }
        Ok(())
    }

    async fn step(&mut self, Step { verb, target, details, .. }: &Step) -> Result<(), Failure> {
        match verb.as_str() {
            "open" | "open_service" | "accept" => self.begin(verb, target, details).await,
            "list_services" | "close" | "abort" | "closed" => self.on_session(verb, details).await,
            "drop" => self.streams.remove(target).map(|_| ()).ok_or_else(unknown),
            "read_error" => self.read_error(target, details).await,
            "write_error" => self.write_error(target, details).await,
            "datagram" => self.datagram(target, details).await,
            "outcome" => self.outcome(target, details).await,
            "holds" => self.holds(target, details).await,
            _ => self.on_stream(verb, target, details).await,
        }
    }

    /// Steps that begin with a stream.
    async fn begin(&mut self, verb: &str, name: &str, details: &Details) -> Result<(), Failure> {
        let stream = match verb {
            "open" => {
                let mut options = OpenOptions::new();
                if let Some(priority) = details.priority {
                    options = options.priority(priority);
                }
                if let Some(millis) = details.lifetime_ms {
                    options = options.lifetime(Duration::from_millis(millis));
                }
                self.branch(needed(details.of.as_deref())?)?.open_substream(options).await?
            }
            "open_service" => {
                let service = needed(details.service.as_deref())?;
                let protocol = needed(details.protocol.as_deref())?;
                self.session.open_service(service, protocol).await?
            }
            _ => {
                let of = needed(details.of.clone())?;
                if !self.listeners.contains_key(&of) {
                    let listener = self.branch(&of)?.listen(BACKLOG);
                    self.listeners.insert(of.clone(), listener);
                }
                let listener = self.listeners.get_mut(&of).ok_or_else(unknown)?;
                listener.accept().await.ok_or_else(|| Failure::new("no child will come"))?
            }
        };
        self.listeners.remove(name);
        self.streams.insert(name.into(), stream);
        Ok(())
    }

    /// Steps about the session.
    async fn on_session(&self, verb: &str, details: &Details) -> Result<(), Failure> {
        let code = details.code.unwrap_or(0);
        let reason = details.reason.as_deref().unwrap_or("");
        match verb {
            "list_services" => {
                let offers = self.session.list_services().await?;
                for [service, protocol] in &details.has {
                    let is_wanted = |offer: &sst_std::Offer| {
                        offer.service == *service && offer.protocol == *protocol
                    };
                    if !offers.iter().any(is_wanted) {
                        return Err(Failure(format!("{service}/{protocol} is not offered")));
                    }
                }
            }
            "close" => drop(self.session.close(code, reason).await),
            "abort" => self.session.abort(code, reason),
            _ => {
                let closed = self.session.closed().await;
                let by = match closed.by() {
                    By::Local => "local",
                    By::Peer => "peer",
                    By::Timeout => "timeout",
                    _ => "someone",
                };
                same(Some(by), details.by.as_deref())?;
                if details.code.is_some() {
                    same(Code::Application(code), closed.code())?;
                }
                if details.reason.is_some() {
                    same(reason, closed.reason())?;
                }
            }
        }
        Ok(())
    }

    /// Steps about one stream that succeed.
    async fn on_stream(
        &mut self,
        verb: &str,
        name: &str,
        details: &Details,
    ) -> Result<(), Failure> {
        if verb == "set_priority" {
            let branch = self.branch(name)?;
            branch.set_priority(details.priority);
            return same(details.priority, branch.priority());
        }
        let stream = self.streams.get_mut(name).ok_or_else(unknown)?;
        let content = || needed(details.content()).map(|content| content.bytes());
        match verb {
            "write" => stream.write_all(&content()?).await?,
            "write_record" => stream.write_record(&content()?).await?,
            "read" => {
                let wanted = content()?;
                let mut found = vec![0; wanted.len()];
                stream.read_exact(&mut found).await?;
                same_bytes(&wanted, &found)?;
            }
            "read_record" => {
                let found = stream.read_record(MAX_RECORD_BYTES).await?;
                let found = found.ok_or_else(|| Failure::new("the end came"))?;
                same_bytes(&content()?, &found)?;
            }
            "read_end" => {
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).await?;
                same_bytes(&[], &rest)?;
            }
            "too_long" => {
                let found = stream.read_record(needed(details.limit)?).await;
                if !matches!(found, Err(ReadError::RecordTooLong { .. })) {
                    return Err(Failure(format!("{found:?}")));
                }
            }
            "unfinished" => {
                let wanted = content()?;
                let cut_off = Err(ReadError::UnfinishedRecord { len: wanted.len() });
                for _ in 0..2 {
                    same(&cut_off, &stream.read_record(MAX_RECORD_BYTES).await)?;
                }
                let mut found = vec![0; wanted.len()];
                stream.read_exact(&mut found).await?;
                same_bytes(&wanted, &found)?;
            }
            "finish" => stream.finish().await?,
            "reset" => stream.reset(needed(details.code)?),
            "stop" => stream.stop(needed(details.code)?),
            "recv_datagram" => {
                let wanted = content()?;
                while stream.recv_datagram().await? != wanted {}
            }
            _ => return Err(Failure::new("no such step")),
        }
        Ok(())
    }

    async fn read_error(&mut self, name: &str, details: &Details) -> Result<(), Failure> {
        let stream = self.streams.get_mut(name).ok_or_else(unknown)?;
        let error = loop {
            match stream.read_record(MAX_RECORD_BYTES).await {
                Ok(Some(_)) => {}
                Ok(None) => return Err(Failure::new("the end came")),
                Err(error) => break error,
            }
        };
        let (kind, code) = match &error {
            ReadError::Reset(code) => ("reset", Some(*code)),
            ReadError::Ended => ("ended", None),
            ReadError::Session(_) => ("session", None),
            ReadError::UnfinishedRecord { .. } => ("record_unfinished", None),
            ReadError::RecordTooLong { .. } => ("record_too_long", None),
            _ => ("no_capacity", None),
        };
        same((details.kind.as_deref(), details.code), (Some(kind), code))
    }

    async fn write_error(&mut self, name: &str, details: &Details) -> Result<(), Failure> {
        let stream = self.streams.get_mut(name).ok_or_else(unknown)?;
        let chunk = Content::Pattern { seed: 0, len: 100 }.bytes();
        let error = loop {
            match stream.write(&chunk).await {
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => break error,
            }
        };
        let error = error.downcast::<WriteError>();
        let (kind, code) = match &error {
            Ok(WriteError::Stopped(code)) => ("stopped", Some(*code)),
            Ok(WriteError::Finished) => ("finished", None),
            Ok(WriteError::Ended) => ("ended", None),
            Ok(WriteError::Expired) => ("expired", None),
            // On the way through the standard library's errors, this one comes by itself.
            Ok(WriteError::Session(_)) | Err(_) => ("session", None),
            Ok(_) => ("record_torn", None),
        };
        same((details.kind.as_deref(), details.code), (Some(kind), code))
    }

    async fn datagram(&self, name: &str, details: &Details) -> Result<(), Failure> {
        let (branch, wanted) = (self.branch(name)?, needed(details.content())?.bytes());
        for _ in 0..MAX_SENDS {
            branch.send_datagram(&wanted, None).await?;
            let answer = async {
                while branch.recv_datagram().await? != wanted {}
                Ok::<_, Failure>(())
            };
            if let Ok(answer) = timeout(RESEND_AFTER, answer).await {
                return answer;
            }
        }
        Err(Failure::new("it does not come back"))
    }

    async fn outcome(&self, name: &str, details: &Details) -> Result<(), Failure> {
        let (branch, content) = (self.branch(name)?, needed(details.content())?.bytes());
        let lifetime = details.lifetime_ms.map(Duration::from_millis);
        for _ in 0..MAX_SENDS {
            let delivery = match details.reliable {
                true => branch.send_tracked_message(&content).await?,
                false => branch.send_tracked_datagram(&content, lifetime).await?,
            };
            let outcome = delivery.await;
            if outcome != DatagramOutcome::Lost {
                return same(details.is.as_deref(), Some(outcome.name()));
            }
        }
        Err(Failure::new("it was lost each time"))
    }

    /// What a stream holds changes as packets come, which nobody is told of.
    async fn holds(&self, name: &str, details: &Details) -> Result<(), Failure> {
        let stream = self.branch(name)?.stream_id();
        let wanted = needed(details.unread)?;
        loop {
            let told = self.session.largest_unread(usize::MAX);
            let held = told.iter().find(|held| Some(held.stream) == stream);
            if held.map_or(0, |held| held.unread) == wanted {
                return Ok(());
            }
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
    }

    fn branch(&self, name: &str) -> Result<Branch, Failure> {
        if name == "session" {
            return Ok(Branch::clone(self.session));
        }
        self.streams.get(name).map(Stream::branch).ok_or_else(unknown)
    }
}

fn unknown() -> Failure {
    Failure::new("the scenario has no stream of that name now")
}

fn needed<T>(detail: Option<T>) -> Result<T, Failure> {
    detail.ok_or_else(|| Failure::new("the step lacks a detail"))
}

fn same<T: PartialEq + std::fmt::Debug>(wanted: T, found: T) -> Result<(), Failure> {
    if wanted == found {
        return Ok(());
    }
    Err(Failure(format!("{wanted:?} was expected, {found:?} found")))
}

fn same_bytes(wanted: &[u8], found: &[u8]) -> Result<(), Failure> {
    let differs = wanted.iter().zip(found).position(|(wanted, found)| wanted != found);
    match differs {
        None if wanted.len() == found.len() => Ok(()),
        None => {
            Err(Failure(format!("{} bytes were expected, {} found", wanted.len(), found.len())))
        }
        Some(at) => Err(Failure(format!("byte {at} differs"))),
    }
}
