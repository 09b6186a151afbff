//! Any file at all is a picture or a sentence: nothing panics, nothing overflows, nothing is read beyond its end.
#![no_main]

use decoy::photo::{self, Crop};
use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../src"]
mod decoy {
    pub mod photo;
}

/// Larger pictures are left out: they are as slow as they are large, and go the same ways through the decoders.
const MAX_PIXELS: u64 = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.to_vec();
    if bytes.starts_with(b"RIFF") && bytes.len() >= 12 {
        // A WebP that is not as long as it says is refused at once, as nearly all would be.
        let length = bytes.len() as u32 - 8;
        bytes[4..8].copy_from_slice(&length.to_le_bytes());
    }
    read(&bytes);
});

fn read(bytes: &[u8]) {
    if pixels(bytes).is_some_and(|pixels| pixels > MAX_PIXELS) {
        return;
    }
    let _ = photo::is_for_browser(bytes);
    let opened = photo::open(bytes);
    let decoded = photo::decode(bytes, 3, 9, 9);
    let source = match (opened, decoded) {
        (Ok(source), Ok(decoded)) => {
            assert_eq!(source.crop(source.centre(1.0), 3, 9, 9), Ok(decoded));
            source
        }
        (Err(error), decoded) => {
            assert!(error.to_string().ends_with('.'), "not a sentence: {error}");
            return assert_eq!(Err(error), decoded);
        }
        (Ok(_), Err(error)) => panic!("opened but not decoded: {error}"),
    };

    // Any square inside: which one, the last bytes say.
    let mut fractions = bytes.iter().rev().map(|&byte| f64::from(byte) / 255.0);
    let mut fraction = || fractions.next().unwrap_or_default();
    let side = f64::from(source.width().min(source.height())) * fraction().max(0.01);
    let left = (f64::from(source.width()) - side) * fraction();
    let top = (f64::from(source.height()) - side) * fraction();
    let cropped = source.crop(Crop { left, top, side }, 1, 7, 11).expect("the square lies inside");
    assert_eq!(cropped.pixels().len(), 7 * 11);

    let preview = source.preview(16);
    assert!(preview.width().max(preview.height()) <= 16);
    assert_eq!(preview.pixels().len(), 3 * preview.width() * preview.height());
}

/// How many pixels the file says it has.
fn pixels(bytes: &[u8]) -> Option<u64> {
    if bytes.starts_with(&[0xFF, 0xD8]) {
        let mut decoder = jpeg_decoder::Decoder::new(bytes);
        decoder.read_info().ok()?;
        return decoder.info().map(|info| u64::from(info.width) * u64::from(info.height));
    }
    let reader = image::ImageReader::new(std::io::Cursor::new(bytes)).with_guessed_format().ok()?;
    let (width, height) = reader.into_dimensions().ok()?;
    Some(u64::from(width) * u64::from(height))
}
