//! JPEG files.

use std::io::Read;

use image::{DynamicImage, GrayImage, RgbImage};
use jpeg_decoder::{CodingProcess, ColorTransform, Decoder, Error, ImageInfo, PixelFormat, UnsupportedFeature};

use super::{
    KEPT_SIDE, PhotoError, color,
    read::{StoredPicture, check_memory, check_size, turn},
};

const NAME: &str = "JPEG";

/// The most pixels of a picture that is left to the browser: a browser decodes at full size, and phones have little
/// memory.
const BROWSER_PIXELS: u64 = 50_000_000;

/// The most pixels in all scans of a picture together. Each scan takes about as long as a picture with a single scan.
/// Cameras write one scan, other programs about ten.
const MAX_SCANNED: u64 = 20 * 50_000_000;

/// Read after the end of the picture: bits of value 1, which are not a valid code. So an incomplete picture gives an
/// error, and the decoder has nothing else to look ahead into.
const TRAILER: [u8; 66] = {
    let mut ones = [0; 66];
    let mut i = 0;
    while i < 64 {
        ones[i] = 0xFF;
        i += 2;
    }
    ones[64] = 0xFF;
    ones[65] = 0xD9;
    ones
};

pub(super) fn read(bytes: &[u8]) -> Result<StoredPicture, PhotoError> {
    let outline = Outline::of(bytes);
    let mut decoder = Decoder::new(outline.picture.chain(&TRAILER[..]));
    decoder.read_info().map_err(wrong)?;
    let info = decoder.info().ok_or(PhotoError::Damaged { format: NAME })?;
    let size @ (width, height) = (info.width.into(), info.height.into());
    check_size(size)?;
    let pixels = u64::from(width) * u64::from(height);
    if info.coding_process == CodingProcess::Lossless {
        return Err(PhotoError::UnsupportedFormat { format: format!("lossless {NAME}") });
    }
    if outline.scans as u64 * pixels > MAX_SCANNED || outline.is_incomplete() {
        return Err(PhotoError::Damaged { format: NAME });
    }

    // Pictures that would be reduced anyway are decoded smaller: to a half, a quarter or an eighth.
    let halvings = (width.min(height).div_ceil(KEPT_SIDE)).ilog2().min(3);
    let smaller = |side: u16| side.div_ceil(1 << halvings);
    check_memory(memory(&info, halvings), size)?;
    decoder.scale(smaller(info.width), smaller(info.height)).map_err(wrong)?;
    decoder.set_color_transform(outline.colors());
    let samples = decoder.decode().map_err(wrong)?;

    let (columns, rows) = decoder.info().map(|info| (info.width.into(), info.height.into())).unwrap_or_default();
    let profile = decoder.icc_profile().and_then(|icc| color::profile(&icc));
    let (picture, profile) = match info.pixel_format {
        PixelFormat::L8 => (GrayImage::from_raw(columns, rows, samples).map(DynamicImage::from), profile),
        PixelFormat::CMYK32 => {
            let rgb = color::inks_to_rgb(&samples, profile.as_ref());
            (RgbImage::from_raw(columns, rows, rgb).map(DynamicImage::from), None)
        }
        _ => (RgbImage::from_raw(columns, rows, samples).map(DynamicImage::from), profile),
    };
    let picture = picture.ok_or(PhotoError::Damaged { format: NAME })?;
    Ok(StoredPicture { picture, size, turn: turn(outline.exif), profile })
}

/// Browsers show an incomplete picture as if it were complete, so such a file is refused first. Large pictures are not
/// for the browser, since they are decoded at a smaller size here, except progressive ones, for which this saves no
/// memory.
pub(super) fn is_for_browser(bytes: &[u8]) -> Result<bool, PhotoError> {
    let outline = Outline::of(bytes);
    let mut rest = outline.picture.chain(&TRAILER[..]);
    let mut decoder = Decoder::new(&mut rest);
    let Some(info) = decoder.read_info().ok().and_then(|()| decoder.info()) else { return Ok(true) };
    let size @ (width, height) = (info.width.into(), info.height.into());
    check_size(size)?;
    if outline.is_incomplete() {
        return Err(PhotoError::Damaged { format: NAME });
    }
    let pixels = u64::from(width) * u64::from(height);
    if pixels > BROWSER_PIXELS && info.coding_process != CodingProcess::DctProgressive {
        return Ok(false);
    }
    let is_soon_read = outline.scans as u64 * pixels <= MAX_SCANNED && check_memory(memory(&info, 3), size).is_ok();
    if is_soon_read && decoder.scale(1, 1).is_ok() {
        let is_whole = decoder.decode().is_ok();
        drop(decoder);
        if !is_whole && rest.get_ref().0.is_empty() {
            return Err(PhotoError::Damaged { format: NAME });
        }
    }
    Ok(true)
}

/// The memory that a picture needs, in bytes: its channels separately and together and, if it is progressive, all
/// coefficients.
fn memory(info: &ImageInfo, halvings: u32) -> u64 {
    let values = u64::from(info.width) * u64::from(info.height) * info.pixel_format.pixel_bytes() as u64;
    let coefficients = if info.coding_process == CodingProcess::DctProgressive { 2 * values } else { 0 };
    3 * (values >> (2 * halvings)) + coefficients
}

/// What the decoder does not report, or not as browsers interpret it.
#[derive(Default)]
struct Outline<'a> {
    /// The file up to the end of the picture. Some phones omit the end mark and write other data after the picture;
    /// other programs append a second picture.
    picture: &'a [u8],
    scans: usize,
    /// The first EXIF segment. An editor that has turned the picture upright may leave the camera's segment after its
    /// own.
    exif: Option<&'a [u8]>,
    is_jfif: bool,
    /// Adobe's code for the colour space.
    adobe: Option<u8>,
    /// The identifiers of the colour components, one byte each.
    components: Vec<u8>,
    /// If the picture is progressive: for each component and coefficient, the lowest bit that the scans have.
    lowest_bits: Option<Vec<[u8; 64]>>,
    /// Whether the end mark was found.
    is_ended: bool,
}

/// No scan has the coefficient.
const MISSING: u8 = u8::MAX;

impl<'a> Outline<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        let mut outline = Self::default();
        let mut at = 2;
        let mut in_one_scan = false;
        while let Some(rest @ [first, kind, ..]) = bytes.get(at..) {
            match (*first, *kind) {
                (0xFF, 0xFF) => at += 1,
                (0xFF, 0xD9) => {
                    outline.is_ended = true;
                    break;
                }
                (0xFF, kind) if outline.scans == 0 || may_follow_a_scan(kind) => {
                    let Some(&[high, low]) = rest.get(2..4).and_then(|length| length.first_chunk()) else { break };
                    let length = usize::from(u16::from_be_bytes([high, low]));
                    let content = rest.get(4..2 + length).unwrap_or_default();
                    at += 2 + length;
                    outline.add(kind, content);
                    if matches!(kind, 0xC0 | 0xC1) {
                        in_one_scan = true;
                    }
                    if kind == 0xDA {
                        at += end_of_scan(bytes.get(at..).unwrap_or_default());
                        if in_one_scan && content.first() == Some(&(outline.components.len() as u8)) {
                            break;
                        }
                    }
                }
                _ if outline.scans == 0 => at += 1,
                _ => break,
            }
        }
        outline.picture = &bytes[..at.min(bytes.len())];
        outline
    }

    /// Records a segment before or between scans.
    fn add(&mut self, kind: u8, content: &'a [u8]) {
        match kind {
            0xDA => {
                self.scans += 1;
                self.add_scan(content);
            }
            // Four bytes for bits and size, one for the number of components, then three for each component.
            0xC0..=0xC2 if content.len() > 6 => {
                self.components = content[6..].iter().step_by(3).copied().collect();
                self.lowest_bits = (kind == 0xC2).then(|| vec![[MISSING; 64]; self.components.len()]);
            }
            0xE0 if content.starts_with(b"JFIF\0") => self.is_jfif = true,
            0xE1 if content.starts_with(b"Exif\0\0") => self.exif = self.exif.or(Some(content)),
            0xEE if content.starts_with(b"Adobe") => self.adobe = content.get(11).copied(),
            _ => {}
        }
    }

    /// Records what a scan adds to a progressive picture. Its header has the number of its components, two bytes for
    /// each, the first and the last coefficient, and the bit before and the lowest bit.
    fn add_scan(&mut self, header: &[u8]) {
        let Some(lowest_bits) = &mut self.lowest_bits else { return };
        let Some((&count, rest)) = header.split_first() else { return };
        let Some((components, &[first, last, bits])) = rest
            .split_at_checked(2 * usize::from(count))
            .and_then(|(components, rest)| Some((components, rest.first_chunk::<3>()?)))
        else {
            return;
        };
        for id in components.iter().step_by(2) {
            let Some(place) = self.components.iter().position(|known| known == id) else { continue };
            if let Some(coefficients) = lowest_bits[place].get_mut(usize::from(first)..=usize::from(last)) {
                coefficients.fill(bits & 15);
            }
        }
    }

    /// Whether a progressive picture lacks scans, or its end: what is there looks like a picture, but a blurred one.
    fn is_incomplete(&self) -> bool {
        let lacking = |lowest_bits: &Vec<[u8; 64]>| lowest_bits.iter().flatten().any(|&bit| bit != 0);
        self.lowest_bits.as_ref().is_some_and(|lowest_bits| !self.is_ended || lacking(lowest_bits))
    }

    /// The colour space of the components, by the rules of libjpeg and of browsers.
    fn colors(&self) -> ColorTransform {
        match (&*self.components, self.adobe) {
            ([_], _) => ColorTransform::Grayscale,
            ([_, _, _], _) if self.is_jfif => ColorTransform::YCbCr,
            ([_, _, _], Some(0)) | (b"RGB", None) => ColorTransform::RGB,
            ([_, _, _, _], None | Some(0)) => ColorTransform::CMYK,
            ([_, _, _, _], _) => ColorTransform::YCCK,
            _ => ColorTransform::YCbCr,
        }
    }
}

/// Whether a segment may come between two scans: tables, scans, comments. Any other segment ends the picture.
fn may_follow_a_scan(kind: u8) -> bool {
    matches!(kind, 0xC4 | 0xDA..=0xDD | 0xE0..=0xEF | 0xFE)
}

/// The length of the entropy-coded data of a scan: up to a marker that is neither a restart nor an escaped byte.
fn end_of_scan(scan: &[u8]) -> usize {
    let end = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xD0..=0xD7 | 0xFF);
    scan.windows(2).position(end).unwrap_or(scan.len())
}

fn wrong(error: Error) -> PhotoError {
    let kind = match error {
        Error::Unsupported(kind) => kind,
        _ => return PhotoError::Damaged { format: NAME },
    };
    let kind = match kind {
        UnsupportedFeature::ArithmeticEntropyCoding => "with arithmetic coding".to_owned(),
        UnsupportedFeature::Hierarchical => "in several sizes".to_owned(),
        UnsupportedFeature::SamplePrecision(bits) => format!("with {bits} bits a colour"),
        UnsupportedFeature::ComponentCount(count) => format!("with {count} colour channels"),
        _ => "of this kind".to_owned(),
    };
    PhotoError::UnsupportedFormat { format: format!("{NAME} {kind}") }
}
