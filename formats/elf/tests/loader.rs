//! The loader in core, with libraries of this format: good ones, bad ones, and directories of all kinds.
#![allow(missing_docs)]

mod common;

use common::*;
use maru_compiler::load::{check, Candidate, ExecutableDirectory, LoadError, LoadErrorKind, LoadedImage};
use maru_core::codegen::{image_stamp, MachineIdentity};
use maru_core::format::{Image, ObjectFormat};
use maru_elf::ELF;
use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

/// A new directory, removed with all in it when dropped.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("maru-loader-test-{}-{number}", std::process::id()));
        fs::create_dir(&path).expect("a writable temporary directory");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own");
        Place(path)
    }
    fn candidate(&self) -> Candidate {
        Candidate { origin: "MARU_TMPDIR", base: self.0.clone() }
    }
    fn own(&self) -> PathBuf {
        // SAFETY: the function has no preconditions.
        self.0.join(format!("maru-{}", unsafe { libc::geteuid() }))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn library() -> Vec<u8> {
    with_header(sample(), b"the manifest", &machine())
}

fn call(image: &LoadedImage, number: usize) -> u32 {
    let address = image.function_address(number).expect("there is such a function");
    // SAFETY: the functions called here have this type.
    let function = unsafe { std::mem::transmute::<usize, extern "C" fn() -> u32>(address) };
    function()
}

#[test]
fn what_was_built_can_be_called_and_read() {
    if !can_run() {
        return;
    }
    let place = Place::new();
    let mut directory = ExecutableDirectory::among(vec![place.candidate()]);
    assert_eq!(directory.path(), None);
    let image = directory.load(&ELF, &target(), &library()).expect("loaded");
    assert_eq!(directory.path(), Some(&*place.own()));
    assert_eq!((call(&image, 0), call(&image, 3)), (42, 7));
    assert!(image.code().contains(&image.function_address(1).expect("there is one")));
    assert_eq!((image.function_count(), image.function_address(6)), (6, None));
    assert_eq!(image.manifest(), b"the manifest");
    assert_eq!(image.data_words(), 100);
    // SAFETY: the data table has as many words, and nobody else uses it.
    let data = unsafe { std::slice::from_raw_parts_mut(image.data(), 100) };
    assert!(data.iter().all(|&word| word == 0));
    data.fill(1);
}

#[test]
fn a_file_is_removed_as_soon_as_it_is_open() {
    if !can_run() {
        return;
    }
    let place = Place::new();
    let mut directory = ExecutableDirectory::among(vec![place.candidate()]);
    let image = directory.load(&ELF, &target(), &library()).expect("loaded");
    let path = image.path().to_path_buf();
    let is_mapped = || fs::read_to_string("/proc/self/maps").expect("Linux").contains(&*path.to_string_lossy());
    assert!(is_mapped() && !path.exists());
    assert_eq!(call(&image, 0), 42);
    drop(image);
    assert!(!is_mapped());
    assert_eq!(fs::read_dir(place.own()).expect("there").count(), 0);
}

/// Set where this program runs itself once more, to the place to be used.
const CHILD: &str = "MARU_LOADER_TEST_CHILD";

#[test]
fn a_process_that_exits_leaves_no_files() {
    if !can_run() {
        return;
    }
    if let Some(base) = std::env::var_os(CHILD) {
        let mut directory = ExecutableDirectory::among(vec![Candidate { origin: CHILD, base: base.into() }]);
        let image = directory.load(&ELF, &target(), &library()).expect("loaded");
        std::mem::forget(image);
        std::process::exit(23);
    }
    let place = Place::new();
    let mut child = std::process::Command::new(std::env::current_exe().expect("a path"));
    child.args(["--exact", "a_process_that_exits_leaves_no_files", "--nocapture"]).env(CHILD, &place.0);
    let output = child.output().expect("it runs");
    assert_eq!(output.status.code(), Some(23), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_dir(place.own()).expect("made by the child").count(), 0);
}

#[test]
fn equal_libraries_have_their_own_data() {
    if !can_run() {
        return;
    }
    let place = Place::new();
    let mut directory = ExecutableDirectory::among(vec![place.candidate()]);
    let images: Vec<_> = (0..20).map(|_| directory.load(&ELF, &target(), &library()).expect("loaded")).collect();
    for (image, number) in images.iter().zip(0..) {
        // SAFETY: the table has more than one word.
        unsafe { *image.data() = number };
    }
    for (image, number) in images.iter().zip(0..) {
        // SAFETY: as above.
        assert_eq!(unsafe { *image.data() }, number);
    }
}

#[test]
fn several_threads_load_at_once() {
    if !can_run() {
        return;
    }
    let place = Place::new();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let candidate = place.candidate();
            scope.spawn(move || {
                let mut directory = ExecutableDirectory::among(vec![candidate]);
                for count in 1..30 {
                    let bytes = with_header(numbered(count), &[thread], &machine());
                    let image = directory.load(&ELF, &target(), &bytes).expect("loaded");
                    assert_eq!(call(&image, count as usize - 1), count - 1);
                    assert_eq!(image.manifest(), [thread]);
                }
            });
        }
    });
    assert_eq!(fs::read_dir(place.own()).expect("there").count(), 0);
}

fn refused(path: &Path, problem: LoadErrorKind, words: &str) {
    let place = Place::new();
    let mut directory = ExecutableDirectory::among(vec![place.candidate()]);
    let error = directory.load_file(path, &ELF, &target()).err().expect("refused");
    assert!(!place.own().exists(), "it was written before it was checked");
    check_error(&error, problem, words);
    assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
}

fn check_error(error: &LoadError, problem: LoadErrorKind, words: &str) {
    assert_eq!(error.problem, problem, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn a_file_named_by_a_user_is_loaded_as_often_as_wanted() {
    if !can_run() {
        return;
    }
    let place = Place::new();
    let mut directory = ExecutableDirectory::among(vec![place.candidate()]);
    let file = TestFile::new(&library());
    let images = [0, 1].map(|_| directory.load_file(file.path(), &ELF, &target()).expect("loaded"));
    fs::write(file.path(), vec![0; library().len()]).expect("a file in use may be overwritten");
    for image in &images {
        assert_eq!(call(image, 0), 42);
    }
    assert_ne!(images[0].data(), images[1].data());
    drop(images);
    assert!(file.path().exists(), "the user's file is not ours to remove");
}

#[test]
fn bad_files_are_refused_before_they_are_mapped() {
    let good = library();
    refused(Path::new("/nowhere/x.so"), LoadErrorKind::Unreadable, "No such file");
    refused(TestFile::new(b"").path(), LoadErrorKind::NotOurs, "no ELF file");
    refused(TestFile::new(&good[..good.len() / 2]).path(), LoadErrorKind::NotOurs, "cut short");
    refused(TestFile::new(&good[..5000.min(good.len() - 1)]).path(), LoadErrorKind::NotOurs, "cut short");
    let mut damaged = good.clone();
    *damaged.last_mut().expect("not empty") ^= 1;
    refused(TestFile::new(&damaged).path(), LoadErrorKind::NotOurs, "build it again");
    let headless = written(&sample()).1;
    refused(TestFile::new(&headless).path(), LoadErrorKind::NotOurs, "was not made by Maru");
}

#[test]
fn every_truncation_of_a_library_is_refused() {
    let good = library();
    for length in 0..good.len() {
        check(Path::new("x"), &good[..length], &ELF, &target()).expect_err("refused");
    }
    check(Path::new("x"), &good, &ELF, &target()).expect("the whole is good");
}

#[test]
fn foreign_libraries_are_refused() {
    for path in ["/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/libc.so.6", "/proc/self/exe"] {
        if Path::new(path).exists() {
            refused(Path::new(path), LoadErrorKind::NotOurs, "");
        }
    }
}

#[test]
fn libraries_for_other_machines_are_refused() {
    let other = MachineIdentity { machine: 183, ..machine() };
    let file = TestFile::new(&with_header(sample(), b"", &other));
    refused(file.path(), LoadErrorKind::NotOurs, "another CPU (183");
}

/// Write an image with changed constants.
fn with_constants(change: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut image = sample();
    image.constants.clear();
    maru_compiler::load::ImageHeader::build(&mut image, b"the manifest", image_stamp(&target())).expect("a header");
    let layout = ELF.layout(&image, &machine()).expect("a layout");
    image.link(&layout, &target()).expect("linked");
    change(&mut image.constants);
    ELF.write(&image, &layout, &machine()).expect("a file")
}

#[test]
fn libraries_of_other_versions_are_refused() {
    if !can_run() {
        return;
    }
    let bytes = with_constants(|constants| constants[8] ^= 1);
    let stamp = format!("its stamp is {:016x}", image_stamp(&target()) ^ 1);
    refused(TestFile::new(&bytes).path(), LoadErrorKind::OtherVersion, &stamp);
    let place = Place::new();
    let mut directory = ExecutableDirectory::among(vec![place.candidate()]);
    check_error(&directory.load(&ELF, &target(), &bytes).err().expect("refused"), LoadErrorKind::OtherVersion, &stamp);
}

#[test]
fn headers_that_point_outside_are_refused() {
    for at in [40, 48, 52, 68] {
        let bytes = with_constants(|constants| constants[at + 2] ^= 0x40);
        refused(TestFile::new(&bytes).path(), LoadErrorKind::NotOurs, "header is damaged");
    }
}

fn load_in(candidates: Vec<Candidate>) -> Result<LoadedImage, LoadError> {
    ExecutableDirectory::among(candidates).load(&ELF, &target(), &library())
}

/// Loading with only this candidate fails with these words, and with a good one behind it succeeds there.
fn unsuitable(candidate: Candidate, words: &str) {
    if !can_run() {
        return;
    }
    let error = load_in(vec![candidate.clone()]).err().expect("refused");
    check_error(&error, LoadErrorKind::NoDirectory, words);
    // The place, by the variable that names it, and the way out. Of flags the loader knows nothing.
    for part in [candidate.origin, "set MARU_TMPDIR to", &*candidate.base.to_string_lossy()] {
        assert!(error.to_string().contains(part), "{part} is missing in: {error}");
    }
    assert!(!error.to_string().contains("--"), "{error}");
    let good = Place::new();
    let image = load_in(vec![candidate, good.candidate()]).expect("loaded from the other directory");
    assert!(image.path().starts_with(good.own()));
}

#[test]
fn directories_that_others_can_change_are_refused() {
    let place = Place::new();
    fs::create_dir(place.own()).expect("made");
    fs::set_permissions(place.own(), fs::Permissions::from_mode(0o750)).expect("our own");
    unsuitable(place.candidate(), "has the permissions 750");

    let place = Place::new();
    fs::set_permissions(&place.0, fs::Permissions::from_mode(0o777)).expect("our own");
    unsuitable(place.candidate(), "without the sticky bit");

    let (place, elsewhere) = (Place::new(), Place::new());
    symlink(&elsewhere.0, place.own()).expect("made");
    unsuitable(place.candidate(), "is a symbolic link");

    let place = Place::new();
    fs::write(place.own(), "").expect("made");
    unsuitable(place.candidate(), "is no directory");
}

#[test]
fn directories_of_others_are_refused() {
    let place = Place::new();
    fs::create_dir(place.own()).expect("made");
    fs::set_permissions(place.own(), fs::Permissions::from_mode(0o700)).expect("our own");
    if std::os::unix::fs::chown(place.own(), Some(4711), None).is_err() {
        return not_run("only the superuser can give a directory away");
    }
    unsuitable(place.candidate(), "belongs to the user 4711");
    let place = Place::new();
    std::os::unix::fs::chown(&place.0, Some(4711), None).expect("possible above");
    unsuitable(place.candidate(), "belongs to the user 4711");
}

#[test]
fn places_that_are_none_are_refused() {
    let candidate = |base: &str| Candidate { origin: "TMPDIR", base: base.into() };
    unsuitable(candidate("/nowhere/at/all"), "No such file");
    unsuitable(candidate("relative"), "not an absolute path");
    unsuitable(candidate("/dev/null"), "not a directory");
    unsuitable(candidate("/proc"), "cannot be made");
}

/// A good library that this host's loader takes for another CPU's.
fn library_for_another_host() -> (MachineIdentity, Vec<u8>) {
    let other = MachineIdentity { machine: 22, ..machine() };
    let bytes = with_header(sample(), b"", &other);
    (other, bytes)
}

#[test]
fn what_the_loader_refuses_is_tried_elsewhere_and_then_reported() {
    if !can_run() {
        return;
    }
    let (first, second) = (Place::new(), Place::new());
    let (other, strange) = library_for_another_host();
    let mut directory = ExecutableDirectory::among(vec![first.candidate(), second.candidate()]);
    let error = directory.load(&ELF, &NoArchitecture(other.clone()), &strange).err().expect("refused");
    check_error(&error, LoadErrorKind::NoDirectory, "the system's loader refuses it");
    for place in [&first, &second] {
        assert!(error.message.contains(&*place.0.to_string_lossy()), "{error}");
    }
    // All may be tried again …
    let image = directory.load(&ELF, &target(), &library()).expect("loaded");
    assert!(image.path().starts_with(first.own()));
    // … and where one library was loaded, another that is refused is to blame itself.
    let error = directory.load(&ELF, &NoArchitecture(other.clone()), &strange).err().expect("refused");
    assert_eq!(error.problem, LoadErrorKind::Refused);
    assert_eq!(directory.path(), Some(&*first.own()));
    drop(image);
    assert_eq!(fs::read_dir(first.own()).expect("there").count(), 0);
}

#[test]
fn bytes_that_are_no_library_never_reach_the_loader() {
    let place = Place::new();
    let mut directory = ExecutableDirectory::among(vec![place.candidate()]);
    for bytes in [&b"no library at all"[..], &library()[..2000], b""] {
        let error = directory.load(&ELF, &target(), bytes).err().expect("refused");
        assert_eq!(error.problem, LoadErrorKind::NotOurs, "{error}");
    }
    assert!(!place.own().exists());
}

#[test]
fn a_directory_that_vanishes_is_made_again() {
    if !can_run() {
        return;
    }
    let place = Place::new();
    let mut directory = ExecutableDirectory::among(vec![place.candidate()]);
    directory.load(&ELF, &target(), &library()).expect("loaded");
    fs::remove_dir(place.own()).expect("empty");
    let image = directory.load(&ELF, &target(), &library()).expect("loaded again");
    assert!(image.path().starts_with(place.own()));
}

#[test]
fn only_files_left_by_dead_processes_are_removed() {
    if !can_run() {
        return;
    }
    let place = Place::new();
    let mut directory = ExecutableDirectory::among(vec![place.candidate()]);
    directory.load(&ELF, &target(), &library()).expect("loaded");
    let names =
        ["locked-9-1-a.so", "locked-8-1-a.so", "locked-7-9.parts", "symbols-6-1-a.so", "symbols-5-1-a.so", "notes.txt"];
    let mut locked = Vec::new();
    for name in names {
        let path = place.own().join(name);
        if name.ends_with("parts") {
            fs::create_dir(&path).expect("made");
            fs::write(path.join("unit.o"), "").expect("made");
            continue;
        }
        let file = fs::File::create(path).expect("made");
        let hours = if name.starts_with("symbols-5") { 30 } else { 1 };
        file.set_modified(SystemTime::now() - Duration::from_secs(3600 * hours)).expect("our own");
        if name.starts_with("locked-8") {
            // A process that lives holds the lock of what it writes.
            file.lock().expect("locked");
            locked.push(file);
        }
    }
    load_in(vec![place.candidate()]).expect("loaded");
    let left: Vec<bool> = names.iter().map(|name| place.own().join(name).exists()).collect();
    assert_eq!(left, [false, true, false, true, false, true]);
}

/// However many files dead processes left behind, a start removes a few of them and goes on.
#[test]
fn many_files_are_removed_a_few_at_a_time() {
    if !can_run() {
        return;
    }
    let place = Place::new();
    load_in(vec![place.candidate()]).expect("loaded");
    for number in 0..20_000 {
        fs::write(place.own().join(format!("locked-9-{number}-a.so")), "").expect("made");
    }
    let mut left = 20_000;
    for _ in 0..3 {
        load_in(vec![place.candidate()]).expect("loaded");
        let now = fs::read_dir(place.own()).expect("there").count();
        assert!(now <= left - 16 && now > 10_000, "{now} are left of {left}");
        left = now;
    }
}

/// Mount a file system that forbids execution, seen by this thread only.
#[cfg(target_os = "linux")]
fn mount_noexec(at: &Path) -> bool {
    let path = std::ffi::CString::new(at.to_str().expect("plain")).expect("no nul");
    let none = std::ptr::null();
    // SAFETY: all strings end in nuls.
    unsafe {
        libc::unshare(libc::CLONE_NEWNS) == 0
            && libc::mount(none, c"/".as_ptr(), none, libc::MS_REC | libc::MS_PRIVATE, none.cast()) == 0
            && libc::mount(c"none".as_ptr(), path.as_ptr(), c"tmpfs".as_ptr(), libc::MS_NOEXEC, none.cast()) == 0
    }
}

#[test]
#[cfg(target_os = "linux")]
fn file_systems_without_execution_are_refused() {
    let place = Place::new();
    let candidate = place.candidate();
    let thread = std::thread::spawn(move || {
        if !mount_noexec(&candidate.base) {
            return not_run("file systems cannot be mounted here");
        }
        fs::set_permissions(&candidate.base, fs::Permissions::from_mode(0o755)).expect("our own");
        unsuitable(candidate.clone(), "mounted noexec");
        // A file that a user names there is loaded from elsewhere.
        let file = candidate.base.join("user.so");
        fs::write(&file, library()).expect("written");
        let good = Place::new();
        let mut directory = ExecutableDirectory::among(vec![candidate, good.candidate()]);
        if can_run() {
            directory.load_file(&file, &ELF, &target()).expect("loaded");
        }
    });
    thread.join().expect("no failure");
}

#[test]
fn an_image_without_functions_loads() {
    if !can_run() {
        return;
    }
    let place = Place::new();
    let bytes = with_header(Image::new("empty", ""), b"", &machine());
    let image = ExecutableDirectory::among(vec![place.candidate()]).load(&ELF, &target(), &bytes).expect("loaded");
    assert_eq!((image.function_count(), image.function_address(0), image.manifest()), (0, None, &b""[..]));
    assert_eq!(ELF.file_name("a"), "a.so");
}
