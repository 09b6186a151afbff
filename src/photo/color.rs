//! Converts the colours of a picture from its colour profile to sRGB.

use image::{DynamicImage, ImageBuffer, Pixel};
use moxcms::{ColorProfile, DataColorSpace, Layout, Transform8BitExecutor, TransformOptions};

/// Pixels converted at once.
const CHUNK: usize = 4096;

/// A profile whose levels differ from sRGB by at most this much counts as sRGB: it is a rounding difference.
const SAME: u8 = 1;

/// The profile in a file. `None` if it cannot be read: browsers ignore such a profile too.
pub(super) fn profile(icc: &[u8]) -> Option<ColorProfile> {
    ColorProfile::new_from_slice(icc).ok()
}

/// Converts to 8 bits: grey or RGB, with alpha if the picture has it.
pub(super) fn eight_bit(picture: DynamicImage) -> DynamicImage {
    match (picture.color().has_color(), picture.color().has_alpha()) {
        (true, true) => picture.into_rgba8().into(),
        (true, false) => picture.into_rgb8().into(),
        (false, true) => picture.into_luma_alpha8().into(),
        (false, false) => picture.into_luma8().into(),
    }
}

/// Converts an 8-bit picture to sRGB, if its profile is another one.
pub(super) fn to_srgb(mut picture: DynamicImage, profile: Option<&ColorProfile>) -> DynamicImage {
    let Some(profile) = profile else { return picture };
    let is_rgb = profile.color_space == DataColorSpace::Rgb;
    match &mut picture {
        DynamicImage::ImageRgb8(pixels) if is_rgb => convert(pixels, profile, Layout::Rgb),
        DynamicImage::ImageRgba8(pixels) if is_rgb => convert(pixels, profile, Layout::Rgba),
        DynamicImage::ImageLuma8(pixels) => look_up(pixels, profile),
        DynamicImage::ImageLumaA8(pixels) => look_up(pixels, profile),
        _ => {}
    }
    picture
}

/// CMYK values (255 is full ink) as RGB. Without a profile for CMYK, inks are treated as ideal filters.
pub(super) fn inks_to_rgb(inks: &[u8], profile: Option<&ColorProfile>) -> Vec<u8> {
    if let Some(transform) = profile
        .filter(|profile| profile.color_space == DataColorSpace::Cmyk)
        .and_then(|profile| transform(profile, Layout::Rgba, Layout::Rgb))
    {
        let mut rgb = vec![0; inks.len() / 4 * 3];
        let chunks = inks.chunks(4 * CHUNK).zip(rgb.chunks_mut(3 * CHUNK));
        if chunks.map(|(inks, rgb)| transform.transform(inks, rgb)).all(|done| done.is_ok()) {
            return rgb;
        }
    }
    let light = |ink: u8, black: u8| ((u16::from(255 - ink) * u16::from(255 - black) + 127) / 255) as u8;
    inks.chunks_exact(4).flat_map(|ink| [0, 1, 2].map(|i| light(ink[i], ink[3]))).collect()
}

fn transform(profile: &ColorProfile, from: Layout, to: Layout) -> Option<std::sync::Arc<Transform8BitExecutor>> {
    profile.create_transform_8bit(from, &ColorProfile::new_srgb(), to, TransformOptions::default()).ok()
}

fn convert<P: Pixel<Subpixel = u8>>(pixels: &mut ImageBuffer<P, Vec<u8>>, profile: &ColorProfile, layout: Layout) {
    let Some(transform) = transform(profile, layout, layout) else { return };
    let channels = usize::from(P::CHANNEL_COUNT);

    // Most profiles are sRGB. Such pictures are left unchanged.
    let levels = || (0..=255).step_by(51);
    let colors = levels().flat_map(|r| levels().flat_map(move |g| levels().map(move |b| [r, g, b, 255])));
    let colors: Vec<u8> = colors.flat_map(|color| color.into_iter().take(channels)).collect();
    let mut converted = vec![0; colors.len()];
    let same = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= SAME;
    if transform.transform(&colors, &mut converted).is_err() || colors.iter().zip(&converted).all(same) {
        return;
    }
    let mut before = Vec::new();
    for chunk in pixels.chunks_mut(channels * CHUNK) {
        before.clear();
        before.extend_from_slice(chunk);
        transform.transform(&before, chunk).expect("it has converted colours before");
    }
}

/// Grey has only 256 levels, so a table converts them.
fn look_up<P: Pixel<Subpixel = u8>>(pixels: &mut ImageBuffer<P, Vec<u8>>, profile: &ColorProfile) {
    let levels: Vec<u8> = (0..=255).collect();
    let (levels, layout) = match profile.color_space {
        DataColorSpace::Gray => (levels, Layout::Gray),
        DataColorSpace::Rgb => (levels.into_iter().flat_map(|level| [level; 3]).collect(), Layout::Rgb),
        _ => return,
    };
    let Some(transform) = transform(profile, layout, Layout::Rgb) else { return };
    let mut converted = vec![0; 256 * 3];
    if transform.transform(&levels, &mut converted).is_err() {
        return;
    }
    let green = |level: u8| converted[3 * usize::from(level) + 1];
    if (0..=255).all(|level| green(level).abs_diff(level) <= SAME) {
        return;
    }
    for pixel in pixels.pixels_mut() {
        pixel.channels_mut()[0] = green(pixel.channels()[0]);
    }
}
