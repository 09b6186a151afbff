//! From the bytes of a file to a picture, not yet turned upright, in sRGB.

use std::hint::black_box;

use image::{DynamicImage, Frames, ImageDecoder, ImageError, ImageFormat, ImageResult, Limits, metadata::Orientation};
use moxcms::ColorProfile;

use super::{MAX_BYTES, MAX_PIXELS, MAX_SIDE, MIN_SIDE, PhotoError, bmp, color, gif, jpeg, png, webp};

/// The most memory that a decoder may use besides the picture itself, in bytes.
pub(super) const MAX_MEMORY: u64 = 512 << 20;

/// The number of pixels of blank frames after which the search for a visible frame stops.
const EMPTY_PIXELS: u64 = 200_000_000;

/// A picture as it is stored in its file, not yet turned upright.
pub(super) struct StoredPicture {
    /// Grey or RGB with 8 bits, possibly with alpha. It may have been decoded at a smaller size than `size`.
    pub picture: DynamicImage,
    /// Width and height that the file states.
    pub size: (u32, u32),
    /// The turn that makes it upright.
    pub turn: Orientation,
    /// The colour profile, if it is not sRGB.
    pub profile: Option<ColorProfile>,
}

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

/// Checks that a picture has a supported size.
pub(super) fn check_size((width, height): (u32, u32)) -> Result<(), PhotoError> {
    if width.max(height) > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(PhotoError::TooLarge { width, height });
    }
    if width.min(height) < MIN_SIDE {
        return Err(PhotoError::TooSmall { width, height });
    }
    Ok(())
}

/// Checks that there is memory for `bytes` more, for a picture of this size. In a browser there is little, and a failed
/// allocation would end the whole module.
pub(super) fn check_memory(bytes: u64, (width, height): (u32, u32)) -> Result<(), PhotoError> {
    let there_is = |bytes: usize| black_box(Vec::<u8>::new()).try_reserve_exact(bytes).is_ok();
    match usize::try_from(bytes) {
        Ok(bytes) if there_is(bytes) => Ok(()),
        _ => Err(PhotoError::Memory { width, height }),
    }
}

/// Decodes a picture with a decoder of the image library.
pub(super) fn still(mut decoder: impl ImageDecoder, name: &'static str) -> Result<StoredPicture, PhotoError> {
    let mut limits = Limits::no_limits(); // the sides are checked below, with our own messages
    limits.max_alloc = Some(MAX_MEMORY);
    decoder.set_limits(limits).map_err(|error| wrong(name, &error))?;
    let size = decoder.dimensions();
    check_size(size)?;
    check_memory(2 * decoder.total_bytes(), size)?;
    let turn = turn(decoder.exif_metadata().ok().flatten().as_deref());
    let profile = decoder.icc_profile().ok().flatten().and_then(|icc| color::profile(&icc));
    let picture = DynamicImage::from_decoder(decoder).map_err(|error| wrong(name, &error))?;
    Ok(StoredPicture { picture: color::eight_bit(picture), size, turn, profile })
}

/// `still`, or if that is blank, the first of `frames` that is not.
pub(super) fn or_first_visible<'a>(
    still: StoredPicture,
    frames: impl FnOnce() -> ImageResult<Frames<'a>>,
) -> Result<StoredPicture, PhotoError> {
    if !is_blank(&still.picture) {
        return Ok(still);
    }
    let (width, height) = still.size;
    check_memory(4 * 4 * u64::from(width) * u64::from(height), still.size)?;
    let most_frames = (EMPTY_PIXELS / (u64::from(width) * u64::from(height))).clamp(1, 100);
    let pictures = frames().into_iter().flatten().take(most_frames as usize).map_while(Result::ok);
    let shown = pictures.map(|frame| frame.into_buffer().into()).find(|picture| !is_blank(picture));
    Ok(StoredPicture { picture: shown.unwrap_or(still.picture), ..still })
}

/// Whether a picture is transparent everywhere.
pub(super) fn is_blank(picture: &DynamicImage) -> bool {
    match picture {
        DynamicImage::ImageRgba8(picture) => picture.pixels().all(|pixel| pixel.0[3] == 0),
        DynamicImage::ImageLumaA8(picture) => picture.pixels().all(|pixel| pixel.0[1] == 0),
        _ => false,
    }
}

/// The turn that EXIF asks for. In some files the EXIF data has the prefix that JPEG uses.
pub(super) fn turn(exif: Option<&[u8]>) -> Orientation {
    let exif = exif.unwrap_or_default();
    Orientation::from_exif_chunk(exif.strip_prefix(b"Exif\0\0").unwrap_or(exif)).unwrap_or(Orientation::NoTransforms)
}

/// The error for users, from an error of the image library.
pub(super) fn wrong(name: &'static str, error: &ImageError) -> PhotoError {
    match error {
        ImageError::Unsupported(_) => PhotoError::UnsupportedFormat { format: format!("{name} of this kind") },
        _ => PhotoError::Damaged { format: name },
    }
}
