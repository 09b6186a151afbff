//! BMP files.

use std::borrow::Cow;
use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, codecs::bmp::BmpDecoder};

use super::{
    PhotoError,
    read::{Lying, check_size, is_blank, still, wrong},
};

const NAME: &str = "BMP";

// Where a file says where its pixels are, and how long its header is; then, unless that is the oldest, the picture's size,
// planes, bits a pixel, compression and colours.
const PIXELS: usize = 10;
const HEADER: usize = 14;
const WIDTH: usize = 18;
const HEIGHT: usize = 22;
const PLANES: usize = 26;
const BITS: usize = 28;
const COMPRESSION: usize = 30;
const COLORS: usize = 46;

/// The length of the oldest header, whose planes stand four bytes before those of the others.
const OLDEST: u32 = 12;

pub(super) fn read(bytes: &[u8]) -> Result<Lying, PhotoError> {
    let bmp = mended(bytes);
    let decoder = BmpDecoder::new(Cursor::new(&*bmp)).map_err(|error| wrong(NAME, &error))?;
    let mut lying = still(decoder, NAME)?;
    if is_blank(&lying.picture) {
        // Programs that know no alpha leave 0 where others have it.
        lying.picture = DynamicImage::ImageRgb8(lying.picture.into_rgb8());
    }
    Ok(lying)
}

pub(super) fn is_for_browser(bytes: &[u8]) -> Result<bool, PhotoError> {
    if let Ok(decoder) = BmpDecoder::new(Cursor::new(&*one_plane(bytes))) {
        check_size(decoder.dimensions())?;
    }
    Ok(true)
}

/// The same picture without what the decoder takes offence at and viewers do not.
fn mended(bytes: &[u8]) -> Cow<'_, [u8]> {
    let bmp = one_plane(bytes);
    unrolled(&bmp).map_or(bmp, Cow::Owned)
}

/// One plane, as the format has it, whatever the header says.
fn one_plane(bytes: &[u8]) -> Cow<'_, [u8]> {
    let place = if number(bytes, HEADER) == Some(OLDEST) { PLANES - 4 } else { PLANES };
    match bytes.get(place..place + 2) {
        None | Some([1, 0]) => bytes.into(),
        Some(_) => {
            let mut bmp = bytes.to_vec();
            bmp[place..place + 2].copy_from_slice(&[1, 0]);
            bmp.into()
        }
    }
}

fn number(bmp: &[u8], place: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bmp.get(place..)?.first_chunk()?))
}

/// A picture of runs (RLE) as one of 8 bits a pixel; none if it is something else, or ends before its end. What is too
/// much for a row is left out.
fn unrolled(bmp: &[u8]) -> Option<Vec<u8>> {
    let half = match (bmp.get(BITS)?, number(bmp, COMPRESSION)?) {
        (8, 1) => false,
        (4, 2) => true,
        _ => return None,
    };
    let (width, height) = (number(bmp, WIDTH)?, number(bmp, HEIGHT)?);
    check_size((width, height)).ok()?;
    let (width, height) = (width as usize, height as usize);
    let stride = width.next_multiple_of(4);
    let mut indices = vec![0; stride * height];
    let mut put = |x: usize, y: usize, index: u8| {
        if x < width && y < height {
            indices[y * stride + x] = index;
        }
    };
    // Of a byte, the first of two pixels is the upper half.
    let pixel = |bytes: &[u8], i: usize| if half { bytes[i / 2] >> (4 * (1 - i % 2)) & 15 } else { bytes[i] };

    let (mut x, mut y) = (0, 0);
    let mut runs = bmp.get(number(bmp, PIXELS)? as usize..)?;
    while y < height {
        let (&[count, what], rest) = runs.split_first_chunk()?;
        runs = rest;
        match (usize::from(count), usize::from(what)) {
            (0, 0) => (x, y) = (0, y + 1),
            (0, 1) => break,
            (0, 2) => {
                let (&[right, up], rest) = runs.split_first_chunk()?;
                runs = rest;
                (x, y) = (x + usize::from(right), y + usize::from(up));
            }
            (0, count) => {
                let length = if half { count.div_ceil(2) } else { count };
                let pixels = runs.get(..length)?;
                (0..count).for_each(|i| put(x + i, y, pixel(pixels, i)));
                runs = runs.get(length.next_multiple_of(2)..)?;
                x += count;
            }
            (count, _) => {
                (0..count).for_each(|i| put(x + i, y, pixel(&[what; 2], if half { i % 2 } else { 0 })));
                x += count;
            }
        }
    }

    let mut flat = bmp.to_vec();
    if number(bmp, COLORS)? == 0 && half {
        flat[COLORS..COLORS + 4].copy_from_slice(&16u32.to_le_bytes());
    }
    flat[PIXELS..PIXELS + 4].copy_from_slice(&(bmp.len() as u32).to_le_bytes());
    flat[BITS] = 8;
    flat[COMPRESSION..COMPRESSION + 4].fill(0);
    flat.extend(indices);
    Some(flat)
}
