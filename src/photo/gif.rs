//! GIF files.

use std::io::Cursor;

use image::{AnimationDecoder, ImageResult, codecs::gif::GifDecoder};

use super::{
    PhotoError,
    read::{StoredPicture, check_size, or_first_visible, still, wrong},
};

const NAME: &str = "GIF";

pub(super) fn read(bytes: &[u8]) -> Result<StoredPicture, PhotoError> {
    let gif = with_enlarged_screen(bytes);
    let decoder = || GifDecoder::new(Cursor::new(&*gif));
    let first = still(decoder().map_err(|error| wrong(NAME, &error))?, NAME)?;
    or_first_visible(first, || -> ImageResult<_> { Ok(decoder()?.into_frames()) })
}

pub(super) fn is_for_browser(bytes: &[u8]) -> Result<bool, PhotoError> {
    if let [w0, w1, h0, h1] = with_enlarged_screen(bytes)[6..10] {
        check_size((u16::from_le_bytes([w0, w1]).into(), u16::from_le_bytes([h0, h1]).into()))?;
    }
    Ok(true)
}

/// Makes the screen of the file large enough for its first frame. In some files it is too small; browsers enlarge it
/// too.
fn with_enlarged_screen(bytes: &[u8]) -> Vec<u8> {
    let mut gif = bytes.to_vec();
    gif.resize(gif.len().max(13), 0); // room for the whole header, even if parts of it are missing
    if let Some([left, top, width, height]) = first_frame(bytes) {
        for (place, needed) in [(6, left.saturating_add(width)), (8, top.saturating_add(height))] {
            let side = u16::from_le_bytes([gif[place], gif[place + 1]]).max(needed);
            gif[place..place + 2].copy_from_slice(&side.to_le_bytes());
        }
    }
    gif
}

/// The left edge, top edge, width and height of the first frame.
fn first_frame(gif: &[u8]) -> Option<[u16; 4]> {
    let flags = *gif.get(10)?;
    let colors = if flags & 0x80 == 0 { 0 } else { 3 << (1 + (flags & 7)) };
    let mut rest = gif.get(13 + colors..)?;
    while let [0x21, _, blocks @ ..] = rest {
        rest = blocks;
        while let Some((&length, content)) = rest.split_first().filter(|(length, _)| **length > 0) {
            rest = content.get(usize::from(length)..)?;
        }
        rest = rest.get(1..)?; // the empty block at the end
    }
    let frame = rest.strip_prefix(&[0x2C])?.first_chunk::<8>()?;
    Some([0, 2, 4, 6].map(|place| u16::from_le_bytes([frame[place], frame[place + 1]])))
}
