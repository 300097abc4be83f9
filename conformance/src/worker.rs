//! Programs run in a child process, so that a crash or an endless loop costs a case and not the run.
//!
//! The child is a fork of this process: there is no second executable to find, so the suite works inside anybody's
//! test. It reads requests from a pipe (which engines, the program's text) and answers what each engine showed.
//! Whatever it had not answered when it died is what killed it.

use crate::engine::{Configuration, Engine};
use crate::outcome::{FormResult, Observation, Outcome};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

/// Bytes of the stack that programs run on: enough for a million nested calls, and endless recursion ends soon.
const STACK_SIZE: usize = 3 << 29;

/// A case file may take so many times as long as a generated program.
const SCRIPT_FACTOR: u32 = 12;

/// Limits are of processor time, since a busy machine must not make a program fail. One that waits, though not for a
/// processor, is given so many times as long by the clock.
const PATIENCE: u32 = 20;
/// How often a child that has not answered is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// A child process that runs programs.
pub struct Worker {
    configurations: Vec<Configuration>,
    child: Option<Child>,
    /// How much processor time one engine may take for one program.
    pub limit: Duration,
    /// How long each engine took since somebody asked, by its number.
    spent: Vec<Duration>,
}

struct Child {
    process: libc::pid_t,
    requests: File,
    answers: File,
}

impl Worker {
    /// A worker for these engines. The child starts with the first program.
    pub fn new(configurations: Vec<Configuration>, limit: Duration) -> Worker {
        let spent = vec![Duration::ZERO; configurations.len()];
        Worker { configurations, child: None, limit, spent }
    }

    /// How long each engine took since the last call, by its number.
    pub fn take_spent(&mut self) -> Vec<Duration> {
        let none = vec![Duration::ZERO; self.configurations.len()];
        std::mem::replace(&mut self.spent, none)
    }

    /// Run a program on the engines with these numbers; one observation for each, in the same order. With `fresh`,
    /// each engine starts from nothing.
    ///
    /// # Errors
    /// When no child can be started.
    pub fn run(&mut self, program: &str, engines: &[usize], fresh: bool) -> Result<Vec<Observation>, String> {
        let what = if fresh { Task::FreshProgram } else { Task::Program };
        let lost = || Observation::ended(Outcome::Crash("no answer".into()));
        let first = |answer: Vec<FormResult>| answer.into_iter().next().map_or_else(lost, |result| result.observation);
        Ok(self.all(what, program, engines)?.into_iter().map(first).collect())
    }

    /// Run each form of a text by itself, on engines that start from nothing, whether or not earlier forms failed.
    ///
    /// # Errors
    /// When no child can be started.
    pub fn script(&mut self, text: &str, engines: &[usize]) -> Result<Vec<Vec<FormResult>>, String> {
        let limit = self.limit;
        self.limit *= SCRIPT_FACTOR;
        let results = self.all(Task::Script, text, engines);
        self.limit = limit;
        results
    }

    fn all(&mut self, task: Task, text: &str, engines: &[usize]) -> Result<Vec<Vec<FormResult>>, String> {
        let mut results = Vec::new();
        while results.len() < engines.len() {
            let rest = &engines[results.len()..];
            if self.request(task, text, rest)? {
                self.collect(rest, &mut results);
            }
        }
        Ok(results)
    }

    /// Send a request; false if the child was found dead and a new one must be asked.
    fn request(&mut self, task: Task, program: &str, engines: &[usize]) -> Result<bool, String> {
        if self.child.is_none() {
            self.child = Some(Child::start(&self.configurations)?);
        }
        let Some(child) = &mut self.child else { return Ok(false) };
        let mut request = vec![task as u8, engines.len() as u8];
        request.extend(engines.iter().map(|engine| *engine as u8));
        request.extend((program.len() as u64).to_le_bytes());
        request.extend(program.as_bytes());
        if child.requests.write_all(&request).is_err() {
            self.child = None;
            return Ok(false);
        }
        Ok(true)
    }

    /// Read answers until all are there or the child is gone.
    fn collect(&mut self, engines: &[usize], results: &mut Vec<Vec<FormResult>>) {
        let ended = |outcome| vec![FormResult { end: 0, observation: Observation::ended(outcome) }];
        for engine in engines {
            let Some(child) = &mut self.child else { return };
            let start = Instant::now();
            let patience = self.configurations[*engine].mode.patience();
            let answer = child.answer(self.limit * patience);
            self.spent[*engine] += start.elapsed();
            match answer {
                Answer::Results(answer) => results.push(answer),
                Answer::Late => {
                    results.push(ended(Outcome::Hang));
                    self.child = None;
                }
                Answer::Gone => {
                    let how = self.child.take().map_or_else(String::new, |mut child| child.reap());
                    results.push(ended(Outcome::Crash(how)));
                }
            }
        }
    }
}

/// What is asked of a worker.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Task {
    Program,
    FreshProgram,
    Script,
}

enum Answer {
    Results(Vec<FormResult>),
    Late,
    Gone,
}

impl Child {
    fn start(configurations: &[Configuration]) -> Result<Child, String> {
        let (read_request, write_request) = pipe()?;
        let (read_answer, write_answer) = pipe()?;
        // SAFETY: the child only runs `serve`, which takes no lock that another thread of this process could have
        // held at the fork, apart from the allocator's, which the C library keeps usable in the child.
        let process = unsafe { libc::fork() };
        if process < 0 {
            return Err(format!("no process for the programs: {}", std::io::Error::last_os_error()));
        }
        if process == 0 {
            drop((write_request, read_answer));
            serve(configurations, File::from(read_request), File::from(write_answer));
        }
        Ok(Child { process, requests: File::from(write_request), answers: File::from(read_answer) })
    }

    fn answer(&mut self, limit: Duration) -> Answer {
        let mut poll = libc::pollfd { fd: self.answers.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let start = (Instant::now(), self.processor_time());
        loop {
            // SAFETY: one valid entry is passed.
            match unsafe { libc::poll(&mut poll, 1, LOOK.min(limit).as_millis() as libc::c_int) } {
                0 => {
                    let used = match (start.1, self.processor_time()) {
                        (Some(before), Some(now)) => now.saturating_sub(before),
                        _ => start.0.elapsed() / PATIENCE,
                    };
                    if used >= limit || start.0.elapsed() >= limit * PATIENCE {
                        return Answer::Late;
                    }
                }
                1.. => break,
                _ if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
                _ => return Answer::Gone,
            }
        }
        let mut length = [0; 8];
        if self.answers.read_exact(&mut length).is_err() {
            return Answer::Gone;
        }
        let mut bytes = vec![0; u64::from_le_bytes(length) as usize];
        if self.answers.read_exact(&mut bytes).is_err() {
            return Answer::Gone;
        }
        FormResult::decode_all(&bytes).map_or(Answer::Gone, Answer::Results)
    }

    /// Processor time that the child has used; `None` where systems do not tell.
    fn processor_time(&self) -> Option<Duration> {
        #[cfg(target_os = "linux")]
        {
            let mut clock = 0;
            // SAFETY: there is room for the clock's number.
            let known = unsafe { libc::clock_getcpuclockid(self.process, &raw mut clock) } == 0;
            let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: there is room for the time.
            let read = known && unsafe { libc::clock_gettime(clock, &raw mut time) } == 0;
            read.then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
        }
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// Wait for the end of a child that closed its pipe; how it ended.
    fn reap(&mut self) -> String {
        let mut status = 0;
        // SAFETY: the process is a child of this one that nobody has waited for.
        let waited = unsafe { libc::waitpid(self.process, &mut status, 0) };
        self.process = 0;
        if waited < 0 {
            return "it is gone".into();
        }
        if libc::WIFSIGNALED(status) {
            let signal = libc::WTERMSIG(status);
            let name = match signal {
                libc::SIGSEGV => " (invalid memory access)",
                libc::SIGBUS => " (bus error)",
                libc::SIGILL => " (illegal instruction)",
                libc::SIGFPE => " (arithmetic)",
                libc::SIGABRT => " (abort)",
                libc::SIGTRAP => " (trap)",
                libc::SIGKILL => " (killed; out of memory?)",
                _ => "",
            };
            return format!("signal {signal}{name}");
        }
        format!("the process ended with status {}", libc::WEXITSTATUS(status))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.process > 0 {
            // SAFETY: the process is a child of this one that nobody has waited for.
            unsafe {
                libc::kill(self.process, libc::SIGKILL);
                libc::waitpid(self.process, std::ptr::null_mut(), 0);
            }
        }
    }
}

fn pipe() -> Result<(OwnedFd, OwnedFd), String> {
    let mut ends = [0; 2];
    // SAFETY: there is room for both descriptors.
    if unsafe { libc::pipe(ends.as_mut_ptr()) } != 0 {
        return Err(format!("no pipe: {}", std::io::Error::last_os_error()));
    }
    for end in ends {
        // A child of another thread must not keep this pipe open across an exec.
        // SAFETY: the descriptor was just made.
        unsafe { libc::fcntl(end, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    // SAFETY: the descriptors were just made and nobody else owns them.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

/// The child's life: answer requests until the pipe closes.
fn serve(configurations: &[Configuration], requests: File, answers: File) -> ! {
    #[cfg(target_os = "linux")]
    // SAFETY: only asks for a signal.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
    std::panic::set_hook(Box::new(|_| {}));
    let run = || {
        maru_language::value::on_large_stack(STACK_SIZE, |stack| {
            let mut engines: Vec<Box<dyn Engine>> =
                configurations.iter().map(|configuration| configuration.engine(stack.clone())).collect();
            while serve_one(&mut engines, &requests, &answers).is_ok() {}
            // The process ends at once; taking everything apart would only cost time.
            std::mem::forget(engines);
        })
    };
    let ended = std::panic::catch_unwind(AssertUnwindSafe(run));
    // SAFETY: ends the process without running what the parent registered for its own end.
    unsafe { libc::_exit(i32::from(ended.is_err())) }
}

fn serve_one(engines: &mut [Box<dyn Engine>], mut requests: &File, mut answers: &File) -> std::io::Result<()> {
    let mut head = [0; 2];
    requests.read_exact(&mut head)?;
    let mut chosen = vec![0; head[1] as usize];
    requests.read_exact(&mut chosen)?;
    let mut length = [0; 8];
    requests.read_exact(&mut length)?;
    let mut program = vec![0; u64::from_le_bytes(length) as usize];
    requests.read_exact(&mut program)?;
    let program = String::from_utf8_lossy(&program);
    for number in chosen {
        let engine = &mut engines[number as usize];
        if head[0] != Task::Program as u8 {
            engine.reset();
        }
        let run = std::panic::catch_unwind(AssertUnwindSafe(|| match head[0] == Task::Script as u8 {
            true => engine.script(&program),
            false => vec![FormResult { end: program.len(), observation: engine.run(&program) }],
        }));
        let results = run.unwrap_or_else(|payload| {
            engine.abandon();
            let observation = Observation::ended(Outcome::Panic(panic_text(&*payload)));
            vec![FormResult { end: 0, observation }]
        });
        let bytes = FormResult::encode_all(&results);
        answers.write_all(&(bytes.len() as u64).to_le_bytes())?;
        answers.write_all(&bytes)?;
    }
    Ok(())
}

fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without a message").to_string()
}
