//! Address space: the reserved range that objects live in, and tables beside it that the system fills with zeros.

use std::ops::{Index, IndexMut};

/// A private mapping without backing store of its own, unmapped when dropped.
struct Mapping {
    address: usize,
    size: usize,
}

impl Mapping {
    /// Maps `size` bytes, at `hint` if the system agrees and the hint is not 0.
    fn reserve(hint: usize, size: usize, protection: i32) -> Option<Mapping> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
        // SAFETY: without MAP_FIXED the system picks a range that nobody uses.
        let address = unsafe { libc::mmap(hint as *mut libc::c_void, size, protection, flags, -1, 0) };
        (address != libc::MAP_FAILED).then_some(Mapping { address: address as usize, size })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and whoever pointed into it borrowed from its owner.
        unsafe { libc::munmap(self.address as *mut libc::c_void, self.size) };
    }
}

/// A range of addresses of which a growing prefix may be read and written.
pub(super) struct Region {
    mapping: Mapping,
    base: usize,
    size: usize,
    committed: usize,
}

/// How much is committed at once: few large steps, since each is a system call.
const COMMIT_STEP: usize = 16 << 20;

impl Region {
    /// Reserves `size` bytes aligned to `alignment`, of which none is accessible yet.
    pub fn reserve(hint: usize, size: usize, alignment: usize) -> Option<Region> {
        let mapping = Mapping::reserve(hint, size.checked_add(alignment)?, libc::PROT_NONE)?;
        let base = mapping.address.next_multiple_of(alignment);
        Some(Region { mapping, base, size, committed: 0 })
    }

    /// The first address.
    pub fn base(&self) -> usize {
        self.base
    }

    /// How many bytes are reserved.
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many bytes, from the base on, are accessible.
    pub fn committed(&self) -> usize {
        self.committed
    }

    /// Makes at least the first `bytes` accessible; new ones read as zeros. Answers whether the system agreed.
    pub fn commit(&mut self, bytes: usize) -> bool {
        if bytes <= self.committed {
            return true;
        }
        if bytes > self.size {
            return false;
        }
        let end = bytes.next_multiple_of(COMMIT_STEP).min(self.size);
        let start = self.base + self.committed;
        debug_assert!(start + (end - self.committed) <= self.mapping.address + self.mapping.size);
        // SAFETY: the range lies inside the mapping; widening its protection disturbs nobody.
        let result = unsafe {
            libc::mprotect(start as *mut libc::c_void, end - self.committed, libc::PROT_READ | libc::PROT_WRITE)
        };
        if result == 0 {
            self.prefer_huge_pages(start, end - self.committed);
            self.committed = end;
        }
        result == 0
    }

    /// Marking a heap of 100 MB takes up to twice as long with small pages. The first step keeps them, for small
    /// programs start faster so.
    fn prefer_huge_pages(&self, start: usize, size: usize) {
        #[cfg(target_os = "linux")]
        if start > self.base {
            // SAFETY: advice on a range of ours; whether it is taken does not matter.
            unsafe { libc::madvise(start as *mut libc::c_void, size, libc::MADV_HUGEPAGE) };
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (start, size);
    }

    /// Gives the pages of a committed range back. Afterwards it reads as zeros; answers false if it was left as it is.
    pub fn release(&mut self, start: usize, size: usize) -> bool {
        debug_assert!(start >= self.base && start + size <= self.base + self.committed);
        #[cfg(target_os = "linux")]
        // SAFETY: the range is ours and holds no object; private pages read as zeros afterwards.
        let released = unsafe { libc::madvise(start as *mut libc::c_void, size, libc::MADV_DONTNEED) == 0 };
        #[cfg(not(target_os = "linux"))]
        // SAFETY: the range is ours and holds no object; a new mapping takes its place.
        let released = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE | libc::MAP_FIXED;
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            libc::mmap(start as *mut libc::c_void, size, protection, flags, -1, 0) != libc::MAP_FAILED
        };
        released
    }
}

/// A type for which all bytes zero is a good value.
///
/// # Safety
/// An implementor must be valid when all its bytes are zero, and need no destructor.
pub(super) unsafe trait ZeroIsValid {}

/// A fixed table of zeros whose untouched parts cost nothing but addresses.
pub(super) struct SideTable<T> {
    mapping: Mapping,
    length: usize,
    elements: std::marker::PhantomData<T>,
}

impl<T: ZeroIsValid> SideTable<T> {
    /// A table of `length` zeros.
    pub fn new(length: usize) -> Option<SideTable<T>> {
        let size = length.checked_mul(size_of::<T>())?.max(1);
        let mapping = Mapping::reserve(0, size, libc::PROT_READ | libc::PROT_WRITE)?;
        Some(SideTable { mapping, length, elements: std::marker::PhantomData })
    }
}

impl<T: ZeroIsValid> Index<usize> for SideTable<T> {
    type Output = T;
    #[inline(always)]
    fn index(&self, index: usize) -> &T {
        assert!(index < self.length);
        // SAFETY: in bounds, page-aligned base, and zeros are a valid T.
        unsafe { &*(self.mapping.address as *const T).add(index) }
    }
}

impl<T: ZeroIsValid> IndexMut<usize> for SideTable<T> {
    #[inline(always)]
    fn index_mut(&mut self, index: usize) -> &mut T {
        assert!(index < self.length);
        // SAFETY: as in `index`; the table is borrowed mutably.
        unsafe { &mut *(self.mapping.address as *mut T).add(index) }
    }
}

/// Three quarters of the memory that this process may use: beyond it, an error is better than the system's killer.
pub(super) fn default_max_bytes() -> usize {
    // SAFETY: sysconf only reads.
    let (pages, page_size) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    let physical = match (usize::try_from(pages), usize::try_from(page_size)) {
        (Ok(pages), Ok(page_size)) if pages > 0 => pages.saturating_mul(page_size),
        _ => 4 << 30,
    };
    let allowed = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    physical.min(allowed.unwrap_or(usize::MAX)) / 4 * 3
}
