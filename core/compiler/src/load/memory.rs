//! Images that lie in memory and in no file.
//!
//! All of them share areas of reserved addresses: the lower half of an area holds constants and code, the upper half data
//! tables. An image's constants and code are written into pages that nobody can execute, which then become executable and
//! no longer writable: no page is ever both, and none is written again before it was given back to the system. Pages of
//! neighbours have the same protection, so that the system counts any number of images as few mappings.

use super::{LoadError, LoadErrorKind, LoadedImage, MappedLibrary};
use maru_core::abi::WORD_SIZE;
use maru_core::codegen::Architecture;
use maru_core::format::{FormatError, Image, Layout};
use range_alloc::RangeAllocator;
use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

mod pages;

/// Addresses of an area, unless an image needs more; memory is committed by use.
const AREA_SIZE: usize = 256 << 20;
/// Hundredths of the addresses that a process may have, that an area takes at most.
const AREA_SHARE: usize = 10;
/// Alignment of code and of data tables, in bytes.
const ALIGNMENT: usize = 16;
/// What stands for a file's name in messages.
const PLACE: &str = "memory";

/// A range of reserved addresses, dealt out to images.
struct Area {
    /// For constants and code, in whole pages.
    code: RangeAllocator<usize>,
    /// For data tables.
    data: RangeAllocator<usize>,
}

/// The areas of this process. They are never given up: what is free in them costs addresses only.
static AREAS: Mutex<Vec<Area>> = Mutex::new(Vec::new());

/// Dealing out ranges leaves nothing half done, so the lists are whole even if a thread that had them has panicked.
fn areas() -> MutexGuard<'static, Vec<Area>> {
    AREAS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Area {
    /// An area in which an image of this size has room.
    fn reserve(code: usize, data: usize) -> Result<Area, String> {
        let usual = maru_language::value::share(AREA_SIZE, AREA_SHARE) / 2;
        let half = usual.max(code).max(data).next_multiple_of(pages::size());
        let start = pages::reserve(half)?;
        Ok(Area {
            code: RangeAllocator::new(start..start + half),
            data: RangeAllocator::new(start + half..start + 2 * half),
        })
    }

    fn take(&mut self, code: usize, data: usize) -> Option<Room> {
        let code = self.code.allocate_range(code).ok()?;
        match self.data.allocate_range(data) {
            Ok(data) => Some(Room { code, data }),
            Err(_) => {
                self.code.free_range(code);
                None
            }
        }
    }
}

/// Addresses that an image has in an area; given back when dropped.
struct Room {
    /// Constants and code: whole pages.
    code: Range<usize>,
    data: Range<usize>,
}

impl Room {
    /// Room for so many bytes of constants and code, and of a data table.
    fn take(code: usize, data: usize) -> Result<Room, String> {
        let code = code.next_multiple_of(pages::size());
        let data = data.next_multiple_of(ALIGNMENT).max(ALIGNMENT);
        let mut areas = areas();
        if let Some(room) = areas.iter_mut().find_map(|area| area.take(code, data)) {
            return Ok(room);
        }
        let mut area = Area::reserve(code, data)?;
        let room = area.take(code, data).ok_or("an area without room")?;
        areas.push(area);
        Ok(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if !pages::give_back(&self.code) {
            // The pages may still be executable: their addresses are lost, and nothing else is.
            return;
        }
        let mut areas = areas();
        let owner = areas.iter_mut().find(|area| area.code.initial_range().contains(&self.code.start));
        if let Some(area) = owner {
            area.code.free_range(self.code.clone());
            area.data.free_range(self.data.clone());
        }
    }
}

/// An image in memory.
struct MemoryImage {
    room: Room,
    _registration: Option<super::debugger::Registration>,
}

impl MappedLibrary for MemoryImage {
    fn header(&self) -> *const u8 {
        std::ptr::with_exposed_provenance(self.room.code.start)
    }
}

/// What tells debuggers of an image whose code lies at an address.
pub type Describe<'a> = &'a dyn Fn(&Image, u64) -> Result<Option<Vec<u8>>, FormatError>;

/// Link an image, which has its header, to where there is room for it in memory, and put it there.
///
/// # Errors
/// When the system has no memory for it, or the image cannot be linked.
pub fn place(mut image: Image, architecture: &dyn Architecture, describe: Describe) -> Result<LoadedImage, LoadError> {
    let refused = |message: String| LoadError::new(Path::new(PLACE), LoadErrorKind::Refused, message);
    let linking = |error: FormatError| refused(error.to_string());
    image.check_extents().map_err(linking)?;
    let code_at = image.constants.len().next_multiple_of(ALIGNMENT);
    let room = Room::take(code_at + image.code.len(), WORD_SIZE * image.data_words as usize).map_err(refused)?;
    let start = room.code.start;
    let layout = Layout {
        constants: start as u64,
        code: (start + code_at) as u64,
        data: room.data.start as u64,
        ..Layout::default()
    };
    image.link(&layout, architecture).map_err(linking)?;
    pages::clear(&room.data);
    let parts = [(start, &image.constants[..]), (start + code_at, &image.code[..])];
    pages::write(&room.code, &parts).map_err(refused)?;
    let registration = super::debugger::register(&image, layout.code, describe).map_err(linking)?;
    let image = MemoryImage { room, _registration: registration };
    LoadedImage::from_mapping(Box::new(image), Path::new(PLACE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_do_not_overlap_and_come_back() {
        let sizes = [(1, 1), (5000, 100), (100_000, 0), (4096, 8), (1, 70_000)];
        let rooms: Vec<Room> =
            sizes.iter().cycle().take(50).map(|(code, data)| Room::take(*code, *data).expect("room")).collect();
        let mut ranges: Vec<Range<usize>> =
            rooms.iter().flat_map(|room| [room.code.clone(), room.data.clone()]).collect();
        ranges.sort_by_key(|range| range.start);
        assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start), "{ranges:?}");
        assert!(rooms.iter().all(|room| room.code.start % pages::size() == 0 && room.data.start % ALIGNMENT == 0));
        // Distances in an image are of 32 bits.
        assert!(rooms.iter().all(|room| room.data.end - room.code.start <= i32::MAX as usize));
        let before = areas().iter().map(Area::used).sum::<usize>();
        drop(rooms);
        let after = areas().iter().map(Area::used).sum::<usize>();
        assert!(after < before, "{before} bytes were in use, and {after} are");
    }

    #[test]
    fn an_image_larger_than_an_area_has_one_of_its_own() {
        let room = Room::take(AREA_SIZE, 16).expect("room");
        assert_eq!(room.code.len(), AREA_SIZE);
    }

    impl Area {
        fn used(&self) -> usize {
            let whole = self.code.initial_range().len() + self.data.initial_range().len();
            whole - self.code.total_available() - self.data.total_available()
        }
    }
}
