//! The thread that compiles while the program goes on: takes units in IR, gives back loaded images.
//!
//! Whatever belongs to the runtime stays on the program's thread (`queue`). When a result is there, the worker tells
//! the program through its context's interrupt word, so that the program need not look at anything it would not look
//! at anyway. The program never waits for the worker, not even for a lock.

use super::compile::CompileFailure;
use super::kept::KeptUnits;
use super::pipeline::{optimise_all, unit, LibraryParts, Made, SharedDirectory, Target, STOPPED};
use super::statistics::{Statistics, Watch};
use crate::load::{CacheKey, LoadedImage};
use maru_core::abi::announce_compiled;
use maru_core::ir::passes::OptimisationFuel;
use maru_core::ir::Function;
use maru_language::value::share;
use std::collections::VecDeque;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Jobs that can wait in the channel. The queue sends fewer, so that sending never waits.
const CHANNEL: usize = 16;
/// The thread's stack: passes and register allocation recurse over graphs as large as a program makes them. It is
/// committed by use.
const STACK_SIZE: usize = 256 << 20;
/// Hundredths of the addresses that a process may have, that it takes at most.
const STACK_SHARE: usize = 5;
/// How long the end of a run waits for the worker to notice. It looks up between any two functions.
const PATIENCE: Duration = Duration::from_millis(100);

/// A unit to be compiled.
pub(super) struct Job {
    /// Names it to the queue.
    pub(super) ticket: u64,
    pub(super) functions: Vec<Function>,
    pub(super) data_words: usize,
    pub(super) name: String,
    pub(super) source: String,
}

/// An image, and the library's bytes if they are wanted.
pub(super) type Loaded = (LoadedImage, Option<Vec<u8>>);

/// What became of a job.
pub(super) struct Finished {
    pub(super) ticket: u64,
    /// The image; the outer error is a panic's.
    pub(super) outcome: thread::Result<Result<Loaded, CompileFailure>>,
    /// Counts and times of this job.
    pub(super) statistics: Statistics,
}

/// How to compile: the same for all jobs.
#[derive(Clone)]
pub(super) struct Manner {
    pub(super) target: Target,
    pub(super) directory: SharedDirectory,
    /// Code that is kept from run to run.
    pub(super) kept: Option<Arc<KeptUnits>>,
    /// Run the optimiser.
    pub(super) optimise: bool,
    /// Verify the IR before and after optimising.
    pub(super) verify: bool,
    /// Give the libraries' bytes back.
    pub(super) keep_bytes: bool,
}

/// What both threads see.
struct Shared {
    /// The program ends.
    stopping: AtomicBool,
    /// Address of the context's interrupt word; 0 once the context is gone.
    interrupt: Mutex<usize>,
    /// Whether there is something in `finished`.
    ready: AtomicBool,
    finished: Mutex<VecDeque<Finished>>,
}

/// What a lock guards is whole even if a thread that had it has panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The program's hold on the thread. Dropping it ends the thread, which is waited for, but not for long.
pub(super) struct Worker {
    jobs: Option<SyncSender<Job>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    process: u32,
}

impl Worker {
    /// Start the thread.
    ///
    /// # Safety
    /// The interrupt word is a context's that lives until the worker is dropped.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(super) unsafe fn start(manner: Manner, interrupt: *mut u64) -> std::io::Result<Worker> {
        let (jobs, to_do) = sync_channel(CHANNEL);
        let shared = Arc::new(Shared {
            stopping: AtomicBool::new(false),
            interrupt: Mutex::new(interrupt.expose_provenance()),
            ready: AtomicBool::new(false),
            finished: Mutex::default(),
        });
        let thread = {
            let shared = shared.clone();
            let size = share(STACK_SIZE, STACK_SHARE);
            let builder = thread::Builder::new().name("maru-compiler".into()).stack_size(size);
            without_signals(|| builder.spawn(move || work(&manner, &to_do, &shared)))?
        };
        Ok(Worker { jobs: Some(jobs), shared, thread: Some(thread), process: std::process::id() })
    }

    /// Give the thread a job; false if it cannot take one.
    pub(super) fn send(&self, job: Job) -> bool {
        self.jobs.as_ref().is_some_and(|jobs| jobs.try_send(job).is_ok())
    }

    /// Whether a job is done.
    pub(super) fn has_finished(&self) -> bool {
        self.shared.ready.load(Ordering::Acquire)
    }

    /// A job that is done, if there is one. Where the worker is about to say so, it says it once more afterwards.
    pub(super) fn next_finished(&self) -> Option<Finished> {
        if !self.has_finished() {
            return None;
        }
        let mut finished = self.shared.finished.try_lock().ok()?;
        let next = finished.pop_front();
        self.shared.ready.store(!finished.is_empty(), Ordering::Release);
        next
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The thread of a forked process stayed in its parent, and its locks are as they were.
        let Some(thread) = self.thread.take().filter(|_| std::process::id() == self.process) else { return };
        *lock(&self.shared.interrupt) = 0;
        self.shared.stopping.store(true, Ordering::Relaxed);
        self.jobs = None;
        let end = Instant::now() + PATIENCE;
        while !thread.is_finished() {
            if Instant::now() > end {
                // It is in a large function, or has no CPU; it will write no file after that.
                return;
            }
            thread::sleep(Duration::from_micros(200));
        }
        // Its panics were caught.
        let _ = thread.join();
    }
}

fn work(manner: &Manner, to_do: &Receiver<Job>, shared: &Shared) {
    stand_back();
    while let Ok(job) = to_do.recv() {
        let ticket = job.ticket;
        let mut statistics = Statistics::default();
        let outcome = catch_unwind(AssertUnwindSafe(|| compile(manner, job, shared, &mut statistics)));
        let mut finished = lock(&shared.finished);
        finished.push_back(Finished { ticket, outcome, statistics });
        shared.ready.store(true, Ordering::Release);
        drop(finished);
        let interrupt = lock(&shared.interrupt);
        if *interrupt != 0 {
            // SAFETY: the context lives while its address stands there, and it stands there while the lock is held.
            unsafe { announce_compiled(std::ptr::with_exposed_provenance_mut(*interrupt)) };
        }
    }
}

/// A new job must not push the program off its CPU, where there are fewer CPUs than threads.
fn stand_back() {
    #[cfg(target_os = "linux")]
    // SAFETY: the parameter is complete; 0 is this thread. If the system refuses, nothing is lost but some time.
    unsafe {
        let parameter: libc::sched_param = std::mem::zeroed();
        libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameter);
    }
}

fn compile(manner: &Manner, job: Job, shared: &Shared, statistics: &mut Statistics) -> Result<Loaded, CompileFailure> {
    let stop = || shared.stopping.load(Ordering::Relaxed);
    let Job { mut functions, data_words, name, source, .. } = job;
    let parts = LibraryParts { name: &name, source: &source, data_words, manifest: &[] };
    // The worker serves hosts that run their own code only.
    let target = manner.target.fitting(true);
    let kept = manner
        .kept
        .as_ref()
        .filter(|_| target.strategy == manner.target.strategy)
        .map(|kept| (kept, kept.key(manner.target, &functions, &parts)));
    if let Some(image) = kept.as_ref().and_then(|(kept, key)| load_kept(manner, kept, key, statistics)) {
        return Ok((image, None));
    }
    let mut fuel = if manner.optimise { OptimisationFuel::unlimited() } else { OptimisationFuel::limited(0) };
    optimise_all(&mut functions, &mut fuel, manner.verify, statistics, &stop)?;
    let made = unit(target, &functions, &parts, statistics, &stop)?;
    if stop() {
        return Err(CompileFailure(STOPPED.into()));
    }
    let bytes = match made {
        Made::Library(bytes) => bytes,
        Made::Image(image) => return Ok((image, None)),
    };
    // SAFETY: the bytes are what the format wrote a moment ago.
    let image = unsafe { manner.directory.load_fresh(manner.target.format, &bytes, statistics) }?;
    if let Some((kept, key)) = kept {
        kept.keep(&key, &bytes);
    }
    Ok((image, manner.keep_bytes.then_some(bytes)))
}

/// The image of a unit that was kept, if it can be loaded.
fn load_kept(manner: &Manner, kept: &KeptUnits, key: &CacheKey, statistics: &mut Statistics) -> Option<LoadedImage> {
    let mut watch = Watch::start();
    let bytes = kept.find(key);
    watch.lap(&mut statistics.look_up);
    let Target { architecture, format, .. } = manner.target;
    let image = bytes.and_then(|bytes| manner.directory.load(format, architecture, &bytes, statistics).ok());
    statistics.note_look_up(image.is_some());
    image
}

/// Start a thread that no signal from outside is delivered to: one that ends a wait for input must come to the thread
/// that waits.
fn without_signals<T>(start: impl FnOnce() -> T) -> T {
    // SAFETY: the sets are initialised by `sigfillset` before they are used, or by `pthread_sigmask`; the mask that
    // was there is put back.
    unsafe {
        let (mut all, mut before) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&raw mut all);
        // Faults of the thread itself must not be blocked.
        for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGABRT] {
            libc::sigdelset(&raw mut all, fault);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        let started = start();
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut());
        started
    }
}
