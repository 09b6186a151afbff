//! A picture that has been read, and its crops.

use image::{DynamicImage, GenericImageView, RgbImage, RgbaImage, imageops::FilterType, metadata::Orientation};
use serde::{Deserialize, Serialize};

use super::{KEPT_SIDE, Photo, PhotoError, check_shape, read, with_channels};
#[cfg(doc)]
use super::{decode, open};

/// The mean level above which a drawing is too bright for a white background.
const BRIGHT: f64 = 215.0;

/// How far a crop may go beyond its picture because of rounding, in pixels.
const SLACK: f64 = 1e-6;

/// A picture file that has been read: upright, opaque, 8-bit. It can be cropped any number of times.
#[derive(Clone)]
pub struct Source {
    /// Grey or RGB. A very large picture is kept at a reduced size ([`KEPT_SIDE`]).
    picture: DynamicImage,
    width: u32,
    height: u32,
}

/// A square part of a picture, in pixels of the upright picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
pub struct Crop {
    /// Distance from the picture's left edge to the square's.
    pub left: f64,
    /// Distance from the picture's top edge to the square's.
    pub top: f64,
    /// Width and height of the square.
    pub side: f64,
}

impl Source {
    /// A picture that a browser has decoded and turned upright: RGBA values row by row, as from a canvas. `size`
    /// (width, height) is the size of these values; `whole` is the size in the file, which may be larger.
    ///
    /// # Errors
    ///
    /// [`PhotoError::Blank`], [`PhotoError::TooLarge`], [`PhotoError::TooSmall`], [`PhotoError::Length`].
    pub fn from_rgba(rgba: Vec<u8>, size: (u32, u32), whole: (u32, u32)) -> Result<Self, PhotoError> {
        read::check_size(size)?;
        read::check_size(whole)?;
        let (expected, found) = (4 * size.0 as usize * size.1 as usize, rgba.len());
        let picture = RgbaImage::from_raw(size.0, size.1, rgba).filter(|_| found == expected);
        Self::new(picture.ok_or(PhotoError::Length { expected, found })?.into(), whole, Orientation::NoTransforms)
    }

    /// A picture as it is stored in a file of that `size`, with the `turn` that makes it upright.
    pub(super) fn new(
        picture: DynamicImage,
        size @ (width, height): (u32, u32),
        turn: Orientation,
    ) -> Result<Self, PhotoError> {
        let mut picture = reduce(flatten(picture)?);
        picture.apply_orientation(turn); // last, since the picture is smaller then
        let (width, height) = if is_quarter_turn(turn) { (height, width) } else { size };
        Ok(Self { picture, width, height })
    }

    /// Width of the upright picture in the file, in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height of the upright picture in the file, in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The square around the centre whose side is this `share` of the shorter side, rounded to whole pixels. A share of
    /// 1 gives the square that [`decode`] crops for a square photo.
    pub fn centre(&self, share: f64) -> Crop {
        let shorter = self.width.min(self.height);
        let side = (share * f64::from(shorter)).round().clamp(1.0, shorter.into());
        let middle = |whole: u32| ((f64::from(whole) - side) / 2.0).floor();
        Crop { left: middle(self.width), top: middle(self.height), side }
    }

    /// The default square for a network with an input of `height`×`width` pixels: the `share` in the middle that the
    /// network was trained on. A picture that already has the input size is used whole: it has been cropped before, and
    /// perhaps attacked.
    pub fn default_crop(&self, share: f64, height: usize, width: usize) -> Crop {
        self.centre(if self.has_size(height, width) { 1.0 } else { share })
    }

    fn has_size(&self, height: usize, width: usize) -> bool {
        (self.height as usize, self.width as usize) == (height, width)
    }

    /// The whole picture in RGB, with a longer side of at most `side` pixels; never enlarged.
    pub fn preview(&self, side: u32) -> Photo {
        let (width, height) = self.picture.dimensions();
        let longer = u64::from(width.max(height));
        let side = u64::from(side).clamp(1, longer);
        let shrunk = |length: u32| ((u64::from(length) * side + longer / 2) / longer).max(1) as usize;
        self.resample([0, 0, width, height], 3, shrunk(height), shrunk(width))
    }

    /// The part `crop` as a photo of `channels`×`height`×`width`, resized with an antialiased bilinear filter, which
    /// does not overshoot at edges. Grey is luma as in Rec. 709. A photo that is not square shows the largest part with
    /// its proportions, centred in the square. If the picture already has the photo's size, the middle square means the
    /// whole picture.
    ///
    /// # Errors
    ///
    /// [`PhotoError::Outside`], [`PhotoError::Shape`].
    pub fn crop(&self, crop: Crop, channels: usize, height: usize, width: usize) -> Result<Photo, PhotoError> {
        check_shape(channels, height, width)?;
        let inside = |start: f64, whole: u32| start >= -SLACK && start + crop.side <= f64::from(whole) + SLACK;
        if !(crop.side > 0.0 && inside(crop.left, self.width) && inside(crop.top, self.height)) {
            return Err(PhotoError::Outside { width: self.width, height: self.height });
        }
        let middle = [crop.left, crop.top].map(|start| start + crop.side / 2.0);
        // The middle of a picture that has this size already is all of it.
        let is_whole = self.has_size(height, width) && crop == self.centre(1.0);
        let size = if is_whole { [self.width.into(), self.height.into()] } else { [crop.side; 2] };
        Ok(self.fit(middle, size, channels, height, width))
    }

    /// A photo of the largest part with the proportions of `height`×`width` inside a rectangle with this `middle` (x,
    /// y) and `size` (width, height).
    pub(super) fn fit(&self, middle: [f64; 2], size: [f64; 2], channels: usize, height: usize, width: usize) -> Photo {
        let ([w, h], [to_w, to_h]) = (size, [width as f64, height as f64]);
        let [w, h] = if w * to_h > h * to_w { [h * to_w / to_h, h] } else { [w, w * to_h / to_w] };
        let (kept_width, kept_height) = self.picture.dimensions();
        let (left, columns) = whole_pixels(middle[0], w, self.width, kept_width);
        let (top, rows) = whole_pixels(middle[1], h, self.height, kept_height);
        self.resample([left, top, columns, rows], channels, height, width)
    }

    /// The pixels `[left, top, width, height]` of the stored picture as a photo of `channels`×`height`×`width`.
    fn resample(&self, part: [u32; 4], channels: usize, height: usize, width: usize) -> Photo {
        let [left, top, columns, rows] = part;
        let mut picture = self.picture.crop_imm(left, top, columns, rows);
        if channels == 1 {
            picture = picture.into_luma8().into(); // before resizing: one channel is faster
        }
        picture = picture.resize_exact(width as u32, height as u32, FilterType::Triangle);
        Photo { channels, height, width, pixels: with_channels(picture, channels).into_bytes() }
    }
}

/// 8-bit grey or RGB, like the picture. Transparent parts get a background on which the drawing is visible.
pub(super) fn flatten(picture: DynamicImage) -> Result<DynamicImage, PhotoError> {
    if !picture.color().has_alpha() {
        return Ok(picture);
    }
    let channels = if picture.color().has_color() { 3 } else { 1 };
    let rgba = picture.into_rgba8();
    let background = background(&rgba).ok_or(PhotoError::Blank)?;
    let of = |level: u8, share: u8| u16::from(level) * u16::from(share);
    let mut rgb = RgbImage::new(rgba.width(), rgba.height());
    for (pixel, &image::Rgba([color @ .., alpha])) in rgb.pixels_mut().zip(rgba.pixels()) {
        let on_background = |level: u8| (of(level, alpha) + of(background, 255 - alpha) + 127) / 255;
        pixel.0 = color.map(|level| on_background(level) as u8);
    }
    Ok(with_channels(rgb.into(), channels))
}

/// The level of the background: white, or black if the drawing is nearly white. `None` if there is no drawing.
fn background(drawing: &RgbaImage) -> Option<u8> {
    let (mut light, mut weight) = (0, 0);
    for &image::Rgba([r, g, b, alpha]) in drawing.pixels() {
        light += (u64::from(r) + u64::from(g) + u64::from(b)) * u64::from(alpha);
        weight += u64::from(alpha);
    }
    let mean = light as f64 / (3 * weight) as f64;
    (weight > 0).then_some(if mean < BRIGHT { 255 } else { 0 })
}

/// Reduces a picture so that its shorter side is at most [`KEPT_SIDE`].
fn reduce(picture: DynamicImage) -> DynamicImage {
    let (width, height) = picture.dimensions();
    let factor = width.min(height).div_ceil(KEPT_SIDE);
    if factor <= 1 {
        return picture;
    }
    // Each new pixel is the mean of a square. A few pixels at the edges that fill no square are dropped.
    let [columns, rows] = [width, height].map(|side| side / factor);
    let (left, top) = (width % factor / 2, height % factor / 2);
    picture.crop_imm(left, top, columns * factor, rows * factor).thumbnail_exact(columns, rows)
}

/// The whole pixels nearest to a stretch of `length` around `middle`: the first one, and their number. Both are given
/// for the `whole` length, of which `kept` pixels are stored.
fn whole_pixels(middle: f64, length: f64, whole: u32, kept: u32) -> (u32, u32) {
    let scale = f64::from(kept) / f64::from(whole);
    let count = ((length * scale).round() as u32).clamp(1, kept); // does not depend on the place of the stretch
    let first = (middle * scale - f64::from(count) / 2.0 - 0.5).ceil() as u32; // `as` clamps
    (first.min(kept - count), count)
}

/// Whether an orientation exchanges width and height.
fn is_quarter_turn(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}
