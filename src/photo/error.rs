//! The errors of pictures.

#[cfg(doc)]
use super::MAX_BYTES;
use super::{MAX_PIXELS, MAX_SIDE, MIN_SIDE};

/// Where the memory comes from, for messages.
const MEMORY_SOURCE: &str = if cfg!(target_family = "wasm") { "this browser gives" } else { "there is" };

/// Why a picture cannot be used. Every message is a sentence that tells the user what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PhotoError {
    /// An empty file.
    #[error("This file is empty. Choose a PNG, JPEG, WebP, GIF or BMP picture.")]
    Empty,

    /// A file longer than [`MAX_BYTES`].
    #[error("This file has {:.1} MiB, more than the {} MiB that are read. Choose a smaller picture.", mib(*found), mib(*limit))]
    TooManyBytes {
        /// Its length in bytes.
        found: usize,
        /// [`MAX_BYTES`].
        limit: usize,
    },

    /// A file that is not a picture.
    #[error("This file is {what}. Choose a PNG, JPEG, WebP, GIF or BMP picture.")]
    NotAPicture {
        /// What the file is, from its first bytes, such as `an SVG drawing`.
        what: &'static str,
    },

    /// A picture in an unsupported format.
    #[error("Pictures in the format {format} cannot be read here. Save this one as PNG or JPEG and choose that.")]
    UnsupportedFormat {
        /// The format, such as `HEIC`.
        format: String,
    },

    /// A picture file that is cut off or has errors inside.
    #[error("This {format} picture is damaged or incomplete. Choose another, or save it again.")]
    Damaged {
        /// The format, such as `PNG`.
        format: &'static str,
    },

    /// A picture that is transparent everywhere.
    #[error("This picture is transparent everywhere, so that there is nothing to see. Choose another.")]
    Blank,

    /// A picture of more than [`MAX_PIXELS`], or a side longer than [`MAX_SIDE`].
    #[error(
        "This picture has {width}×{height} pixels, more than the {} million, and {MAX_SIDE} a side, that are read. \
         Choose a smaller one.", MAX_PIXELS / 1_000_000
    )]
    TooLarge {
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
    },

    /// A picture that does not fit into memory.
    #[error(
        "This picture has {width}×{height} pixels, which is too large for the memory {MEMORY_SOURCE}. Choose a smaller one."
    )]
    Memory {
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
    },

    /// A picture with a side shorter than [`MIN_SIDE`].
    #[error(
        "This picture has {width}×{height} pixels; at least {MIN_SIDE}×{MIN_SIDE} are needed. Choose a larger one."
    )]
    TooSmall {
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
    },

    /// A crop that is not inside its picture.
    #[error(
        "The part to cut out does not lie inside the picture of {width}×{height} pixels. Move the frame back into it."
    )]
    Outside {
        /// The picture's width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
    },

    /// A number of channels or a size that a photo cannot have.
    #[error("A photo has 1 or 3 channels and 1 to {MAX_SIDE} pixels a side, not {channels} and {width}×{height}.")]
    Shape {
        /// The channels asked for.
        channels: usize,
        /// The height asked for.
        height: usize,
        /// The width asked for.
        width: usize,
    },

    /// More or fewer values than the shape has.
    #[error("A photo of this shape has {expected} values, not {found}.")]
    Length {
        /// How many the shape has.
        expected: usize,
        /// How many were given.
        found: usize,
    },
}

fn mib(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
