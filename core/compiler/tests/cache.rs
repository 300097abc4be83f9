//! The cache of images: found again, told apart, and distrusted.
#![allow(missing_docs)]

use maru_compiler::load::{Cache, CacheKey, LoadErrorKind};
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
    CacheKey::new("unit.l", STAMP, &[("source", source.as_bytes()), ("options", b"none")])
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
    let mut sizes: Vec<_> = cache.entries().iter().map(|entry| entry.size).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [5, 6]);
    assert_eq!(cache.verify(), []);
    assert_eq!(fs::metadata(place.directory()).expect("there").permissions().mode() & 0o777, 0o700);
}

#[test]
fn keys_differ_where_parts_do() {
    let names = [
        CacheKey::new("u", STAMP, &[("a", b"b")]),
        CacheKey::new("u", STAMP, &[("ab", b"")]),
        CacheKey::new("u", STAMP, &[("a", b"b"), ("", b"")]),
        CacheKey::new("u", STAMP, &[("", b""), ("a", b"b")]),
        CacheKey::new("u", STAMP, &[]),
        CacheKey::new("u", STAMP ^ 1, &[]),
    ]
    .map(|key| key.name().to_string());
    let different: std::collections::HashSet<_> = names.iter().collect();
    assert_eq!(different.len(), names.len());
    assert_eq!(CacheKey::new("u", STAMP, &[("a", b"b")]).name(), names[0]);
}

/// The entry's file with this ending.
fn file(place: &Place, key: &CacheKey, ending: &str) -> PathBuf {
    place.directory().join(format!("{}.{ending}", key.name()))
}

/// The ending of a file, and what is done to it.
type Damage = (&'static str, fn(&mut Vec<u8>));

#[test]
fn every_damage_is_found_and_the_entry_removed() {
    let place = Place::new();
    let cache = place.cache();
    let changes: [Damage; 5] = [
        ("image", |bytes| bytes[3] ^= 1),
        ("image", |bytes| bytes.truncate(4)),
        ("image", |bytes| bytes.push(0)),
        ("facts", |bytes| bytes.truncate(100)),
        ("facts", |bytes| *bytes = vec![0xff; 10]),
    ];
    for (ending, change) in changes {
        cache.store(&key("1"), b"contents").expect("stored");
        let path = file(&place, &key("1"), ending);
        let mut bytes = fs::read(&path).expect("there");
        change(&mut bytes);
        fs::write(&path, bytes).expect("our own");
        let problem = cache.find(&key("1")).expect_err("damaged");
        assert!(problem.contains("damaged"), "{problem}");
        assert!(!file(&place, &key("1"), "facts").exists() && !file(&place, &key("1"), "image").exists());
    }
}

#[test]
fn a_half_written_entry_is_none() {
    let place = Place::new();
    let cache = place.cache();
    cache.store(&key("1"), b"contents").expect("stored");
    fs::remove_file(file(&place, &key("1"), "facts")).expect("there");
    assert_eq!(cache.find(&key("1")), Err("it is not in the cache".into()));
    assert_eq!(cache.verify(), [(key("1").name().to_string(), "its facts are missing".to_string())]);
}

#[test]
fn links_are_not_followed() {
    let place = Place::new();
    let cache = place.cache();
    cache.store(&key("1"), b"contents").expect("stored");
    let image = file(&place, &key("1"), "image");
    let elsewhere = place.0.join("elsewhere");
    fs::rename(&image, &elsewhere).expect("moved");
    symlink(&elsewhere, &image).expect("made");
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
    let other = CacheKey::new("unit.l", STAMP, &[("source", b"1"), ("options", b"fast")]);
    assert!(cache.why(&other)[1].ends_with("another: options"));
    fs::write(file(&place, &key("1"), "image"), "x").expect("our own");
    assert!(cache.why(&key("1"))[0].contains("damaged"));
}

#[test]
fn clearing_removes_our_files_only() {
    let place = Place::new();
    let cache = place.cache();
    cache.store(&key("1"), b"first").expect("stored");
    fs::write(place.directory().join("notes.txt"), "mine").expect("our own");
    assert_eq!(cache.clear().expect("cleared"), 2);
    assert_eq!(cache.entries(), []);
    assert!(place.directory().join("notes.txt").exists());
}

#[test]
fn a_directory_that_others_can_write_to_is_refused() {
    let place = Place::new();
    place.cache();
    fs::set_permissions(place.directory(), fs::Permissions::from_mode(0o770)).expect("our own");
    let error = Cache::open(&place.directory()).expect_err("refused");
    assert_eq!(error.problem, LoadErrorKind::NoDirectory);
    assert!(error.to_string().contains("770") && error.to_string().contains("MARU_CACHE"), "{error}");
}

#[test]
fn writers_and_readers_do_not_disturb_each_other() {
    let place = Place::new();
    let cache = place.cache();
    cache.store(&key("1"), &[0; 5000]).expect("stored");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..200).for_each(|_| cache.store(&key("1"), &[0; 5000]).expect("stored")));
            scope.spawn(|| (0..200).for_each(|_| assert_eq!(cache.find(&key("1")).as_deref(), Ok(&[0; 5000][..]))));
        }
    });
    assert_eq!(fs::read_dir(place.directory()).expect("there").count(), 2);
}
