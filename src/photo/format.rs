//! The format of a picture file, recognised by its first bytes, and its reader.

use image::ImageFormat;

use super::read::StoredPicture;
use super::{MAX_BYTES, PhotoError, bmp, color, gif, jpeg, png, webp};

/// Reads a file of any supported format and converts its colours to sRGB.
pub(super) fn read(bytes: &[u8]) -> Result<StoredPicture, PhotoError> {
    let stored = match format(bytes)? {
        ImageFormat::Jpeg => jpeg::read(bytes),
        ImageFormat::Png => png::read(bytes),
        ImageFormat::WebP => webp::read(bytes),
        ImageFormat::Gif => gif::read(bytes),
        _ => bmp::read(bytes),
    }?;
    Ok(StoredPicture { picture: color::to_srgb(stored.picture, stored.profile.as_ref()), profile: None, ..stored })
}

/// Whether the browser should decode this file. Unknown formats are left to the browser.
pub(super) fn is_for_browser(bytes: &[u8]) -> Result<bool, PhotoError> {
    match format(bytes) {
        Ok(ImageFormat::Jpeg) => jpeg::is_for_browser(bytes),
        Ok(ImageFormat::Png) => png::is_for_browser(bytes),
        Ok(ImageFormat::WebP) => webp::is_for_browser(bytes),
        Ok(ImageFormat::Gif) => gif::is_for_browser(bytes),
        Ok(_) => bmp::is_for_browser(bytes),
        Err(error @ (PhotoError::Empty | PhotoError::TooManyBytes { .. })) => Err(error),
        Err(_) => Ok(true),
    }
}

/// The format of a file, if it is supported.
fn format(bytes: &[u8]) -> Result<ImageFormat, PhotoError> {
    use ImageFormat::{Bmp, Gif, Jpeg, Png, WebP};

    if bytes.is_empty() {
        return Err(PhotoError::Empty);
    }
    if bytes.len() > MAX_BYTES {
        return Err(PhotoError::TooManyBytes { found: bytes.len(), limit: MAX_BYTES });
    }
    match image::guess_format(bytes) {
        Ok(format @ (Png | Jpeg | WebP | Gif | Bmp)) => Ok(format),
        _ => Err(recognise(bytes)),
    }
}

/// The error for an unsupported file: says what it is, from its first bytes.
fn recognise(bytes: &[u8]) -> PhotoError {
    let unsupported = |format: &str| PhotoError::UnsupportedFormat { format: format.into() };
    let not_a_picture = |what| PhotoError::NotAPicture { what };
    let start = &bytes[..bytes.len().min(1024)];
    match start {
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand {
            [b'h', b'e', ..] | [b'm' | b's', b'i' | b's', b'f', b'1', ..] => unsupported("HEIC"),
            [b'a', b'v', b'i', b'f' | b's', ..] => unsupported("AVIF"),
            [b'c', b'r', b'x', b' ', ..] => unsupported("CR3 (a camera’s raw picture)"),
            _ => not_a_picture("a video"),
        },
        [b'I', b'I', b'*', 0, _, _, _, _, b'C', b'R', ..]
        | [b'I', b'I', b'U' | b'R', ..]
        | [b'M', b'M', b'O', b'R', ..]
        | [b'F', b'U', b'J', b'I', b'F', b'I', b'L', b'M', ..]
        | [b'F', b'O', b'V', b'b', ..]
        | [0, b'M', b'R', b'M', ..] => unsupported("of a camera’s raw pictures"),
        [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => unsupported("TIFF (or a camera’s raw picture)"),
        [0, 0, 1, 0, ..] => unsupported("ICO"),
        [0xFF, 0x0A, ..] | [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] => unsupported("JPEG XL"),
        [0, 0, 0, 12, b'j', b'P', b' ', b' ', ..] => unsupported("JPEG 2000"),
        [b'8', b'B', b'P', b'S', ..] => unsupported("Photoshop"),
        [b'%', b'P', b'D', b'F', ..] => not_a_picture("a PDF document"),
        [b'P', b'K', 3, 4, ..] => not_a_picture("a zip archive or an office document"),
        _ if start.iter().any(|&byte| byte < b' ' && !byte.is_ascii_whitespace()) => {
            not_a_picture("not a picture that is known here")
        }
        _ => {
            let text = String::from_utf8_lossy(start).to_lowercase();
            if text.contains("<svg") {
                not_a_picture("an SVG drawing")
            } else if text.contains("<html") {
                not_a_picture("a web page")
            } else {
                not_a_picture("plain text")
            }
        }
    }
}
