//! What waits to be compiled while the program goes on, seen from the program's thread.
//!
//! Trees become IR here, because that needs the runtime: in batches, so that the program never stands still for long,
//! and the hottest functions first. The IR goes to the [`Worker`]; what ties the unit to the runtime stays here under
//! a ticket until the image comes back. That is noticed at safe points: where the interpreter or native code serves
//! the context's interrupt word, and where functions get hot.

use super::compile::{lower_functions, lower_running_loop, set_up_machine, CompileFailure};
use super::image::{broken_assumptions, lead_to, tie, CompiledUnit, UnitImage};
use super::pipeline::Target;
use super::running::{loop_is_back, LoopKey};
use super::statistics::{Stall, Watch};
use super::worker::{Finished, Job, Manner, Worker};
use super::{HasUnits, Units};
use crate::load::LoadedImage;
use crate::lower::{Assumption, DataWord, LoweredUnit, SiteInfo};
use maru_core::abi::announce_compiled;
use maru_core::abi::layout::Value;
use maru_language::runtime::tree::{Node, Prototype};
use maru_language::runtime::{CellId, JitMode, OptimisationLevel, Runtime};
use maru_language::value::heap::Marker;
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::rc::Rc;
use std::time::Duration;

/// Units that are with the worker: one that it compiles, one that it goes on with at once.
const UNITS_AT_WORK: usize = 2;
/// A loop that is running waits for no functions: so many units, with those of loops.
const UNITS_WITH_LOOPS: usize = 8;
/// How long the program may stand still at a safe point before it goes on, if it can be helped.
const STANDSTILL: Duration = Duration::from_micros(1500);
/// How long a node takes to lower, in nanoseconds, until that has been measured.
const NODE_TIME: u64 = 500;

/// See the module.
#[derive(Default)]
pub(super) struct Queue {
    worker: Option<Worker>,
    /// The system had no thread to give: the program waits for its compilations.
    refused: bool,
    /// Functions to be compiled.
    wanted: Vec<Rc<Prototype>>,
    /// Functions of units that could not be compiled as a whole.
    alone: Vec<Rc<Prototype>>,
    /// Functions to be compiled anew, together, in place of an image.
    anew: Vec<Vec<Rc<Prototype>>>,
    at_work: FxHashMap<u64, Ticket>,
    last_ticket: u64,
    /// How long a node took to lower lately, in nanoseconds; 0 if that is not known.
    node_time: u64,
}

/// What a unit is compiled for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Functions,
    Anew,
    Loop(LoopKey),
}

/// What ties a unit that is at work to the runtime.
struct Ticket {
    purpose: Purpose,
    /// The prototypes that were asked for.
    roots: Vec<Rc<Prototype>>,
    /// Those whose code is compiled, with the image that each had: these functions are its first.
    code: Vec<Option<u32>>,
    prototypes: Vec<Rc<Prototype>>,
    data: Vec<DataWord>,
    sites: Vec<SiteInfo>,
    assumptions: Vec<(CellId, Assumption)>,
}

/// The image that a prototype's code is in.
fn image_of(prototype: &Prototype) -> Option<u32> {
    prototype.native.compiled.get().then(|| prototype.native.image.get())
}

/// How many nodes a prototype has, with those nested in it, as far as it matters.
fn count_nodes(prototype: &Prototype, most: usize) -> usize {
    let mut nodes = vec![&prototype.body];
    let mut count = 0;
    while let Some(node) = nodes.pop() {
        count += 1;
        if count > most {
            break;
        }
        match node {
            Node::Lambda(inner) => nodes.push(&inner.body),
            Node::Fix(functions, _) => nodes.extend(functions.iter().map(|(_, inner)| &inner.body)),
            _ => {}
        }
        node.children(&mut |child| nodes.push(child));
    }
    count
}

impl Queue {
    /// Whether nothing has come back, and nothing can be given to the worker.
    fn is_idle(&self) -> bool {
        let waits = !(self.wanted.is_empty() && self.alone.is_empty() && self.anew.is_empty());
        let can_feed = waits && self.at_work.len() < UNITS_AT_WORK;
        !can_feed && !self.worker.as_ref().is_some_and(Worker::has_finished)
    }

    /// The functions of the next unit.
    fn next_batch(&mut self) -> Option<(Purpose, Vec<Rc<Prototype>>)> {
        if let Some(roots) = self.anew.pop() {
            return Some((Purpose::Anew, roots));
        }
        if let Some(root) = self.alone.pop() {
            return Some((Purpose::Functions, vec![root]));
        }
        self.wanted.retain(|prototype| {
            let wanted = !prototype.native.compiled.get();
            prototype.native.waiting.set(wanted);
            wanted
        });
        self.wanted.sort_by_key(|prototype| Reverse(prototype.heat.get()));
        let time = if self.node_time == 0 { NODE_TIME } else { self.node_time };
        let mut room = STANDSTILL.as_nanos() as usize / time as usize;
        let fits = |prototype: &&Rc<Prototype>| {
            let nodes = count_nodes(prototype, room);
            let fits = nodes <= room;
            room = room.saturating_sub(nodes);
            fits
        };
        let count = self.wanted.iter().take_while(fits).count().max(1).min(self.wanted.len());
        (count > 0).then(|| (Purpose::Functions, self.wanted.drain(..count).collect()))
    }

    /// Learn from a batch how long nodes take: more at once, less little by little, since what disturbed one batch
    /// may disturb the next.
    fn note_time(&mut self, nodes: usize, time: Duration) {
        let measured = (time.as_nanos() as u64 / nodes.max(1) as u64).clamp(20, 100_000);
        self.node_time = measured.max((3 * self.node_time + measured) / 4);
    }
}

/// Whether what gets hot in this run is compiled while the program goes on. The machine is set up for that, and
/// the thread started.
pub(super) fn compiles_in_background(runtime: &mut Runtime) -> bool {
    let options = &runtime.options;
    // The evaluator's units and the optimiser's fuel belong to the program's thread.
    if options.jit != JitMode::Auto || !options.background || options.evaluator || runtime.native.units().queue.refused
    {
        return false;
    }
    if options.optimisation_fuel.is_some() || set_up_machine(runtime).is_err() || !runtime.native.units().is_host {
        return false;
    }
    runtime.native.units().queue.worker.is_some() || start_worker(runtime)
}

fn start_worker(runtime: &mut Runtime) -> bool {
    let manner = runtime.native.units().target().map(|(architecture, format)| Manner {
        target: Target { architecture, format, strategy: runtime.options.strategy },
        directory: runtime.native.units().directory.clone(),
        kept: runtime.native.units().kept.clone(),
        optimise: runtime.options.level != OptimisationLevel::None,
        verify: runtime.options.verify_code,
        keep_bytes: runtime.options.inspect_library.is_some(),
    });
    let interrupt = &raw mut runtime.context.interrupt;
    // SAFETY: the context lives as long as the runtime, which stops the worker when it is dropped.
    let worker = manner.ok().and_then(|manner| unsafe { Worker::start(manner, interrupt) }.ok());
    runtime.native.units_mut().queue.refused = worker.is_none();
    runtime.native.units_mut().queue.worker = worker;
    runtime.native.units().queue.worker.is_some()
}

/// Compile functions when their turn comes, for all I know while the program goes on.
pub(super) fn want(runtime: &mut Runtime, roots: Vec<Rc<Prototype>>) {
    for root in roots {
        if !root.native.waiting.replace(true) {
            runtime.native.units_mut().queue.wanted.push(root);
        }
    }
}

/// The same for functions that are compiled already.
pub(super) fn want_anew(runtime: &mut Runtime, roots: Vec<Rc<Prototype>>) {
    runtime.native.units_mut().queue.anew.push(roots);
}

/// Lower what waits, as long as the worker takes it and the program has not stood still for too long.
pub(super) fn feed_worker(runtime: &mut Runtime, since: &Stall) {
    loop {
        let at_work = runtime.native.units().queue.at_work.len();
        if at_work >= UNITS_AT_WORK || at_work > 0 && since.elapsed() > STANDSTILL {
            return;
        }
        let Some((purpose, roots)) = runtime.native.units_mut().queue.next_batch() else { return };
        let batch = Stall::begin();
        super::collect_images(runtime, &roots);
        let Ok(lowered) = lower_functions(runtime, &roots) else { return };
        let nodes = roots.iter().map(|root| count_nodes(root, usize::MAX)).sum();
        runtime.native.units_mut().queue.note_time(nodes, batch.processor_time());
        let count = lowered.prototypes.len();
        let name = super::request::unit_name(runtime, &roots);
        hand_over(runtime, purpose, roots, lowered, count, name);
    }
}

/// Compile a loop that is running, as soon as there is room. False if there is none now.
pub(super) fn want_loop(runtime: &mut Runtime, key: LoopKey, prototype: &Rc<Prototype>, node: &Node) -> bool {
    if runtime.native.units().queue.at_work.len() >= UNITS_WITH_LOOPS {
        return false;
    }
    let stall = Stall::begin();
    let Ok(lowered) = lower_running_loop(runtime, prototype, node) else { return false };
    let count = lowered.prototypes.len() - 1;
    hand_over(runtime, Purpose::Loop(key), vec![prototype.clone()], lowered, count, "loop".into());
    runtime.native.units_mut().statistics.note_stall(&stall);
    true
}

/// Give a unit to the worker; its first `count` functions are the code of their prototypes.
fn hand_over(
    runtime: &mut Runtime,
    purpose: Purpose,
    roots: Vec<Rc<Prototype>>,
    lowered: LoweredUnit,
    count: usize,
    name: String,
) {
    let LoweredUnit { prototypes, source, functions, data, sites, assumptions } = lowered;
    let queue = &mut runtime.native.units_mut().queue;
    queue.last_ticket += 1;
    let job = Job { ticket: queue.last_ticket, functions, data_words: data.len(), name, source };
    let code = prototypes[..count].iter().map(|prototype| image_of(prototype)).collect();
    if queue.worker.as_ref().is_some_and(|worker| worker.send(job)) {
        let ticket = Ticket { purpose, roots, code, prototypes, data, sites, assumptions };
        queue.at_work.insert(queue.last_ticket, ticket);
    } else {
        queue.refused = true;
        roots.iter().for_each(|root| root.native.waiting.set(false));
    }
}

/// Let the code that has come back take over.
fn take_back(runtime: &mut Runtime, since: &Stall) {
    while let Some(finished) = runtime.native.units().queue.worker.as_ref().and_then(Worker::next_finished) {
        let Finished { ticket, outcome, statistics } = finished;
        runtime.native.units_mut().statistics.add(&statistics);
        let Some(ticket) = runtime.native.units_mut().queue.at_work.remove(&ticket) else { continue };
        if !matches!(ticket.purpose, Purpose::Loop(_)) {
            ticket.roots.iter().for_each(|root| root.native.waiting.set(false));
        }
        match outcome {
            Ok(Ok((image, bytes))) => {
                if let (Some(inspect), Some(bytes)) = (runtime.options.inspect_library, bytes) {
                    inspect(&bytes, runtime.native.units().format.map_or("", |format| format.name()));
                }
                take_over(runtime, ticket, image);
            }
            Ok(Err(failure)) => give_up(runtime, ticket, &failure),
            // As if it had been compiled here.
            Err(panic) => std::panic::resume_unwind(panic),
        }
        if since.elapsed() > STANDSTILL {
            // SAFETY: the context is this runtime's.
            unsafe { announce_compiled(&raw mut runtime.context.interrupt) };
            return;
        }
    }
}

/// An image is there. What the unit relied on may have changed meanwhile: then it is as if it had been compiled
/// and taken back.
fn take_over(runtime: &mut Runtime, ticket: Ticket, image: LoadedImage) {
    let Ticket { purpose, code, prototypes, data, sites, assumptions, .. } = ticket;
    let mut watch = Watch::start();
    let image = UnitImage::new(CompiledUnit::Library(image), prototypes, sites, assumptions);
    let broken = broken_assumptions(runtime, &image);
    if !broken.is_empty() {
        broken.into_iter().for_each(|cell| runtime.cells.get_mut(cell).changes += 1);
        if let Purpose::Loop(key) = purpose {
            loop_is_back(runtime, key, None);
        }
        return;
    }
    // Functions that were compiled meanwhile, because somebody asked for it, have the newer code.
    let current = |function: &usize| {
        let now = image_of(&image.prototypes[*function]);
        now.is_none() || now == code[*function]
    };
    let functions: Vec<usize> = (0..code.len()).filter(current).collect();
    let number = tie(runtime, image, &data);
    lead_to(runtime, number, &functions);
    if let Purpose::Loop(key) = purpose {
        loop_is_back(runtime, key, Some(number));
    }
    let statistics = &mut runtime.native.units_mut().statistics;
    watch.lap(&mut statistics.attach);
    statistics.units += 1;
    statistics.background += 1;
    statistics.renewed += u64::from(purpose == Purpose::Anew);
}

/// Nothing came of a unit: note why in each of its functions, and try those that can alone.
fn give_up(runtime: &mut Runtime, ticket: Ticket, CompileFailure(reason): &CompileFailure) {
    match ticket.purpose {
        // The code that should have been replaced stays.
        Purpose::Anew => return,
        Purpose::Loop(key) => loop_is_back(runtime, key, None),
        Purpose::Functions => {}
    }
    for root in &ticket.roots {
        root.native.failure.replace(Some(reason.clone()));
    }
    if ticket.purpose == Purpose::Functions && ticket.roots.len() > 1 {
        ticket.roots.iter().for_each(|root| root.native.waiting.set(true));
        runtime.native.units_mut().queue.alone.extend(ticket.roots);
    }
}

impl super::Units {
    /// End the thread that compiles, if there is one. What it has not given back is lost.
    pub(super) fn stop_worker(&mut self) {
        self.queue = Queue { refused: true, ..Queue::default() };
    }
}

/// At a safe point: let code that has come back take over, and give the worker more to do.
pub fn serve_compiled(runtime: &mut Runtime) {
    if runtime.native.units().queue.is_idle() {
        return;
    }
    let stall = Stall::begin();
    take_back(runtime, &stall);
    feed_worker(runtime, &stall);
    runtime.native.units_mut().statistics.note_stall(&stall);
}

/// Mark what units need that wait or are at work: nobody else may need it by now.
pub(super) fn trace_waiting(units: &Units, marker: &mut Marker) {
    let queue = &units.queue;
    let waiting = queue.wanted.iter().chain(&queue.alone).chain(queue.anew.iter().flatten());
    waiting.for_each(|prototype| marker.value(prototype.code));
    for ticket in queue.at_work.values() {
        ticket.roots.iter().chain(&ticket.prototypes).for_each(|prototype| marker.value(prototype.code));
        let constant = |word: &DataWord| match word {
            DataWord::Constant(value) | DataWord::Function(value) => Some(*value),
            _ => None,
        };
        let assumed = |(_, assumption): &(CellId, Assumption)| match assumption {
            Assumption::Value(value) => Some(*value),
            Assumption::Function(_) => None,
        };
        let values = ticket.data.iter().filter_map(constant);
        values.chain(ticket.assumptions.iter().filter_map(assumed)).for_each(|value: Value| marker.value(value));
    }
}
