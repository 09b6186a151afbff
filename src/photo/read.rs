//! What the readers of all formats share.

use std::hint::black_box;

use image::{DynamicImage, Frames, ImageDecoder, ImageError, ImageResult, Limits, metadata::Orientation};
use moxcms::ColorProfile;

use super::{MAX_PIXELS, MAX_SIDE, MIN_SIDE, PhotoError, color};

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
