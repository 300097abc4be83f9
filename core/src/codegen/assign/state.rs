//! Where values are at one point of the code: in registers, in spill slots, or both.

use super::live::Ones;
use regalloc2::{Allocation, MachineEnv, PReg, PRegSet, SpillSlot};

/// A register or a spill slot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Location(u32);

const SLOT: u32 = 1 << 31;

impl Location {
    /// A register, by the index that `PReg` gives it.
    pub fn register(index: u8) -> Location {
        Location(index.into())
    }
    pub fn slot(number: u32) -> Location {
        Location(SLOT | number)
    }
    /// The register's index, if it is one.
    pub fn as_register(self) -> Option<u8> {
        (!self.is_slot()).then_some(self.0 as u8)
    }
    pub fn is_slot(self) -> bool {
        self.0 & SLOT != 0
    }
    pub fn allocation(self) -> Allocation {
        if self.is_slot() {
            Allocation::stack(SpillSlot::new((self.0 & !SLOT) as usize))
        } else {
            Allocation::reg(PReg::from_index(self.0 as usize))
        }
    }
}

/// A set of registers of the two classes, a bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Registers(pub [u64; 2]);

impl Registers {
    pub fn new(set: &PRegSet) -> Registers {
        let mut registers = Registers::default();
        set.into_iter().for_each(|register| registers.insert(register.index() as u8));
        registers
    }
    pub fn insert(&mut self, register: u8) {
        self.0[usize::from(register >> 6)] |= 1 << (register & 63);
    }
    pub fn remove(&mut self, register: u8) {
        self.0[usize::from(register >> 6)] &= !(1 << (register & 63));
    }
    pub fn has(self, register: u8) -> bool {
        self.0[usize::from(register >> 6)] >> (register & 63) & 1 != 0
    }
    pub fn union(self, other: Registers) -> Registers {
        Registers([self.0[0] | other.0[0], self.0[1] | other.0[1]])
    }
    pub fn without(self, other: Registers) -> Registers {
        Registers([self.0[0] & !other.0[0], self.0[1] & !other.0[1]])
    }
    pub fn intersection(self, other: Registers) -> Registers {
        Registers([self.0[0] & other.0[0], self.0[1] & other.0[1]])
    }
    pub fn iter(self) -> impl Iterator<Item = u8> {
        Ones(self.0[0]).map(|bit| bit as u8).chain(Ones(self.0[1]).map(|bit| bit as u8 | 64))
    }
}

/// The registers that may be allocated.
pub(super) struct File {
    pub all: Registers,
    pub preferred: Registers,
}

impl File {
    pub fn new(environment: &MachineEnv) -> File {
        let join = |sets: &[PRegSet; 3]| Registers::new(&sets[0]).union(Registers::new(&sets[1]));
        let preferred = join(&environment.preferred_regs_by_class);
        File { preferred, all: preferred.union(join(&environment.non_preferred_regs_by_class)) }
    }

    /// One of some registers of a class: a preferred one if there is.
    pub fn choose(&self, among: Registers, class: usize) -> Option<u8> {
        let bits = among.0[class];
        let preferred = bits & self.preferred.0[class];
        let bits = if preferred != 0 { preferred } else { bits };
        let highest = 63u32.checked_sub(bits.leading_zeros())?;
        Some((class as u8) << 6 | highest as u8)
    }
}

/// Nobody, and nowhere.
pub(super) const NONE: u32 = u32::MAX;
pub(super) const NOWHERE: u8 = u8::MAX;

/// A value's place, remembered for the end or the start of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub value: u32,
    /// `NOWHERE` if it is in its slot only, as what lives and is in no register always is.
    pub register: u8,
    /// Its slot holds it.
    pub in_slot: bool,
}

/// Where all values are now.
pub(super) struct State {
    /// The register of each value.
    pub register: Vec<u8>,
    /// Whether the slot of each value that is in a register holds it, too.
    pub in_slot: Vec<bool>,
    /// The value in each register.
    pub occupant: [u32; 128],
    pub free: Registers,
    all: Registers,
}

impl State {
    pub fn new(values: usize, file: &File) -> State {
        State {
            register: vec![NOWHERE; values],
            in_slot: vec![false; values],
            occupant: [NONE; 128],
            free: file.all,
            all: file.all,
        }
    }

    /// Forget everything about registers.
    pub fn clear(&mut self) {
        for register in self.all.without(self.free).iter() {
            let value = std::mem::replace(&mut self.occupant[register as usize], NONE);
            if value != NONE {
                self.register[value as usize] = NOWHERE;
            }
        }
        self.free = self.all;
    }

    /// Put a value into a register that holds nothing; it leaves the one it was in.
    pub fn put(&mut self, value: u32, register: u8) {
        self.remove(value);
        self.register[value as usize] = register;
        self.occupant[register as usize] = value;
        self.free.remove(register);
    }

    /// A value leaves its register, if it is in one.
    pub fn remove(&mut self, value: u32) {
        let register = std::mem::replace(&mut self.register[value as usize], NOWHERE);
        if register != NOWHERE {
            self.occupant[register as usize] = NONE;
            self.free.insert(register);
        }
    }

    /// Whether a value that lives is in its slot.
    pub fn is_in_slot(&self, value: u32) -> bool {
        self.register[value as usize] == NOWHERE || self.in_slot[value as usize]
    }

    /// The place of a value that lives.
    pub fn held(&self, value: u32) -> Held {
        Held { value, register: self.register[value as usize], in_slot: self.is_in_slot(value) }
    }

    /// The places of the values that are in registers.
    pub fn in_registers(&self) -> impl Iterator<Item = Held> + '_ {
        let values = self.all.without(self.free).iter().map(|register| self.occupant[register as usize]);
        values.filter(|value| *value != NONE).map(|value| self.held(value))
    }
}
