//! [`Laboratory`]: the hosts and the wire between them, and errands that are run on them.

use std::io::{self, Read};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use crate::carried::Carried;
use crate::carrier::{Carrier, Course, capture};
use crate::host::{FAR, Host, near_address};
use crate::link::Link;
use crate::nature::Nature;

/// How often it is looked whether an errand is done.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Everything about the wire.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Towards the near hosts.
    pub down: Nature,
    /// Towards the far host.
    pub up: Nature,
    pub seed: u64,
    /// The congestion control of the kernel's TCP, on every host.
    pub tcp: String,
    /// Errands that take longer are ended.
    pub timeout: Duration,
    /// Where to write what passes: to this name with `.down.sent`, `.down.arrived`, `.up.sent` and
    /// `.up.arrived` and then `.pcap` after it.
    pub capture: Option<PathBuf>,
}

/// Hosts and the wire, at work.
pub struct Laboratory {
    far: Host,
    near: Vec<Host>,
    course: Arc<Course>,
    shown: [Arc<Mutex<Carried>>; 2],
    carriers: Vec<JoinHandle<io::Result<Carried>>>,
}

/// What one near host does.
#[derive(Clone, Debug)]
pub struct Errand {
    /// For `sh`. It finds in `$FAR` what the far command said first.
    pub command: String,
    /// How long it waits before it begins.
    pub after: Duration,
}

/// How an errand ended.
#[derive(Clone, Debug)]
pub struct Done {
    pub is_success: bool,
    pub took: Duration,
    /// What it wrote, unless it was shown.
    pub output: String,
}

/// What happened.
#[derive(Clone, Debug)]
pub struct Report {
    /// In the order of the errands.
    pub near: Vec<Done>,
    pub down: Carried,
    pub up: Carried,
}

impl Setup {
    /// A wire with this nature both ways, cubic, at most ten minutes.
    #[must_use]
    pub fn new(down: Nature, up: Nature) -> Self {
        let timeout = Duration::from_secs(600);
        Self { down, up, seed: 1, tcp: "cubic".into(), timeout, capture: None }
    }

    /// Starts `far` on the far host and the errands on a near host each, and waits for the errands.
    /// What they write is kept, or `shown` as it comes.
    ///
    /// # Errors
    /// The hosts could not be made, or the far command said nothing. A failed errand is no error.
    pub fn run(&self, far: &str, errands: &[Errand], shown: bool) -> io::Result<Report> {
        let deadline = Instant::now() + self.timeout;
        let count = u8::try_from(errands.len()).map_err(io::Error::other)?;
        let laboratory = Laboratory::start(self, count)?;
        let (mut server, said) = laboratory.far.serve(far)?;
        let near = laboratory.run(errands, &said, shown, deadline);
        let _ = server.kill();
        let _ = server.wait();
        let [down, up] = laboratory.finish()?;
        Ok(Report { near: near?, down, up })
    }
}

impl Laboratory {
    /// A far host, `count` near ones, and the wire.
    ///
    /// # Errors
    /// Only root may, and not everywhere.
    pub fn start(setup: &Setup, count: u8) -> io::Result<Self> {
        let (far, far_tun) = Host::start(FAR, &setup.tcp)?;
        let (far_tun, course) = (Arc::new(far_tun), Arc::new(Course::default()));
        let (mut near, mut tuns) = (Vec::new(), Vec::new());
        for index in 0..count {
            let address = near_address(index);
            let (host, tun) = Host::start(&address, &setup.tcp)?;
            near.push(host);
            let last = address.rsplit('.').next().and_then(|last| last.parse().ok());
            tuns.push((last.unwrap_or(0), Arc::new(tun)));
        }
        let near_tuns = tuns.iter().map(|(_, tun)| tun.clone()).collect();
        let ways = [
            ("down", setup.down, vec![far_tun.clone()], tuns, 2 * setup.seed),
            ("up", setup.up, near_tuns, vec![(2, far_tun)], 2 * setup.seed + 1),
        ];
        let captured_from = (Instant::now(), SystemTime::now());
        let (mut carriers, mut shown) = (Vec::new(), [(); 2].map(|()| Arc::default()));
        for ((name, nature, from, to, seed), shown) in ways.into_iter().zip(&mut shown) {
            let file = |end: &str| {
                capture(setup.capture.as_deref(), &format!(".{name}.{end}.pcap"), captured_from)
            };
            let (sent, arrived) = (file("sent")?, file("arrived")?);
            let (link, shown) = (Link::new(nature, seed), Arc::clone(shown));
            let course = course.clone();
            let carrier = Carrier { link, from, to, sent, arrived, course, shown };
            carriers.push(thread::spawn(move || carrier.run()));
        }
        Ok(Self { far, near, course, shown, carriers })
    }

    /// The far host.
    #[must_use]
    pub const fn far(&self) -> &Host {
        &self.far
    }

    /// The near hosts.
    #[must_use]
    pub fn near(&self) -> &[Host] {
        &self.near
    }

    /// What was carried until now: down, up.
    #[must_use]
    pub fn carried(&self) -> [Carried; 2] {
        [0, 1].map(|way| *self.shown[way].lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends it: what was carried, down and up.
    ///
    /// # Errors
    /// A device failed on the way.
    pub fn finish(mut self) -> io::Result<[Carried; 2]> {
        self.course.is_over.store(true, Ordering::Relaxed);
        let mut all = [Carried::default(); 2];
        for (carrier, carried) in self.carriers.drain(..).zip(&mut all) {
            *carried = carrier.join().map_err(|_| io::ErrorKind::Other)??;
        }
        Ok(all)
    }

    fn run(
        &self,
        errands: &[Errand],
        said: &str,
        shown: bool,
        deadline: Instant,
    ) -> io::Result<Vec<Done>> {
        let began = *self.course.began.get_or_init(Instant::now);
        thread::scope(|scope| {
            let mut running = Vec::new();
            for (host, errand) in self.near.iter().zip(errands) {
                running.push(scope.spawn(move || {
                    thread::sleep(errand.after.saturating_sub(began.elapsed()));
                    let output = if shown { Stdio::inherit() } else { Stdio::piped() };
                    wait(host.run(&errand.command, said, output)?, deadline)
                }));
            }
            let done = running.into_iter().map(|errand| errand.join().expect("no panic inside"));
            done.collect()
        })
    }
}

impl Drop for Laboratory {
    fn drop(&mut self) {
        self.course.is_over.store(true, Ordering::Relaxed);
    }
}

/// Waits for a child, but not for ever.
fn wait(mut child: Child, deadline: Instant) -> io::Result<Done> {
    let began = Instant::now();
    let reader = child.stdout.take().map(|mut out| {
        thread::spawn(move || {
            let mut text = String::new();
            let _ = out.read_to_string(&mut text);
            text
        })
    });
    let (is_success, took) = loop {
        if let Some(status) = child.try_wait()? {
            break (status.success(), began.elapsed());
        }
        if Instant::now() >= deadline {
            let _ = child.kill();
            let _ = child.wait();
            break (false, began.elapsed());
        }
        thread::sleep(LOOK_EVERY);
    };
    let output = reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
    Ok(Done { is_success, took, output })
}
