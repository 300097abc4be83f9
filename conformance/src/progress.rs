//! How far a run is: a bar on a terminal, a line every few seconds elsewhere.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How often a line is written where there is no terminal.
const PAUSE: Duration = Duration::from_secs(10);

/// The progress of a run, shown on standard error.
pub struct Progress {
    bar: ProgressBar,
    steps: u64,
    started: Instant,
    done: AtomicU64,
    checks: AtomicU64,
    failures: AtomicU64,
    /// When the next line is due, where lines are written.
    next_line: Option<Mutex<Instant>>,
}

impl Progress {
    /// Nothing is done yet of so many steps. Shown only if wanted.
    pub fn new(wanted: bool, steps: u64) -> Progress {
        let on_terminal = std::io::stderr().is_terminal();
        let bar = if wanted && on_terminal { ProgressBar::new(steps) } else { ProgressBar::hidden() };
        let style = "{bar:30} {percent}% of {len} programs and files, {msg}, {eta} left";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message("0 checks");
        bar.enable_steady_tick(Duration::from_millis(500));
        let started = Instant::now();
        Progress {
            bar,
            steps,
            started,
            done: AtomicU64::new(0),
            checks: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            next_line: (wanted && !on_terminal).then(|| Mutex::new(started + PAUSE)),
        }
    }

    /// So many checks were made.
    pub fn checked(&self, checks: u64) {
        self.checks.fetch_add(checks, Ordering::Relaxed);
    }

    /// One of them failed.
    pub fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// A step is done.
    pub fn step(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.bar.set_message(self.counts());
        self.bar.inc(1);
        let Some(next) = &self.next_line else { return };
        // Whoever has it writes the line.
        let Ok(mut next) = next.try_lock() else { return };
        if *next <= Instant::now() {
            *next = Instant::now() + PAUSE;
            let (done, seconds) = (self.done.load(Ordering::Relaxed), self.started.elapsed().as_secs());
            eprintln!("conform: {done} of {} programs and files, {}, {seconds} s", self.steps, self.counts());
        }
    }

    fn counts(&self) -> String {
        let checks = self.checks.load(Ordering::Relaxed);
        match self.failures.load(Ordering::Relaxed) {
            0 => format!("{checks} checks"),
            failures => format!("{checks} checks, {failures} FAILED"),
        }
    }

    /// The run is over.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
