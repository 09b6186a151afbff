//! Pictures as a network sees them: reads picture files, gives 8-bit pixels at the network's input size, and writes
//! PNG.
//!
//! [`open`] reads a file once and gives a [`Source`], from which any square can be cropped, any number of times.
//! [`decode`] does both at once, for the largest part around the centre with the photo's proportions. In a browser,
//! [`is_for_browser`] says whether the browser reads a file better, and [`Source::from_rgba`] takes the pixels that the
//! browser has decoded.
//!
//! A file is recognised by its content, not by its name, and must be within the limits [`MAX_BYTES`], [`MAX_PIXELS`],
//! [`MIN_SIDE`] and [`MAX_SIDE`]. Pictures can come from anywhere, so every problem is a [`PhotoError`], a sentence
//! that tells the user what to do.

mod bmp;
mod color;
mod error;
mod format;
mod gif;
mod jpeg;
mod png;
mod read;
mod source;
#[cfg(test)]
mod tests;
mod webp;

use burn::tensor::{Device, Tensor, TensorData};
use image::{DynamicImage, ExtendedColorType, ImageEncoder, RgbaImage, codecs::png::PngEncoder};

use read::StoredPicture;

pub use error::PhotoError;
use source::flatten;
pub use source::{Crop, Source};

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 64 << 20;

/// The most pixels of a picture that is read: as many as the best phone cameras make.
pub const MAX_PIXELS: u64 = 220_000_000;

/// The longest side of a picture that is read, in pixels: the limit of JPEG.
pub const MAX_SIDE: u32 = 65_535;

/// The shortest side of a picture that is read, in pixels: a single pixel shows nothing.
pub const MIN_SIDE: u32 = 2;

/// The longest shorter side that a [`Source`] keeps, in pixels: many times a network's input, and still fast to crop.
const KEPT_SIDE: u32 = 2048;

/// An 8-bit image at the network's input size, grey (one channel) or RGB (three).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Photo {
    channels: usize,
    height: usize,
    width: usize,
    pixels: Vec<u8>,
}

/// Reads a PNG, JPEG, WebP, GIF or BMP file. Of an animation it takes the first frame that is not blank.
///
/// The picture is turned upright (EXIF), and its colours are converted to sRGB. Transparent parts become white, or
/// black if the drawing itself is nearly white. 16 bits become 8.
///
/// # Errors
///
/// All errors of [`PhotoError`] except [`PhotoError::Outside`], [`PhotoError::Shape`] and [`PhotoError::Length`].
pub fn open(bytes: &[u8]) -> Result<Source, PhotoError> {
    let StoredPicture { picture, size, turn, .. } = format::read(bytes)?;
    Source::new(picture, size, turn)
}

/// Whether the browser, if there is one, should decode this file instead of [`open`]. This is nearly always so. But
/// browsers do not turn every picture as EXIF asks, and lack memory for large ones.
///
/// # Errors
///
/// [`PhotoError::Empty`], [`PhotoError::TooManyBytes`], [`PhotoError::TooLarge`], [`PhotoError::TooSmall`], and
/// [`PhotoError::Damaged`] for an incomplete JPEG: a browser would show it, with the missing part in grey.
pub fn is_for_browser(bytes: &[u8]) -> Result<bool, PhotoError> {
    format::is_for_browser(bytes)
}

/// Reads a picture file as [`open`] does, crops the largest part around its centre with the proportions of
/// `height`×`width`, and resizes it to a photo of that shape as [`Source::crop`] does.
///
/// A picture that already has this size is copied pixel by pixel, so a photo saved with [`Photo::png`] is read back
/// unchanged.
///
/// # Errors
///
/// All errors of [`PhotoError`] except [`PhotoError::Outside`] and [`PhotoError::Length`].
pub fn decode(bytes: &[u8], channels: usize, height: usize, width: usize) -> Result<Photo, PhotoError> {
    check_shape(channels, height, width)?;
    let source = open(bytes)?;
    let (whole_width, whole_height) = (f64::from(source.width()), f64::from(source.height()));
    Ok(source.fit([whole_width / 2.0, whole_height / 2.0], [whole_width, whole_height], channels, height, width))
}

/// The pixels of photos of one size, `[N, C, H, W]`, in \[0, 1\], on `device`.
///
/// # Panics
///
/// If there is no photo, or if they differ in size.
pub fn batch(photos: &[Photo], device: &Device) -> Tensor<4> {
    let &Photo { channels, height, width, .. } = photos.first().expect("a batch has a photo");
    assert!(
        photos.iter().all(|photo| (photo.height, photo.width) == (height, width)),
        "photos of a batch have one size"
    );
    let values = photos.iter().flat_map(Photo::to_unit).collect::<Vec<_>>();
    Tensor::from_data(TensorData::new(values, [photos.len(), channels, height, width]), device)
}

impl Photo {
    /// A photo from RGBA values, row by row, as from a canvas. Transparent parts are filled as in [`open`].
    ///
    /// # Errors
    ///
    /// [`PhotoError::Shape`], [`PhotoError::Length`], [`PhotoError::Blank`].
    pub fn from_rgba(rgba: &[u8], channels: usize, height: usize, width: usize) -> Result<Self, PhotoError> {
        check_shape(channels, height, width)?;
        let picture = RgbaImage::from_raw(width as u32, height as u32, rgba.to_vec())
            .filter(|_| rgba.len() == height * width * 4)
            .ok_or(PhotoError::Length { expected: height * width * 4, found: rgba.len() })?;
        Ok(Photo { channels, height, width, pixels: with_channels(flatten(picture.into())?, channels).into_bytes() })
    }

    /// A photo from values in \[0, 1\], shape \[C, H, W\], each rounded to the nearest of the 256 levels. Values
    /// outside are clamped; NaN becomes 0.
    ///
    /// # Errors
    ///
    /// [`PhotoError::Shape`], [`PhotoError::Length`].
    pub fn from_unit(values: &[f32], channels: usize, height: usize, width: usize) -> Result<Self, PhotoError> {
        check_shape(channels, height, width)?;
        let area = height * width;
        if values.len() != channels * area {
            return Err(PhotoError::Length { expected: channels * area, found: values.len() });
        }
        let level = |value: f32| (value * 255.0).round() as u8; // `as` clamps
        let pixels = (0..area * channels).map(|i| level(values[i % channels * area + i / channels])).collect();
        Ok(Photo { channels, height, width, pixels })
    }

    /// The change from `before` to `after`, values of shape \[C, H, W\], around middle grey, and the factor by which it
    /// is amplified: four times its root mean square fills the range of the greys. Larger values are clipped.
    ///
    /// # Errors
    ///
    /// [`PhotoError::Shape`], [`PhotoError::Length`].
    pub fn difference(
        before: &[f32],
        after: &[f32],
        [channels, height, width]: [usize; 3],
    ) -> Result<(Self, f64), PhotoError> {
        let changes: Vec<f32> = after.iter().zip(before).map(|(after, before)| after - before).collect();
        let mean_square = changes.iter().map(|&change| f64::from(change).powi(2)).sum::<f64>() / changes.len() as f64;
        let factor = (0.125 / mean_square.sqrt().max(1e-4)).floor().max(1.0);
        let greys: Vec<f32> = changes.iter().map(|change| 0.5 + change * factor as f32).collect();
        Ok((Self::from_unit(&greys, channels, height, width)?, factor))
    }

    /// The levels divided by 255: values in \[0, 1\], shape \[C, H, W\].
    pub fn to_unit(&self) -> Vec<f32> {
        self.levels().into_iter().map(|level| f32::from(level) / 255.0).collect()
    }

    /// The levels, from 0 to 255, shape \[C, H, W\].
    pub fn levels(&self) -> Vec<u8> {
        let area = self.height * self.width;
        (0..area * self.channels).map(|i| self.pixels[i % area * self.channels + i / area]).collect()
    }

    /// Opaque RGBA values, row by row, as for a canvas.
    pub fn rgba(&self) -> Vec<u8> {
        let rgba = |pixel: &[u8]| [pixel[0], pixel[self.channels / 2], pixel[self.channels - 1], 255];
        self.pixels.chunks_exact(self.channels).flat_map(rgba).collect()
    }

    /// The photo as a PNG file, lossless, 8-bit grey or RGB.
    pub fn png(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let color = if self.channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
        PngEncoder::new(&mut bytes)
            .write_image(&self.pixels, self.width as u32, self.height as u32, color)
            .expect("the shape is checked, and memory takes every byte");
        bytes
    }

    /// 1 for grey, 3 for RGB.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The pixels, row by row, with the channels of each pixel together.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }
}

fn check_shape(channels: usize, height: usize, width: usize) -> Result<(), PhotoError> {
    let sides = 1..=MAX_SIDE as usize;
    if matches!(channels, 1 | 3) && sides.contains(&height) && sides.contains(&width) {
        Ok(())
    } else {
        Err(PhotoError::Shape { channels, height, width })
    }
}

fn with_channels(picture: DynamicImage, channels: usize) -> DynamicImage {
    if channels == 1 { picture.into_luma8().into() } else { picture.into_rgb8().into() }
}
