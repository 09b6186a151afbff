//! BMP files.

use std::borrow::Cow;
use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, codecs::bmp::BmpDecoder};

use super::{
    PhotoError,
    read::{StoredPicture, check_size, is_blank, still, wrong},
};

const NAME: &str = "BMP";

// Offsets in a BMP file: where the pixels begin, the length of the header, and in all but the oldest header the width,
// height, planes, bits per pixel, compression and number of colours.
const PIXELS: usize = 10;
const HEADER: usize = 14;
const WIDTH: usize = 18;
const HEIGHT: usize = 22;
const PLANES: usize = 26;
const BITS: usize = 28;
const COMPRESSION: usize = 30;
const COLORS: usize = 46;

/// The length of the oldest header. Its number of planes is four bytes before that of the others.
const OLDEST: u32 = 12;

pub(super) fn read(bytes: &[u8]) -> Result<StoredPicture, PhotoError> {
    let bmp = corrected(bytes);
    let decoder = BmpDecoder::new(Cursor::new(&*bmp)).map_err(|error| wrong(NAME, &error))?;
    let mut stored = still(decoder, NAME)?;
    if is_blank(&stored.picture) {
        // Programs without alpha channel write 0 in its place.
        stored.picture = DynamicImage::ImageRgb8(stored.picture.into_rgb8());
    }
    Ok(stored)
}

pub(super) fn is_for_browser(bytes: &[u8]) -> Result<bool, PhotoError> {
    if let Ok(decoder) = BmpDecoder::new(Cursor::new(&*one_plane(bytes))) {
        check_size(decoder.dimensions())?;
    }
    Ok(true)
}

/// The same file, with corrections where the decoder is stricter than picture viewers.
fn corrected(bytes: &[u8]) -> Cow<'_, [u8]> {
    let bmp = one_plane(bytes);
    let bmp = pixels_behind_header(&bmp).map_or(bmp, Cow::Owned);
    decode_rle(&bmp).map_or(bmp, Cow::Owned)
}

/// The same file with the pixels behind header, masks and palette, if it says that they begin before.
fn pixels_behind_header(bmp: &[u8]) -> Option<Vec<u8>> {
    let header = number(bmp, HEADER)?;
    let behind = if header == OLDEST {
        let bits = *bmp.get(BITS - 4)?;
        14 + OLDEST + if bits <= 8 { 3 << bits } else { 0 }
    } else {
        let (bits, compression, colors) = (*bmp.get(BITS)?, number(bmp, COMPRESSION)?, number(bmp, COLORS)?);
        let masks = if header == 40 && compression == 3 { 12 } else { 0 };
        let colors = if bits <= 8 && colors == 0 { 1 << bits } else { colors };
        14_u32.checked_add(header)?.checked_add(masks)?.checked_add(colors.checked_mul(4)?)?
    };
    (number(bmp, PIXELS)? < 14 + header).then(|| {
        let mut corrected = bmp.to_vec();
        corrected[PIXELS..PIXELS + 4].copy_from_slice(&behind.to_le_bytes());
        corrected
    })
}

/// Sets the number of planes to 1, the only value that the format allows.
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

/// A run-length encoded picture (RLE) as one with 8 bits per pixel. `None` if it has another encoding or is incomplete.
/// Pixels beyond the end of a row are dropped.
fn decode_rle(bmp: &[u8]) -> Option<Vec<u8>> {
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
    // The first of two pixels is the upper half of the byte.
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
