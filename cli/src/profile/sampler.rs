//! Samples of the machine stack: a thread sends the program's a signal again and again, whose handler notes the addresses
//! on the stack and the functions that the interpreter runs, if the program has worked since the last time. (The system's
//! own timers of processor time are as coarse as its clock ticks.) The handler runs in the middle of anything, so it
//! allocates nothing and waits for nobody; what the addresses mean is found out at the end.

use crate::trouble::Trouble;
use maru_language::runtime::{Activation, Activations, Runtime};
use std::alloc::Layout;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two signals.
pub const PERIOD: Duration = Duration::from_millis(1);
/// Nanoseconds of processor time without which there is no sample.
const WORK: u64 = 300_000;
/// The most frames of the machine stack, and of the interpreter, in a sample: the innermost ones.
const MOST_FRAMES: usize = 200;
/// Words of a frame: its address in the code, and where it ends on the stack.
const FRAME_WORDS: usize = 2;
/// Words of a note of the interpreter's.
const NOTE_WORDS: usize = 4;
/// Words for all samples: 128 megabytes, which are taken as they are needed. Some minutes.
const ROOM: usize = 1 << 24;

/// The sampler that the handler writes to; null if there is none.
static SAMPLER: AtomicPtr<Shared> = AtomicPtr::new(std::ptr::null_mut());

/// What the handler writes.
struct Shared {
    /// The thread whose stack is looked at: that of the program.
    thread: libc::pthread_t,
    activations: Arc<Activations>,
    words: Vec<AtomicU64>,
    used: AtomicUsize,
    /// Samples for which there was no room.
    lost: AtomicU64,
    /// The thread's processor time at the last signal, in nanoseconds.
    worked: AtomicU64,
    /// Whether no more signals are wanted.
    done: AtomicBool,
}

/// A frame of native code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The address of the code: where it goes on.
    pub code: usize,
    /// Where its part of the machine stack ends.
    pub end: usize,
}

/// What was running at one moment, innermost first.
#[derive(Debug, PartialEq, Eq)]
pub struct Sample {
    /// All frames of the machine stack.
    pub frames: Vec<Frame>,
    /// What the interpreter ran.
    pub notes: Vec<Activation>,
}

/// Takes samples while it lives.
pub struct Sampler {
    shared: Arc<Shared>,
    ticks: Option<JoinHandle<()>>,
}

impl Sampler {
    /// Sample a runtime from now on.
    ///
    /// # Errors
    /// When the system has no thread or signal for it.
    pub fn over(runtime: &mut Runtime) -> Result<Sampler, Trouble> {
        let activations = Arc::<Activations>::default();
        runtime.extensions.activations = Some(activations.clone());
        let words = room().ok_or_else(|| Trouble::failed("--profile: memory for the samples is out"))?;
        // SAFETY: the function has no preconditions.
        let thread = unsafe { libc::pthread_self() };
        let (used, lost, worked) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0));
        let done = AtomicBool::new(false);
        let shared = Arc::new(Shared { thread, activations, words, used, lost, worked, done });
        // What the walk needs to have looked up once is looked up before a signal comes.
        backtrace::trace(|_| true);
        SAMPLER.store(Arc::as_ptr(&shared).cast_mut(), Ordering::Release);
        handle_signals()?;
        let ticking = shared.clone();
        let ticks = std::thread::Builder::new().name("profile".into()).spawn(move || ticking.tick());
        let ticks = ticks.map_err(|error| Trouble::failed(format!("--profile: there is no thread: {error}")))?;
        Ok(Sampler { shared, ticks: Some(ticks) })
    }

    /// No more samples: those that there are, and how many found no room.
    pub fn stop(&mut self) -> (Vec<Sample>, u64) {
        self.end();
        (self.shared.samples(), self.shared.lost.load(Ordering::Relaxed))
    }

    fn end(&mut self) {
        self.shared.done.store(true, Ordering::Relaxed);
        // No signal is on its way when the thread that sends them has ended.
        if let Some(ticks) = self.ticks.take() {
            let _ = ticks.join();
        }
        SAMPLER.store(std::ptr::null_mut(), Ordering::Release);
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.end();
    }
}

/// Words for all samples, which the system gives when they are touched.
fn room() -> Option<Vec<AtomicU64>> {
    let layout = Layout::array::<AtomicU64>(ROOM).ok()?;
    // SAFETY: the layout has a size; zeros are words of this type; and the vector gets what was allocated for it.
    unsafe {
        let start = std::alloc::alloc_zeroed(layout);
        (!start.is_null()).then(|| Vec::from_raw_parts(start.cast(), ROOM, ROOM))
    }
}

fn handle_signals() -> Result<(), Trouble> {
    // SAFETY: all zeros are an action without flags.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_tick as extern "C" fn(libc::c_int) as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the action is complete, and its handler calls nothing that a handler must not call.
    match unsafe { libc::sigaction(libc::SIGPROF, &raw const action, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(Trouble::failed(format!("--profile: {}", std::io::Error::last_os_error()))),
    }
}

/// The calling thread's processor time, in nanoseconds.
fn processor_time() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place is a whole time, and the function may be called in a signal's handler.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

extern "C" fn on_tick(_signal: libc::c_int) {
    let sampler = SAMPLER.load(Ordering::Acquire);
    // SAFETY: it lives as long as it stands there: it is taken out before it is dropped. The signal is sent to the thread
    // that does so; whoever else sends it finds words that are atomic.
    if let Some(shared) = unsafe { sampler.as_ref() } {
        shared.sample();
    }
}

impl Shared {
    /// Send signals until no more are wanted.
    fn tick(&self) {
        while !self.done.load(Ordering::Relaxed) {
            std::thread::sleep(PERIOD);
            // SAFETY: the thread waits for this one before it ends (`Sampler`).
            unsafe { libc::pthread_kill(self.thread, libc::SIGPROF) };
        }
    }

    /// Take a sample. Called by the signal's handler.
    fn sample(&self) {
        let now = processor_time();
        if now < self.worked.load(Ordering::Relaxed) + WORK {
            return;
        }
        self.worked.store(now, Ordering::Relaxed);
        let start = self.used.load(Ordering::Relaxed);
        let most = 2 + MOST_FRAMES * (FRAME_WORDS + NOTE_WORDS);
        let Some(place) = self.words.get(start..start + most) else {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let put = |at: usize, word: u64| place[at].store(word, Ordering::Relaxed);
        let (mut at, mut frames, mut notes) = (2, 0, 0);
        let note_frame = |frame: &backtrace::Frame| {
            put(at, frame.ip() as u64);
            put(at + 1, frame.sp() as u64);
            (at, frames) = (at + FRAME_WORDS, frames + 1);
            frames < MOST_FRAMES
        };
        // SAFETY: no other thread of this process walks a stack by this function while the sampler is there.
        unsafe { backtrace::trace_unsynchronized(note_frame) };
        for note in self.activations.noted().take(MOST_FRAMES) {
            let what = note.name.map_or(0, |name| (u64::from(name) + 1) << 1) | u64::from(note.is_toplevel);
            for (offset, word) in [note.address as u64, what, note.position.pack(), note.site.pack()].iter().enumerate()
            {
                put(at + offset, *word);
            }
            (at, notes) = (at + NOTE_WORDS, notes + 1);
        }
        put(0, frames as u64);
        put(1, notes);
        self.used.store(start + at, Ordering::Relaxed);
    }

    /// The samples taken so far.
    fn samples(&self) -> Vec<Sample> {
        let used = self.used.load(Ordering::Relaxed);
        let mut words = self.words.iter().take(used).map(|word| word.load(Ordering::Relaxed));
        let mut samples = Vec::new();
        while let (Some(frames), Some(notes)) = (words.next(), words.next()) {
            let mut word = || words.next().unwrap_or(0);
            let frames = (0..frames).map(|_| Frame { code: word() as usize, end: word() as usize }).collect();
            let notes = (0..notes).map(|_| note([word(), word(), word(), word()])).collect();
            samples.push(Sample { frames, notes });
        }
        samples
    }
}

fn note([address, what, position, site]: [u64; NOTE_WORDS]) -> Activation {
    use maru_core::abi::Position;
    Activation {
        address: address as usize,
        name: (what >> 1).checked_sub(1).map(|name| name as u32),
        is_toplevel: what & 1 == 1,
        position: Position::unpack(position),
        site: Position::unpack(site),
    }
}
