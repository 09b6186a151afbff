//! PNG files, including animated ones.

use std::io::Cursor;

use image::{AnimationDecoder, ImageResult, codecs::png::PngDecoder, metadata::Orientation};
use moxcms::{
    Chromaticity, CicpProfile, ColorPrimaries, ColorProfile, MatrixCoefficients, TransferCharacteristics, XyY,
    curve_from_gamma,
};
use png::{CodingIndependentCodePoints, Info, ScaledFloat, SourceChromaticities};

use super::{
    PhotoError, color,
    read::{MAX_MEMORY, StoredPicture, check_size, or_first_visible, still, turn, wrong},
};

const NAME: &str = "PNG";

/// The gamma of a screen, and the relative difference up to which a gamma alone still counts as sRGB.
const SCREEN_GAMMA: f32 = 2.2;
const SAME_GAMMA: f32 = 0.05;

/// Any other gamma is a mistake and is ignored, as by other programs.
const GAMMAS: std::ops::RangeInclusive<f32> = 0.000_16..=6250.0;

pub(super) fn read(bytes: &[u8]) -> Result<StoredPicture, PhotoError> {
    let damaged = || PhotoError::Damaged { format: NAME };
    // The decoder panics if the palette ends within a colour. In a browser a panic aborts and cannot be caught.
    if !palette_is_whole(bytes) {
        return Err(damaged());
    }
    let reader = header(bytes)?;
    let info = reader.info();
    let profile = profile(info)?;
    let decoder = || PngDecoder::new(Cursor::new(bytes));
    let still = still(decoder().map_err(|error| wrong(NAME, &error))?, NAME)?;
    let still = StoredPicture { profile, turn: turn(chunk(bytes, b"eXIf")), ..still };
    let frames = || -> ImageResult<_> { Ok(decoder()?.apng()?.into_frames()) };
    if info.animation_control.is_none() {
        Ok(still)
    } else if info.frame_control.is_some() {
        or_first_visible(still, frames)
    } else {
        // The still picture is a placeholder for programs without animations, and not part of the animation.
        let first = frames().map_err(|error| wrong(NAME, &error))?.next().ok_or_else(damaged)?;
        let picture = first.map_err(|error| wrong(NAME, &error))?.into_buffer().into();
        or_first_visible(StoredPicture { picture, ..still }, frames)
    }
}

/// False if EXIF asks for a turn: some browsers ignore it.
pub(super) fn is_for_browser(bytes: &[u8]) -> Result<bool, PhotoError> {
    match header(bytes) {
        Ok(_) => Ok(turn(chunk(bytes, b"eXIf")) == Orientation::NoTransforms),
        Err(PhotoError::Damaged { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Reads everything before the first pixel.
fn header(bytes: &[u8]) -> Result<png::Reader<Cursor<&[u8]>>, PhotoError> {
    let damaged = |_| PhotoError::Damaged { format: NAME };
    let limits = png::Limits { bytes: MAX_MEMORY as usize };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    check_size(decoder.read_header_info().map_err(damaged)?.size())?;
    decoder.read_info().map_err(damaged)
}

/// The colour profile, if it is not sRGB. If the file has several, the one that browsers prefer.
fn profile(info: &Info) -> Result<Option<ColorProfile>, PhotoError> {
    if let Some(points) = info.coding_independent_code_points {
        return code_points(points);
    }
    if let Some(icc) = &info.icc_profile {
        return Ok(color::profile(icc));
    }
    if info.srgb.is_some() {
        return Ok(None);
    }
    let gamma = info.gama_chunk.map(ScaledFloat::into_value).filter(|gamma| GAMMAS.contains(gamma));
    let Some(gamma) = gamma else { return Ok(None) };
    let chromaticities = info.chrm_chunk.filter(span_a_triangle);
    if chromaticities.is_none() && (gamma * SCREEN_GAMMA - 1.0).abs() <= SAME_GAMMA {
        return Ok(None);
    }
    let curve = curve_from_gamma(1.0 / gamma);
    let mut profile = ColorProfile::new_srgb();
    profile.cicp = None;
    profile.red_trc = Some(curve.clone());
    profile.green_trc = Some(curve.clone());
    profile.blue_trc = Some(curve);
    if let Some(SourceChromaticities { white, red, green, blue }) = chromaticities {
        let at = |(x, y): (ScaledFloat, ScaledFloat)| Chromaticity::new(x.into_value(), y.into_value());
        let white = at(white);
        let primaries = ColorPrimaries { red: at(red), green: at(green), blue: at(blue) };
        profile.update_rgb_colorimetry(XyY { x: white.x.into(), y: white.y.into(), yb: 1.0 }, primaries);
    }
    Ok(Some(profile))
}

/// Whether the primaries are three colours, and the white has a brightness; else they are a mistake.
fn span_a_triangle(points: &SourceChromaticities) -> bool {
    let [red, green, blue, white] =
        [points.red, points.green, points.blue, points.white].map(|(x, y)| (x.into_value(), y.into_value()));
    let area = (green.0 - red.0) * (blue.1 - red.1) - (blue.0 - red.0) * (green.1 - red.1);
    area.abs() > 1e-4 && white.1 > 0.0
}

/// A profile from the code points of a video's colours. HDR is refused: 8-bit sRGB has no levels for it.
fn code_points(points: CodingIndependentCodePoints) -> Result<Option<ColorProfile>, PhotoError> {
    use TransferCharacteristics::{Bt601, Bt709, Bt202010bit, Bt202012bit, Hlg, Smpte2084, Srgb};

    let transfer = TransferCharacteristics::try_from(points.transfer_function);
    if matches!(transfer, Ok(Smpte2084 | Hlg)) {
        return Err(PhotoError::UnsupportedFormat { format: format!("{NAME} with HDR colours") });
    }
    let (Ok(color_primaries), Ok(transfer)) = (points.color_primaries.try_into(), transfer) else { return Ok(None) };
    // Browsers show video transfer curves as sRGB.
    let transfer_characteristics = match transfer {
        Bt709 | Bt601 | Bt202010bit | Bt202012bit => Srgb,
        other => other,
    };
    let profile = ColorProfile::new_from_cicp(CicpProfile {
        color_primaries,
        transfer_characteristics,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    });
    Ok(profile.red_trc.is_some().then_some(profile)) // without a curve the code gives no profile
}

/// Whether the palette, if there is one, is a whole number of colours.
fn palette_is_whole(bytes: &[u8]) -> bool {
    chunk(bytes, b"PLTE").is_none_or(|palette| palette.len().is_multiple_of(3))
}

/// The content of the first chunk of this kind, which may stand before or behind the pixels.
fn chunk<'a>(bytes: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    let mut chunks = bytes.get(8..).unwrap_or_default();
    while let Some(([l0, l1, l2, l3, kind @ ..], rest)) = chunks.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([*l0, *l1, *l2, *l3]) as usize;
        if kind == wanted {
            return rest.get(..length);
        }
        chunks = rest.get(length.saturating_add(4)..).unwrap_or_default(); // after the checksum
    }
    None
}
