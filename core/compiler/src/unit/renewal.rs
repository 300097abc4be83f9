//! Code whose guesses fail is compiled anew, with what was learned.
//!
//! What kinds of operands a call will see is guessed from what the interpreter saw. Where native code sees others it
//! says so, site by site; an image remembers that, and after enough of it the calls in the trees are told, and all
//! functions of the image are compiled again. Whoever runs the old code goes on in it.

use super::compile::compile;
use super::image::UnitImage;
use super::queue::{compiles_in_background, feed_worker, want_anew};
use super::running::RunningLoop;
use super::statistics::Stall;
use super::HasUnits;
use maru_core::abi::Position;
use maru_language::runtime::tree::{Node, Prototype};
use maru_language::runtime::{JitMode, Runtime};
use rustc_hash::FxHashMap;
use std::cell::Cell;
use std::rc::Rc;

/// So many deviations make new code worth its while; each time, twice as many as before.
const DEVIATIONS: u32 = 200;
/// How often a function is compiled anew.
const RENEWALS: u32 = 5;
/// The patience of images that are not compiled anew any more.
const ENDLESS: u32 = u32::MAX;

/// How many deviations an image of these prototypes bears with.
pub(super) fn patience(prototypes: &[Rc<Prototype>]) -> u32 {
    let renewals = prototypes.iter().map(|prototype| prototype.native.renewals.get()).max().unwrap_or(0);
    if renewals >= RENEWALS {
        ENDLESS
    } else {
        DEVIATIONS << renewals
    }
}

impl UnitImage {
    /// Remember what a site has seen; whether the image's patience is at its end with that.
    fn note_deviation(&self, site: u32, seen: u8) -> bool {
        let learned = self.learned.get_or_init(|| vec![Cell::new(0); self.sites.len()].into());
        let Some(bits) = learned.get(site as usize) else { return false };
        bits.set(bits.get() | seen);
        let patience = self.patience.get();
        if patience == ENDLESS || patience == 0 {
            return false;
        }
        self.patience.set(patience - 1);
        patience == 1
    }

    /// Tell the calls in the trees what their sites have seen; whether that was new to any.
    pub(super) fn teach(&self) -> bool {
        let Some(learned) = self.learned.get() else { return false };
        let mut seen: FxHashMap<u32, FxHashMap<Position, u8>> = FxHashMap::default();
        for (site, bits) in self.sites.iter().zip(learned.iter()).filter(|(_, bits)| bits.get() != 0) {
            *seen.entry(site.prototype).or_default().entry(site.position).or_default() |= bits.take();
        }
        let mut is_new = false;
        for (prototype, seen) in seen {
            is_new |= teach_calls(&self.prototypes[prototype as usize].body, &seen);
        }
        is_new
    }
}

/// Tell the calls at these positions what was seen there. A macro may have given several the same position.
fn teach_calls(body: &Node, seen: &FxHashMap<Position, u8>) -> bool {
    let mut is_new = false;
    let mut nodes = vec![body];
    while let Some(node) = nodes.pop() {
        if let Node::Call(call) = node {
            let (before, bits) = (call.feedback.get(), seen.get(&call.position).copied().unwrap_or(0));
            call.feedback.set(before | bits);
            is_new |= before | bits != before;
        }
        node.children(&mut |child| nodes.push(child));
    }
    is_new
}

/// Native code saw operands at a site of an image that it was not made for: `seen` are bits of
/// [`maru_language::runtime::tree::feedback`]. Allocates nothing on the heap, and raises nothing.
pub fn deviated(runtime: &mut Runtime, image: u32, site: u32, seen: u8) {
    let enough = runtime.native.units().image(image).is_some_and(|image| image.note_deviation(site, seen));
    if enough {
        renew(runtime, image);
    }
}

/// Compile an image's functions anew, unless they would come out as they are.
#[cold]
fn renew(runtime: &mut Runtime, number: u32) {
    let Some(image) = runtime.native.units().image(number).filter(|image| image.teach()) else { return };
    let own = |prototype: &&Rc<Prototype>| {
        prototype.native.compiled.get() && prototype.native.image.get() == number && !prototype.native.waiting.get()
    };
    let prototypes: Vec<Rc<Prototype>> = image.prototypes.iter().filter(own).cloned().collect();
    // A loop that is native is left to its end; the next time it is made anew.
    runtime.native.units_mut().loops.retain(|_, state| *state != RunningLoop::Native(number));
    if prototypes.is_empty() || runtime.options.jit == JitMode::Off {
        return;
    }
    let stall = Stall::begin();
    for prototype in &prototypes {
        prototype.native.renewals.set(prototype.native.renewals.get() + 1);
    }
    if compiles_in_background(runtime) {
        prototypes.iter().for_each(|prototype| prototype.native.waiting.set(true));
        want_anew(runtime, prototypes);
        feed_worker(runtime, &stall);
    } else if compile(runtime, &prototypes, &super::request::unit_name(runtime, &prototypes)).is_ok() {
        // If that has failed, the code that is there does as well.
        runtime.native.units_mut().statistics.renewed += 1;
    }
    runtime.native.units_mut().statistics.note_stall(&stall);
}
