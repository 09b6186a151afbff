//! WebP files.

use std::io::Cursor;

use image::{AnimationDecoder, ImageDecoder, ImageResult, codecs::webp::WebPDecoder, metadata::Orientation};

use super::{
    PhotoError,
    read::{Lying, check_size, or_first_shown, still, turn, wrong},
};

const NAME: &str = "WebP";

pub(super) fn read(bytes: &[u8]) -> Result<Lying, PhotoError> {
    let webp = sound(bytes).ok_or(PhotoError::Damaged { format: NAME })?;
    let decoder = || WebPDecoder::new(Cursor::new(&*webp));
    let first = decoder().map_err(|error| wrong(NAME, &error))?;
    let is_animated = first.has_animation();
    let first = still(first, NAME)?;
    if is_animated { or_first_shown(first, || -> ImageResult<_> { Ok(decoder()?.into_frames()) }) } else { Ok(first) }
}

/// Some browsers do not turn what EXIF says is to be turned.
pub(super) fn is_for_browser(bytes: &[u8]) -> Result<bool, PhotoError> {
    let Some(mut decoder) = sound(bytes).and_then(|webp| WebPDecoder::new(Cursor::new(webp)).ok()) else {
        return Ok(true);
    };
    check_size(decoder.dimensions())?;
    Ok(turn(decoder.exif_metadata().ok().flatten().as_deref()) == Orientation::NoTransforms)
}

/// A WebP without what may follow it and without promises of parts that are not there, if its chunks lie inside it and
/// the frames of an animation have the sizes they say: the decoder believes all that, makes room for gigabytes of EXIF
/// and panics where a frame is larger.
fn sound(bytes: &[u8]) -> Option<Vec<u8>> {
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

/// What the chunks are.
fn kinds(mut chunks: &[u8]) -> Vec<[u8; 4]> {
    let mut kinds = Vec::new();
    while let Some((header, rest)) = chunks.split_first_chunk::<8>() {
        let length = number(&header[4..]) as usize;
        chunks = rest.get(length + length % 2..).unwrap_or_default();
        kinds.push([header[0], header[1], header[2], header[3]]);
    }
    kinds
}

/// Whether `chunks` lie inside one another, and are as large as their `frame` (width, height) if they are parts of one.
fn chunks_are_sound(mut chunks: &[u8], frame: Option<(u32, u32)>) -> bool {
    while let Some((header, rest)) = chunks.split_first_chunk::<8>() {
        let length = number(&header[4..]) as usize;
        let Some(content) = rest.get(..length) else { return false };
        chunks = rest.get(length + length % 2..).unwrap_or_default();
        let sound = match (&header[..4], frame) {
            // Place, width, height, duration and flags, then the chunks of the frame.
            (b"ANMF", None) => {
                content.len() >= 16 && {
                    let frame = (number(&content[6..9]) + 1, number(&content[9..12]) + 1);
                    chunks_are_sound(&content[16..], Some(frame))
                }
            }
            // Whatever follows is decoded as the frame's colours.
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
