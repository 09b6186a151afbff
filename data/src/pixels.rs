//! 8-bit pixels and PNG files.

use std::{io::Cursor, path::Path};

use png::{BitDepth, ColorType};

use crate::Error;

/// The pixels of a PNG file, `[H, W, C]`, row-major. It must have `size`, (width, height), and the color type `color`
/// with 8 bits.
pub fn decode(file: &Path, png: &[u8], size: (usize, usize), color: ColorType) -> Result<Vec<u8>, Error> {
    let damaged = |cause| Error::Png { file: file.to_owned(), found_bytes: png.len(), cause };
    let unexpected = |expected, found| Error::Unexpected { file: file.to_owned(), expected, found };
    let mut reader = png::Decoder::new(Cursor::new(png)).read_info().map_err(damaged)?;
    let (width, height) = reader.info().size();
    if (width as usize, height as usize) != size {
        return Err(unexpected(format!("{}×{} pixels", size.0, size.1), format!("{width}×{height}")));
    }
    let (found, depth) = reader.output_color_type();
    if (found, depth) != (color, BitDepth::Eight) {
        return Err(unexpected(format!("8-bit {color:?} pixels"), format!("{}-bit {found:?}", depth as u8)));
    }
    let mut pixels = vec![0; size.0 * size.1 * color.samples()];
    reader.next_frame(&mut pixels).map_err(damaged)?;
    Ok(pixels)
}

/// A PNG file of `pixels`, `[H, W, C]`, with 1 or 3 channels.
pub fn encode(pixels: &[u8], width: usize, height: usize, channels: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(if channels == 1 { ColorType::Grayscale } else { ColorType::Rgb });
    encoder.set_depth(BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(pixels));
    written.expect("nothing fails in memory");
    bytes
}
