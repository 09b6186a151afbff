//! WebP files.

use std::io::Cursor;

use image::{AnimationDecoder, ImageDecoder, ImageResult, codecs::webp::WebPDecoder, metadata::Orientation};

use super::{
    PhotoError,
    read::{StoredPicture, check_size, or_first_visible, still, turn, wrong},
};

const NAME: &str = "WebP";

pub(super) fn read(bytes: &[u8]) -> Result<StoredPicture, PhotoError> {
    let webp = checked(bytes).ok_or(PhotoError::Damaged { format: NAME })?;
    let decoder = || WebPDecoder::new(Cursor::new(&*webp));
    let first = decoder().map_err(|error| wrong(NAME, &error))?;
    let is_animated = first.has_animation();
    let first = still(first, NAME)?;
    if is_animated { or_first_visible(first, || -> ImageResult<_> { Ok(decoder()?.into_frames()) }) } else { Ok(first) }
}

/// False if EXIF asks for a turn: some browsers ignore it.
pub(super) fn is_for_browser(bytes: &[u8]) -> Result<bool, PhotoError> {
    let Some(mut decoder) = checked(bytes).and_then(|webp| WebPDecoder::new(Cursor::new(webp)).ok()) else {
        return Ok(true);
    };
    check_size(decoder.dimensions())?;
    Ok(turn(decoder.exif_metadata().ok().flatten().as_deref()) == Orientation::NoTransforms)
}

/// The WebP file without data after its end and without flags for missing parts. `None` if a chunk goes beyond its
/// parent, or a frame does not have its stated size. The decoder does not check this: it would allocate gigabytes for
/// EXIF data, and panic at a larger frame.
fn checked(bytes: &[u8]) -> Option<Vec<u8>> {
    let length = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?) as usize;
    let mut webp = bytes.get(..length.checked_add(8)?)?.to_vec();
    let chunks = webp.get(12..)?;
    if !chunks_are_sound(chunks, None) {
        return None;
    }
    let kinds = kinds(chunks);
    let has = |kind: &[u8; 4]| kinds.contains(kind);
    let mut kept = 0xFF;
    for (promise, kind) in [(0x20, b"ICCP"), (0x08, b"EXIF"), (0x04, b"XMP ")] {
        kept &= if has(kind) { 0xFF } else { !promise };
    }
    if has(b"VP8 ") && !has(b"ALPH") {
        kept &= !0x10;
    }
    if let Some(flags) = webp.get_mut(20).filter(|_| has(b"VP8X")) {
        *flags &= kept;
    }
    Some(webp)
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte))
}

/// The kinds of the chunks.
fn kinds(mut chunks: &[u8]) -> Vec<[u8; 4]> {
    let mut kinds = Vec::new();
    while let Some((header, rest)) = chunks.split_first_chunk::<8>() {
        let length = number(&header[4..]) as usize;
        chunks = rest.get(length + length % 2..).unwrap_or_default();
        kinds.push([header[0], header[1], header[2], header[3]]);
    }
    kinds
}

/// Whether all `chunks` lie inside their parent, and have the size of their `frame` (width, height) if they are part of
/// one.
fn chunks_are_sound(mut chunks: &[u8], frame: Option<(u32, u32)>) -> bool {
    while let Some((header, rest)) = chunks.split_first_chunk::<8>() {
        let length = number(&header[4..]) as usize;
        let Some(content) = rest.get(..length) else { return false };
        chunks = rest.get(length + length % 2..).unwrap_or_default();
        let sound = match (&header[..4], frame) {
            // Position, size, duration and flags of the frame, then its chunks.
            (b"ANMF", None) => {
                content.len() >= 16 && {
                    let frame = (number(&content[6..9]) + 1, number(&content[9..12]) + 1);
                    chunks_are_sound(&content[16..], Some(frame))
                }
            }
            // The decoder takes any chunk after this one for the colours of the frame.
            (b"ALPH", Some(_)) => chunks.starts_with(b"VP8 "),
            // Width and height in 14 bits each, after 6 bytes.
            (b"VP8 ", Some(frame)) => {
                let size = |bytes: &[u8]| (number(&bytes[..2]) & 0x3FFF, number(&bytes[2..]) & 0x3FFF);
                content.get(6..10).is_some_and(|bytes| size(bytes) == frame)
            }
            _ => true,
        };
        if !sound {
            return false;
        }
    }
    true
}
