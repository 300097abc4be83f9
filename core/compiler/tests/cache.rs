//! The cache of images: found again, told apart, and distrusted.
#![allow(missing_docs)]

use maru_compiler::load::{library_in, Cache, CacheKey, EntryKind, LoadErrorKind};
use std::fs;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// A stamp of images.
const STAMP: u64 = 7;

/// A new directory, removed with all in it when dropped.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("maru-cache-test-{}-{number}", std::process::id()));
        fs::create_dir(&path).expect("a writable temporary directory");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("our own");
        Place(path)
    }
    fn directory(&self) -> PathBuf {
        self.0.join("deep/below/maru")
    }
    fn cache(&self) -> Cache {
        Cache::open(&self.directory()).expect("usable")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn key(source: &str) -> CacheKey {
    CacheKey::new(EntryKind::Saved, "unit.l", STAMP, &[("source", source.as_bytes()), ("options", b"none")])
}

/// The key of a unit that can be compiled again.
fn unit(source: &str) -> CacheKey {
    CacheKey::new(EntryKind::Unit, "unit.l", STAMP, &[("source", source.as_bytes())])
}

/// The files in the cache's directory, but for its lock.
fn files(place: &Place) -> Vec<String> {
    let entries = fs::read_dir(place.directory()).expect("there");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("there").file_name().into_string().expect("text")).collect();
    names.retain(|name| name != ".lock");
    names.sort();
    names
}

#[test]
fn what_was_stored_is_found() {
    let place = Place::new();
    let cache = place.cache();
    assert_eq!(cache.find(&key("1")), Err("it is not in the cache".into()));
    cache.store(&key("1"), b"first").expect("stored");
    cache.store(&key("2"), b"second").expect("stored");
    assert_eq!(place.cache().find(&key("1")).as_deref(), Ok(&b"first"[..]));
    assert_eq!(place.cache().find(&key("2")).as_deref(), Ok(&b"second"[..]));
    cache.store(&key("1"), b"other").expect("stored");
    assert_eq!(cache.find(&key("1")).as_deref(), Ok(&b"other"[..]));
    let mut sizes: Vec<_> = cache.entries().iter().map(|(_, entry)| entry.size).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [5, 6]);
    assert_eq!(cache.verify(), []);
    assert_eq!(fs::metadata(place.directory()).expect("there").permissions().mode() & 0o777, 0o700);
}

#[test]
fn keys_differ_where_parts_do() {
    let names = [
        CacheKey::new(EntryKind::Saved, "u", STAMP, &[("a", b"b")]),
        CacheKey::new(EntryKind::Saved, "u", STAMP, &[("ab", b"")]),
        CacheKey::new(EntryKind::Saved, "u", STAMP, &[("a", b"b"), ("", b"")]),
        CacheKey::new(EntryKind::Saved, "u", STAMP, &[("", b""), ("a", b"b")]),
        CacheKey::new(EntryKind::Saved, "u", STAMP, &[]),
        CacheKey::new(EntryKind::Saved, "u", STAMP ^ 1, &[]),
    ]
    .map(|key| key.file_name());
    let different: std::collections::HashSet<_> = names.iter().collect();
    assert_eq!(different.len(), names.len());
    assert_eq!(CacheKey::new(EntryKind::Saved, "u", STAMP, &[("a", b"b")]).file_name(), names[0]);
    assert_ne!(CacheKey::new(EntryKind::Unit, "u", STAMP, &[("a", b"b")]).file_name(), names[0]);
}

/// What is done to a file.
type Damage = fn(&mut Vec<u8>);

#[test]
fn every_damage_is_found_and_the_entry_removed() {
    let place = Place::new();
    let cache = place.cache();
    let changes: [Damage; 6] = [
        |bytes| bytes[3] ^= 1,
        |bytes| bytes.truncate(4),
        |bytes| bytes.clear(),
        |bytes| bytes.push(0),
        |bytes| {
            let at = bytes.len() - 100;
            bytes[at] ^= 1;
        },
        |bytes| *bytes = vec![0xff; 100],
    ];
    for change in changes {
        cache.store(&key("1"), b"contents").expect("stored");
        let path = cache.path(&key("1"));
        let mut bytes = fs::read(&path).expect("there");
        change(&mut bytes);
        fs::write(&path, bytes).expect("our own");
        assert_eq!(cache.verify().len(), 1);
        let problem = cache.find(&key("1")).expect_err("damaged");
        assert!(problem.contains("damaged"), "{problem}");
        assert!(!path.exists());
    }
}

#[test]
fn every_flip_and_every_cut_of_a_file_is_noticed() {
    let place = Place::new();
    let cache = place.cache();
    cache.store(&key("1"), b"contents").expect("stored");
    let path = cache.path(&key("1"));
    let whole = fs::read(&path).expect("there");
    assert_eq!(library_in(&whole).expect("whole"), b"contents");
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        for damaged in [&flipped[..], &whole[..at]] {
            fs::write(&path, damaged).expect("our own");
            assert!(cache.find(&key("1")).is_err(), "byte {at}");
        }
    }
}

#[test]
fn what_cannot_be_read_is_not_removed() {
    let place = Place::new();
    let cache = place.cache();
    // A directory in its place can be opened, but not read.
    let path = cache.path(&key("1"));
    fs::create_dir(&path).expect("made");
    let problem = cache.find(&key("1")).expect_err("unreadable");
    assert!(problem.contains("cannot be read"), "{problem}");
    assert!(path.is_dir());
}

#[test]
fn what_dead_writers_left_is_removed_and_what_is_being_written_is_not() {
    let place = Place::new();
    let cache = place.cache();
    let (dead, alive) = (place.directory().join(".1-1-1.new"), place.directory().join(".2-2-2.new"));
    fs::write(&dead, "cut sho").expect("our own");
    let writer = fs::File::create(&alive).expect("our own");
    writer.lock().expect("locked");
    cache.store(&key("1"), b"contents").expect("stored");
    assert!(!dead.exists() && alive.exists());
}

#[test]
fn units_give_way_and_saved_environments_do_not() {
    let place = Place::new();
    let mut cache = place.cache();
    cache.set_limit(40_000);
    cache.store(&key("saved"), &[1; 50_000]).expect("stored");
    let all: Vec<CacheKey> = (0..20).map(|number| unit(&number.to_string())).collect();
    for (age, key) in all.iter().enumerate() {
        cache.store(key, &[2; 1000]).expect("stored");
        let file = fs::File::options().write(true).open(cache.path(key)).expect("there");
        let time = std::time::SystemTime::now() - std::time::Duration::from_secs(1000 - age as u64);
        file.set_modified(time).expect("our own");
        // The first is used all the time.
        cache.find(&all[0]).expect("used lately");
    }
    assert!(cache.find(&all[19]).is_ok() && cache.find(&all[1]).is_err());
    assert!(cache.find(&key("saved")).is_ok());
    let size: u64 = all.iter().filter_map(|key| fs::metadata(cache.path(key)).ok()).map(|facts| facts.len()).sum();
    assert!(size <= 15_000, "{size} bytes");
    // Another process counts what is there, too.
    let mut other = place.cache();
    other.set_limit(10_000);
    other.store(&unit("new"), &[3; 1000]).expect("stored");
    assert!(files(&place).iter().filter(|name| name.ends_with(".unit")).count() <= 2);
}

#[test]
fn a_shared_directory_is_read_from_only_if_nobody_else_writes_to_it() {
    let (own, site) = (Place::new(), Place::new());
    site.cache().store(&key("1"), b"shared").expect("stored");
    fs::set_permissions(site.directory(), fs::Permissions::from_mode(0o500)).expect("our own");
    let mut cache = own.cache();
    assert!(cache.find(&key("1")).is_err());
    cache.share(&site.directory()).expect("shared");
    assert_eq!(cache.find(&key("1")).as_deref(), Ok(&b"shared"[..]));
    assert!(files(&own).is_empty());
    // A file that others can write to counts for nothing.
    let file = site.directory().join(key("1").file_name());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).expect("our own");
    assert!(cache.find(&key("1")).is_err());
    fs::set_permissions(site.directory(), fs::Permissions::from_mode(0o777)).expect("our own");
    let error = own.cache().share(&site.directory()).expect_err("refused");
    assert!(error.to_string().contains("chmod go-w"), "{error}");
    fs::set_permissions(site.directory(), fs::Permissions::from_mode(0o700)).expect("our own");
}

#[test]
fn a_directory_that_cannot_be_written_to_can_be_read_from() {
    let place = Place::new();
    place.cache().store(&key("1"), b"contents").expect("stored");
    fs::set_permissions(place.directory(), fs::Permissions::from_mode(0o500)).expect("our own");
    assert_eq!(place.cache().find(&key("1")).as_deref(), Ok(&b"contents"[..]));
    fs::set_permissions(place.directory(), fs::Permissions::from_mode(0o700)).expect("our own");
}

#[test]
fn links_are_not_followed() {
    let place = Place::new();
    let cache = place.cache();
    cache.store(&key("1"), b"contents").expect("stored");
    let path = cache.path(&key("1"));
    let elsewhere = place.0.join("elsewhere");
    fs::rename(&path, &elsewhere).expect("moved");
    symlink(&elsewhere, &path).expect("made");
    cache.find(&key("1")).expect_err("a link");
    assert!(elsewhere.exists());
}

#[test]
fn it_is_said_why_an_image_is_not_found() {
    let place = Place::new();
    let cache = place.cache();
    cache.store(&key("1"), b"first").expect("stored");
    assert_eq!(cache.why(&key("1")), Vec::<String>::new());
    let reasons = cache.why(&key("2"));
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons[1].ends_with("of the same unit has another: source"), "{reasons:?}");
    let other = CacheKey::new(EntryKind::Saved, "unit.l", STAMP, &[("source", b"1"), ("options", b"fast")]);
    assert!(cache.why(&other)[1].ends_with("another: options"));
    fs::write(cache.path(&key("1")), "x").expect("our own");
    assert!(cache.why(&key("1"))[0].contains("damaged"));
}

#[test]
fn clearing_removes_our_files_only() {
    let place = Place::new();
    let cache = place.cache();
    cache.store(&key("1"), b"first").expect("stored");
    fs::write(place.directory().join("notes.txt"), "mine").expect("our own");
    assert_eq!(cache.clear().expect("cleared"), 1);
    assert_eq!(cache.entries(), []);
    assert!(place.directory().join("notes.txt").exists());
}

#[test]
fn a_directory_that_others_can_write_to_is_refused() {
    let place = Place::new();
    place.cache();
    fs::set_permissions(place.directory(), fs::Permissions::from_mode(0o772)).expect("our own");
    let error = Cache::open(&place.directory()).expect_err("refused");
    assert_eq!(error.problem, LoadErrorKind::NoDirectory);
    assert!(error.to_string().contains("772") && error.to_string().contains("MARU_CACHE"), "{error}");
    // Who can write to what it lies in can put another in its place.
    fs::set_permissions(place.directory(), fs::Permissions::from_mode(0o700)).expect("our own");
    fs::set_permissions(place.0.join("deep"), fs::Permissions::from_mode(0o777)).expect("our own");
    let error = Cache::open(&place.directory()).expect_err("refused");
    assert!(error.to_string().contains("others can rename what is in it"), "{error}");
}

/// Two writers of different contents and readers: what is read is what one of them wrote, and it is always there.
#[test]
fn writers_and_readers_do_not_disturb_each_other() {
    let place = Place::new();
    let contents = [vec![1; 5000], vec![2; 9000]];
    place.cache().store(&key("1"), &contents[0]).expect("stored");
    std::thread::scope(|scope| {
        for contents in &contents {
            let cache = place.cache();
            scope.spawn(move || (0..200).for_each(|_| cache.store(&key("1"), contents).expect("stored")));
        }
        for _ in 0..2 {
            let (cache, contents) = (place.cache(), &contents);
            scope.spawn(move || {
                for _ in 0..400 {
                    let found = cache.find(&key("1")).expect("never missing");
                    assert!(contents.contains(&found), "{} bytes that nobody wrote", found.len());
                }
            });
        }
    });
    assert_eq!(files(&place).len(), 1);
}

/// A damaged file that a writer replaces at the same time: what was written is never removed in its place.
#[test]
fn removing_damage_removes_nothing_that_was_written_meanwhile() {
    let place = Place::new();
    let reader = place.cache();
    for _ in 0..200 {
        let path = reader.path(&key("1"));
        fs::write(&path, "damage").expect("our own");
        std::thread::scope(|scope| {
            scope.spawn(|| drop(reader.find(&key("1"))));
            scope.spawn(|| place.cache().store(&key("1"), b"contents").expect("stored"));
        });
        assert_eq!(reader.find(&key("1")).as_deref(), Ok(&b"contents"[..]));
    }
}
