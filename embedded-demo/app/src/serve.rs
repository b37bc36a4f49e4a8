//! Accepts sessions, and in each the streams: a task each, as many as its session's share has.

use embassy_executor::Spawner;
use face::{Branch, Session, Stream, StreamCode};

use crate::sizes::{SESSIONS, STREAM_TASKS};
use crate::{App, control, files, scenario, services};

/// Streams that a peer may open ahead of being accepted, under each parent.
pub(crate) const BACKLOG: u32 = 2;

/// What a stream is.
#[derive(Clone, Copy)]
pub(crate) enum Job {
    /// It asks for a service.
    Service,
    /// A child of a `files` stream.
    File,
    /// A child of a `scenario` stream, and that one.
    Order(Branch),
    /// A child of a `control` stream.
    Switch,
}

/// Takes every peer that dials.
#[embassy_executor::task]
pub(crate) async fn accept(app: &'static App, spawner: Spawner) {
    loop {
        let session = app.endpoint.accept().await;
        // There is a task for each row, so a session finds one unless its predecessor's task has
        // not run since it ended. Dropped, the session is closed.
        if let Ok(task) = serve_session(app, spawner, session) {
            spawner.spawn(task);
        }
    }
}

#[embassy_executor::task(pool_size = SESSIONS)]
async fn serve_session(app: &'static App, spawner: Spawner, session: Session) {
    if let Some(peer) = session.peer() {
        let text = peer.to_text();
        app.note(format_args!("session {:.8}", core::str::from_utf8(&text).unwrap_or_default()));
    }
    serve_children(app, spawner, &session, BACKLOG, Job::Service).await;
    app.note(format_args!("session over"));
}

#[embassy_executor::task(pool_size = STREAM_TASKS)]
async fn serve_stream(app: &'static App, spawner: Spawner, stream: Stream, job: Job) {
    match job {
        Job::Service => services::serve(app, spawner, &stream).await,
        Job::File => files::serve(app, spawner, &stream).await,
        Job::Order(service) => scenario::obey(app, spawner, &stream, service).await,
        Job::Switch => control::serve_switch(app, &stream).await,
    }
    let session = stream.session_index();
    drop(stream);
    app.tasks.borrow_mut().give_back(session);
}

/// Serves the children that the peer opens under `parent`, until it ends.
pub(crate) async fn serve_children(
    app: &'static App,
    spawner: Spawner,
    parent: &Branch,
    backlog: u32,
    job: Job,
) {
    if !parent.listen(backlog) {
        return refuse(parent, StreamCode::NO_CAPACITY);
    }
    while let Some(stream) = parent.accept_substream().await {
        let session = stream.session_index();
        if app.tasks.borrow_mut().take(session).is_err() {
            refuse(&stream, StreamCode::NO_CAPACITY);
            continue;
        }
        // There is a task for each that the shares give out.
        match serve_stream(app, spawner, stream, job) {
            Ok(task) => spawner.spawn(task),
            Err(_) => app.tasks.borrow_mut().give_back(session),
        }
    }
}

/// Says no, and why.
pub(crate) fn refuse(stream: &Branch, code: StreamCode) {
    stream.reset(code);
    stream.stop(code);
}
