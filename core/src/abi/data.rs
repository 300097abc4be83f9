//! The data table of an image: what code asks of it by fixed numbers. All other words are numbered as code needs them,
//! and the image's manifest says what each is.

use super::fact::facts;

facts! { "data":
/// Word: address of a word that is zero once an assumption of the image is broken.
pub const DATA_INTACT: u32 = 0;
/// Word: the image's number, with [`super::IMAGE_FLAG`].
pub const DATA_IMAGE: u32 = 1;
/// The first word that is numbered as needed.
pub const DATA_FIRST: u32 = 2;
}
