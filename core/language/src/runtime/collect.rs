//! Allocation and collection: the runtime's side of the heap, which knows the roots.

use super::{classes, Failure, Runtime};
use crate::value::heap::{AllocationNeeds, Marker, Roots};
use crate::value::{Kind, Value, WORD_SIZE};

impl Runtime {
    /// Memory for an object of that many bytes, zeroed. The caller fills it before it allocates again.
    ///
    /// # Errors
    /// `out-of-memory`.
    #[inline]
    pub fn allocate(&mut self, bytes: usize) -> Result<usize, Failure> {
        match self.heap.allocate(&mut self.context, bytes) {
            Ok(address) => Ok(address),
            Err(needs) => self.allocate_slowly(bytes, needs),
        }
    }

    /// The same with anything in it but for the last granule, which is zeroed. The caller overwrites all of the rest.
    ///
    /// # Errors
    /// `out-of-memory`.
    #[inline]
    pub(super) fn allocate_unfilled(&mut self, bytes: usize) -> Result<usize, Failure> {
        match self.heap.allocate_unfilled(&mut self.context, bytes) {
            Ok(address) => Ok(address),
            Err(needs) => self.allocate_slowly(bytes, needs),
        }
    }

    #[cold]
    fn allocate_slowly(&mut self, bytes: usize, needs: AllocationNeeds) -> Result<usize, Failure> {
        if needs == AllocationNeeds::Collection {
            self.collect();
            if let Ok(address) = self.heap.allocate_after_collection(&mut self.context, bytes) {
                return Ok(address);
            }
        }
        Err(self.out_of_memory())
    }

    /// Count bytes that are about to be held on Rust's side on behalf of an object.
    ///
    /// # Errors
    /// `out-of-memory`.
    pub fn hold_outside(&mut self, bytes: usize) -> Result<(), Failure> {
        if !self.heap.has_room_outside(bytes) {
            self.collect();
            if !self.heap.has_room_outside(bytes) {
                return Err(self.out_of_memory());
            }
        }
        self.heap.hold_outside(bytes);
        Ok(())
    }

    /// Collect garbage now.
    pub fn collect(&mut self) {
        let runtime = std::ptr::from_mut(self);
        // SAFETY: the collector runs to its end before this function returns, on a stack of its own so that all
        // registers of the program are on this one; nothing else uses the runtime meanwhile.
        crate::value::spill(|stack_pointer| unsafe { (*runtime).collect_below(stack_pointer) });
    }

    fn collect_below(&mut self, stack_pointer: usize) {
        let runtime = std::ptr::from_mut(self);
        // SAFETY: `heap` and the rest of the runtime are used through disjoint fields: roots never touch `heap`.
        let (heap, context) = unsafe { (&mut (*runtime).heap, &mut (*runtime).context) };
        let mut roots = RuntimeRoots { runtime: self, stack_pointer };
        heap.collect(context, &mut roots);
        self.sweep();
        if self.options.verify_heap {
            if let Err(fault) = self.heap.verify(&self.context) {
                // A broken heap cannot be gone on with: the next step could do anything.
                eprintln!("maru: the heap is damaged after a collection: {fault}");
                std::process::abort();
            }
        }
    }

    /// Drop what stood for objects that died.
    fn sweep(&mut self) {
        let code = self.native.code;
        code.sweep(self);
        let heap = &self.heap;
        self.positions.retain(|address, _| heap.is_marked(Value::pair_at(*address as usize)));
        for index in self.prototypes.indices() {
            if !self.heap.is_marked(self.prototypes.get(index).code) {
                self.prototypes.remove(index);
            }
        }
        self.sweep_environments();
        super::extensions::sweep_extensions(self);
    }

    fn sweep_environments(&mut self) {
        let (mut bytes, mut cells, mut gone) = (0, Vec::new(), Vec::new());
        for index in self.environments.indices() {
            let alive = self.environments.get(index).value.is_none_or(|value| self.heap.is_marked(value));
            if !alive {
                if let Some(environment) = self.environments.remove(index) {
                    cells.extend(environment.cells.values());
                    bytes += environment.bytes();
                    gone.push(index);
                }
            }
        }
        self.cells.release(&cells);
        classes::leave_homes(self, &gone);
        self.heap.let_go_outside(bytes);
    }
}

struct RuntimeRoots<'a> {
    runtime: &'a Runtime,
    stack_pointer: usize,
}

impl Roots for RuntimeRoots<'_> {
    fn roots(&mut self, marker: &mut Marker) {
        let runtime = self.runtime;
        // SAFETY: the part of the program's stack that is in use.
        unsafe { marker.conservative_range(self.stack_pointer, runtime.stack_base) };
        runtime.native.code.trace_running(runtime, self.stack_pointer..runtime.stack_base, marker);
        let context = &runtime.context;
        [context.failure, context.tail_callee, runtime.global, runtime.trampoline_code, runtime.memory_error]
            .into_iter()
            .chain(runtime.stack.values().iter().copied())
            .chain(runtime.roots.iter().copied())
            .chain(runtime.primitive_values.iter().copied())
            .chain(runtime.symbols.values.iter().copied())
            .for_each(|value| marker.value(value));
        // Native code may leave words past a call's arguments there, which are not values.
        let arguments = context.arguments as usize;
        // SAFETY: the argument area is reserved for more words than any call uses.
        unsafe { marker.conservative_range(arguments, arguments + WORD_SIZE * context.arguments_used) };
        super::extensions::trace_extensions(runtime, marker);
    }

    fn external(&mut self, kind: Kind, index: usize, marker: &mut Marker) {
        let runtime = self.runtime;
        match kind {
            Kind::Code => {
                if let Some(prototype) = u32::try_from(index).ok().and_then(|index| runtime.prototypes.find(index)) {
                    crate::runtime::trace_prototype(prototype, marker);
                    runtime.native.code.trace_prototype(runtime, prototype, marker);
                }
            }
            Kind::Environment => {
                let Some(environment) = runtime.environments.find(index as u32) else { return };
                environment.cells.values().for_each(|cell| marker.value(runtime.cells.get(*cell).value));
                let parent = environment.parent.and_then(|parent| runtime.environments.find(parent));
                if let Some(value) = parent.and_then(|parent| parent.value) {
                    marker.value(value);
                }
            }
            _ => super::extensions::trace_extension(runtime, kind, index, marker),
        }
    }
}
