use std::{io::Cursor, iter};

use image::{
    Delay, Frame, GrayImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba,
    codecs::{gif::GifEncoder, jpeg::JpegEncoder},
};

use super::*;

fn encode(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn refusal(bytes: &[u8]) -> String {
    decode(bytes, 1, 8, 8).unwrap_err().to_string()
}

/// A grey picture that differs in every crop, turn and format.
fn gradient(width: u32, height: u32) -> GrayImage {
    GrayImage::from_fn(width, height, |x, y| Luma([(x * 11 + y * 17) as u8]))
}

/// A PNG made byte by byte, for forms that the encoder cannot write. `scanlines` include their filter bytes.
fn png(header: [u32; 2], rest_of_header: [u8; 5], palette: &[u8], scanlines: &[u8]) -> Vec<u8> {
    fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let body = [kind, data].concat();
        let crc = !body.iter().fold(!0u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 })
        });
        [&(data.len() as u32).to_be_bytes()[..], &body, &crc.to_be_bytes()].concat()
    }
    let (a, b) = scanlines.iter().fold((1u32, 0u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65521;
        (a, (b + a) % 65521)
    });
    let length = scanlines.len() as u16;
    let zlib = [
        &[0x78, 1, 1][..], // a single, last, stored block
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
        scanlines,
        &(b << 16 | a).to_be_bytes(),
    ];
    let header = [&header[0].to_be_bytes()[..], &header[1].to_be_bytes(), &rest_of_header].concat();
    let palette = if palette.is_empty() { vec![] } else { chunk(b"PLTE", palette) };
    let signature = b"\x89PNG\r\n\x1A\n".to_vec();
    [signature, chunk(b"IHDR", &header), palette, chunk(b"IDAT", &zlib.concat()), chunk(b"IEND", &[])].concat()
}

/// A JPEG made byte by byte: one flat block of `components`, with all coefficients 0.
fn flat_jpeg(components: u8) -> Vec<u8> {
    let segment =
        |marker: u8, body: Vec<u8>| [vec![0xFF, marker], (body.len() as u16 + 2).to_be_bytes().to_vec(), body].concat();
    let one_code = |class: u8| iter::once(class).chain([1]).chain([0; 15]).chain([0]).collect::<Vec<u8>>();
    let frame = (1..=components).flat_map(|id| [id, 0x11, 0]);
    let scan = (1..=components).flat_map(|id| [id, 0]);
    [
        vec![0xFF, 0xD8],
        segment(0xEE, b"Adobe\0\x64\0\0\0\0\0".to_vec()),
        segment(0xDB, iter::once(0).chain([1; 64]).collect()),
        segment(0xC0, [8, 0, 8, 0, 8, components].into_iter().chain(frame).collect()),
        segment(0xC4, [one_code(0), one_code(0x10)].concat()),
        segment(0xDA, iter::once(components).chain(scan).chain([0, 63, 0]).collect()),
        vec![0, 0xFF, 0xD9], // two bits per component
    ]
    .concat()
}

/// A JPEG whose EXIF segment holds only the orientation.
fn jpeg_with_orientation(picture: &GrayImage, orientation: u8) -> Vec<u8> {
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 100).encode_image(picture).unwrap();
    let tag = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]; // orientation, type short, one value
    let exif = [&b"Exif\0\0MM\0\x2A\0\0\0\x08\0\x01"[..], &tag, &[0; 4]].concat();
    let segment = [&[0xFF, 0xE1][..], &(exif.len() as u16 + 2).to_be_bytes(), &exif].concat();
    jpeg.splice(2..2, segment);
    jpeg
}

#[test]
fn photos_survive_every_form() {
    for channels in [1, 3] {
        let values: Vec<f32> = (0..channels * 6 * 5).map(|i| i as f32 * 2.0 / 255.0).collect();
        let photo = Photo::from_unit(&values, channels, 6, 5).unwrap();
        assert_eq!((photo.channels(), photo.height(), photo.width()), (channels, 6, 5));
        assert_eq!(photo.to_unit(), values, "planar and interleaved agree");
        assert_eq!(Photo::from_rgba(&photo.rgba(), channels, 6, 5).unwrap(), photo);
        assert_eq!(decode(&photo.png(), channels, 6, 5).unwrap(), photo);
    }
    let rgb = Photo::from_rgba(&[10, 20, 30, 255, 40, 50, 60, 255], 3, 1, 2).unwrap();
    assert_eq!(rgb.pixels(), [10, 20, 30, 40, 50, 60]);
    assert_eq!(rgb.levels(), [10, 40, 20, 50, 30, 60]);
    assert_eq!(rgb.to_unit(), [10.0, 40.0, 20.0, 50.0, 30.0, 60.0].map(|level: f32| level / 255.0));
    assert_eq!(rgb.rgba(), [10, 20, 30, 255, 40, 50, 60, 255]);
}

#[test]
fn a_difference_is_amplified_around_middle_grey() {
    let before = [0.5, 0.5, 0.5, 0.5];
    let (photo, factor) = Photo::difference(&before, &[0.51, 0.49, 0.51, 0.49], [1, 2, 2]).unwrap();
    assert_eq!(factor, 12.0);
    assert_eq!(photo.pixels(), [158, 97, 158, 97]);
    let (unchanged, _) = Photo::difference(&before, &before, [1, 2, 2]).unwrap();
    assert_eq!(unchanged.pixels(), [128; 4]);
}

#[test]
fn units_are_rounded_and_clamped() {
    let values = [-0.1, 1.1, f32::NAN, 0.5 / 255.0 + 1e-6, 0.5 / 255.0 - 1e-6, 1.0];
    assert_eq!(Photo::from_unit(&values, 1, 2, 3).unwrap().pixels(), [0, 255, 0, 1, 0, 255]);
}

#[test]
fn shapes_and_lengths_are_checked() {
    for (channels, height, width) in [(2, 1, 1), (0, 1, 1), (1, 0, 1), (3, 1, usize::MAX)] {
        let error = PhotoError::Shape { channels, height, width };
        assert_eq!(Photo::from_unit(&[], channels, height, width), Err(error.clone()));
        assert_eq!(Photo::from_rgba(&[], channels, height, width), Err(error.clone()));
        assert_eq!(decode(&[], channels, height, width), Err(error));
    }
    assert_eq!(Photo::from_unit(&[0.0; 5], 3, 1, 2), Err(PhotoError::Length { expected: 6, found: 5 }));
    for found in [7, 9] {
        let error = PhotoError::Length { expected: 8, found };
        assert_eq!(Photo::from_rgba(&vec![0; found], 1, 1, 2), Err(error));
    }
}

#[test]
fn every_format_is_read_by_its_content() {
    let picture = DynamicImage::ImageLuma8(gradient(16, 16)).into_rgb8();
    let expected = gradient(16, 16).into_raw();
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp] {
        let photo = decode(&encode(picture.clone(), format), 1, 16, 16).unwrap();
        assert_eq!(photo.pixels(), expected, "{format:?}");
    }
    let photo = decode(&jpeg_with_orientation(&gradient(16, 16), 1), 1, 16, 16).unwrap();
    let worst = photo.pixels().iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(worst <= Some(3), "JPEG at quality 100 rounds: {worst:?}");
}

#[test]
fn pixel_formats_become_8_bit() {
    let one = |bytes: &[u8], channels| decode(bytes, channels, 2, 2).unwrap().pixels()[..channels].to_vec();
    let grey16 = ImageBuffer::from_pixel(2, 2, Luma([0x8180u16]));
    assert_eq!(one(&encode(grey16, ImageFormat::Png), 1), [0x81]);
    let rgb16 = ImageBuffer::from_pixel(2, 2, Rgb([0u16, 0x8000, 0xFFFF]));
    assert_eq!(one(&encode(rgb16, ImageFormat::Png), 3), [0, 128, 255]);
    let half = ImageBuffer::from_pixel(2, 2, LumaA([200u8, 128]));
    assert_eq!(one(&encode(half, ImageFormat::Png), 1), [227], "on white");
    let clear = ImageBuffer::from_pixel(2, 2, Rgba([9u8, 99, 199, 0]));
    assert_eq!(decode(&encode(clear, ImageFormat::Png), 3, 2, 2), Err(PhotoError::Blank));
    let chalk = ImageBuffer::from_pixel(2, 2, LumaA([240u8, 128]));
    assert_eq!(one(&encode(chalk, ImageFormat::Png), 1), [120], "on black");
    let green = RgbImage::from_pixel(2, 2, Rgb([0, 255, 0]));
    assert_eq!(one(&encode(green, ImageFormat::Bmp), 1), [182], "71.5 % of the luma");
    let grey = GrayImage::from_pixel(2, 2, Luma([77]));
    assert_eq!(one(&encode(grey, ImageFormat::Png), 3), [77, 77, 77]);

    let palette = png([2, 2], [8, 3, 0, 0, 0], &[0, 0, 0, 255, 128, 0], &[0, 1, 1, 0, 1, 1]);
    assert_eq!(one(&palette, 3), [255, 128, 0]);
    let one_bit = png([2, 2], [1, 0, 0, 0, 0], &[], &[0, 0x80, 0, 0]);
    assert_eq!(decode(&one_bit, 1, 2, 2).unwrap().pixels(), [255, 0, 0, 0]);
    // Adam7 stores a 2×2 picture in this order: the first pixel, then the second of the row, then the second row.
    let interlaced = png([2, 2], [8, 0, 0, 0, 1], &[], &[0, 1, 0, 2, 0, 3, 4]);
    assert_eq!(decode(&interlaced, 1, 2, 2).unwrap().pixels(), [1, 2, 3, 4]);
    // Adobe's CMYK is inverted: half ink under half black leaves a quarter of the light.
    assert_eq!(one(&flat_jpeg(4), 3), [64, 64, 64]);
    assert_eq!(one(&flat_jpeg(1), 1), [128]);
}

#[test]
fn only_the_first_frame_of_an_animation_is_read() {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    for level in [50, 200] {
        let frame = RgbaImage::from_pixel(8, 8, Rgba([level, level, level, 255]));
        encoder.encode_frame(Frame::from_parts(frame, 0, 0, Delay::from_numer_denom_ms(100, 1))).unwrap();
    }
    drop(encoder);
    assert_eq!(decode(&bytes, 1, 8, 8).unwrap().pixels(), [50; 64]);
}

#[test]
fn cameras_held_askew_are_put_right() {
    let (w, h) = (16, 8);
    let picture = GrayImage::from_fn(w, h, |x, y| Luma([(x * 11 + y * 9) as u8]));
    for orientation in 1..=8 {
        let (width, height) = if orientation > 4 { (h, w) } else { (w, h) };
        let jpeg = jpeg_with_orientation(&picture, orientation);
        let photo = decode(&jpeg, 1, height as usize, width as usize).unwrap();
        for (x, y, found) in GrayImage::from_raw(width, height, photo.pixels).unwrap().enumerate_pixels() {
            // The pixel's place in the file, from the table of the EXIF standard.
            let (column, row) = match orientation {
                1 => (x, y),
                2 => (w - 1 - x, y),
                3 => (w - 1 - x, h - 1 - y),
                4 => (x, h - 1 - y),
                5 => (y, x),
                6 => (y, h - 1 - x),
                7 => (w - 1 - y, h - 1 - x),
                _ => (w - 1 - y, x),
            };
            let expected = picture.get_pixel(column, row)[0];
            assert!(found[0].abs_diff(expected) <= 3, "orientation {orientation}, {x} {y}: {found:?} {expected}");
        }
    }
}

#[test]
fn pictures_are_cropped_around_their_centre() {
    // Three squares side by side: the middle one is cropped. The same for an upright picture.
    let stripes = GrayImage::from_fn(30, 10, |x, _| Luma([[10, 100, 200][x as usize / 10]]));
    let photo = decode(&encode(stripes.clone(), ImageFormat::Png), 1, 10, 10).unwrap();
    assert_eq!(photo.pixels(), [100; 100]);
    let upright = image::imageops::rotate90(&stripes);
    assert_eq!(decode(&encode(upright, ImageFormat::Png), 1, 10, 10).unwrap().pixels(), [100; 100]);
    // Shrinking takes the mean, and enlarging keeps flat areas flat. Thin pictures work too.
    let board = GrayImage::from_fn(64, 64, |x, y| Luma([if (x + y) % 2 == 0 { 0 } else { 255 }]));
    let photo = decode(&encode(board, ImageFormat::Png), 1, 8, 8).unwrap();
    assert!(photo.pixels().iter().all(|level| level.abs_diff(128) <= 2), "{:?}", photo.pixels());
    let thin = GrayImage::from_pixel(2, 900, Luma([30]));
    assert_eq!(decode(&encode(thin, ImageFormat::Png), 3, 5, 7).unwrap().pixels(), [30; 105]);
}

#[test]
fn any_square_is_cropped_from_an_open_picture() {
    let (w, h) = (30, 20);
    let picture = gradient(w, h);
    let source = open(&encode(picture.clone(), ImageFormat::Png)).unwrap();
    assert_eq!((source.width(), source.height()), (30, 20));
    for (left, top, side) in [(0, 0, 20), (10, 0, 20), (7, 3, 16), (29, 19, 1), (0, 19, 1)] {
        let expected = image::imageops::crop_imm(&picture, left, top, side, side).to_image().into_raw();
        for fraction in [0.0, 0.4, -0.4] {
            let near = |start: u32, whole: u32| (f64::from(start) + fraction).clamp(0.0, f64::from(whole - side));
            let crop = Crop { left: near(left, w), top: near(top, h), side: f64::from(side) };
            let photo = source.crop(crop, 1, side as usize, side as usize).unwrap();
            assert_eq!(photo.pixels(), expected, "{crop:?}");
        }
    }
    // A wide photo of a square shows the middle of it.
    let square = Crop { left: 4.0, top: 2.0, side: 16.0 };
    let expected = image::imageops::crop_imm(&picture, 4, 6, 16, 8).to_image().into_raw();
    assert_eq!(source.crop(square, 1, 8, 16).unwrap().pixels(), expected);
    // The page's request and the command line give the same crop.
    for (width, height) in [(30, 20), (20, 30), (31, 20), (20, 31), (17, 17)] {
        let file = encode(gradient(width, height), ImageFormat::Png);
        let source = open(&file).unwrap();
        assert_eq!(source.crop(source.centre(1.0), 3, 9, 9), decode(&file, 3, 9, 9), "{width}×{height}");
    }
}

#[test]
fn crops_follow_the_upright_picture() {
    let stripes = GrayImage::from_fn(30, 10, |x, _| Luma([[10, 100, 200][x as usize / 10]]));
    // A quarter turn clockwise: the left of the file is the top of the picture.
    let source = open(&jpeg_with_orientation(&stripes, 6)).unwrap();
    assert_eq!((source.width(), source.height()), (10, 30));
    let preview = source.preview(15);
    assert_eq!((preview.channels(), preview.height(), preview.width()), (3, 15, 5));
    for (top, level) in [(0.0, 10), (10.0, 100), (20.0, 200)] {
        let photo = source.crop(Crop { left: 1.0, top: top + 1.0, side: 8.0 }, 1, 4, 4).unwrap();
        assert!(photo.pixels().iter().all(|found| found.abs_diff(level) <= 3), "{level}: {:?}", photo.pixels());
    }
}

#[test]
fn crops_outside_the_picture_are_refused() {
    let source = open(&encode(gradient(30, 20), ImageFormat::Png)).unwrap();
    let crop = |left, top, side| source.crop(Crop { left, top, side }, 1, 8, 8);
    // A frame at the edge may go beyond it by a rounding error.
    assert!(crop(10.0 + 1e-9, -1e-9, 20.0).is_ok());
    assert!(crop(29.9, 19.9, 0.1).is_ok(), "a part of a pixel is that pixel");
    let outside = [(-1.0, 0.0, 5.0), (0.0, -1.0, 5.0), (26.0, 0.0, 5.0), (0.0, 16.0, 5.0), (0.0, 0.0, 20.5)];
    let nothing = [(0.0, 0.0, 0.0), (5.0, 5.0, -1.0)];
    let no_number = [(f64::NAN, 0.0, 5.0), (0.0, f64::NAN, 5.0), (0.0, 0.0, f64::NAN), (0.0, 0.0, f64::INFINITY)];
    for (left, top, side) in outside.into_iter().chain(nothing).chain(no_number) {
        assert_eq!(crop(left, top, side), Err(PhotoError::Outside { width: 30, height: 20 }), "{left} {top} {side}");
    }
    assert_eq!(
        crop(0.0, 0.0, 0.0).unwrap_err().to_string(),
        "The part to cut out does not lie inside the picture of 30×20 pixels. Move the frame back into it."
    );
    let shape = PhotoError::Shape { channels: 2, height: 8, width: 8 };
    assert_eq!(source.crop(source.centre(1.0), 2, 8, 8), Err(shape));
}

#[test]
fn previews_show_the_whole_picture() {
    let source = open(&encode(gradient(30, 20), ImageFormat::Png)).unwrap();
    let size = |side| {
        let preview = source.preview(side);
        (preview.width(), preview.height())
    };
    assert_eq!([size(640), size(30), size(15), size(1), size(0)], [(30, 20), (30, 20), (15, 10), (1, 1), (1, 1)]);
    assert_eq!(source.preview(30).rgba(), Photo::from_rgba(&source.preview(30).rgba(), 1, 20, 30).unwrap().rgba());
    let thin = open(&encode(GrayImage::from_pixel(2, 5000, Luma([30])), ImageFormat::Png)).unwrap();
    assert_eq!((thin.preview(640).width(), thin.preview(640).height()), (1, 640));
}

#[test]
fn large_pictures_are_kept_smaller_and_cropped_alike() {
    // A smooth picture, so that the values hardly depend on where a resize begins.
    let (w, h) = (4500, 4200);
    let level = |x: f64, y: f64| 128.0 + 60.0 * (x / 300.0).sin() + 60.0 * (y / 400.0).cos();
    let picture = GrayImage::from_fn(w, h, |x, y| Luma([level(f64::from(x) + 0.5, f64::from(y) + 0.5).round() as u8]));
    let source = open(&encode(picture, ImageFormat::Bmp)).unwrap();
    assert_eq!((source.width(), source.height()), (w, h));
    let kept = source.preview(u32::MAX);
    assert_eq!((kept.width(), kept.height()), (1500, 1400));
    for crop in [source.centre(1.0), Crop { left: 123.5, top: 77.25, side: 1000.0 }] {
        let photo = source.crop(crop, 1, 50, 50).unwrap();
        let place = |i: usize, start: f64| start + (i as f64 + 0.5) * crop.side / 50.0;
        for (i, &found) in photo.pixels().iter().enumerate() {
            let expected = level(place(i % 50, crop.left), place(i / 50, crop.top));
            assert!((f64::from(found) - expected).abs() <= 2.0, "{crop:?}, {i}: {found} {expected}");
        }
    }
}

#[test]
fn what_is_no_picture_is_named() {
    assert!(refusal(b"").starts_with("This file is empty."));
    let svg = b"<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"/>";
    assert_eq!(refusal(svg), "This file is an SVG drawing. Choose a PNG, JPEG, WebP, GIF or BMP picture.");
    assert!(refusal(b"holiday.png\n").starts_with("This file is plain text."));
    assert!(refusal("Grüße aus Köln".as_bytes()).starts_with("This file is plain text."));
    assert!(refusal(b"<!DOCTYPE html><HTML>").starts_with("This file is a web page."));
    assert!(refusal(b"%PDF-1.7\n").starts_with("This file is a PDF document."));
    assert!(refusal(b"PK\x03\x04\x14\0").starts_with("This file is a zip archive or an office document."));
    assert!(refusal(b"\0\0\0\x18ftypmp42").starts_with("This file is a video."));
    assert!(refusal(&[7; 100]).starts_with("This file is not a picture that is known here."));
    let formats: [(&[u8], &str); 7] = [
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0", "HEIC"),
        (b"\0\0\0\x1Cftypavif\0\0\0\0", "AVIF"),
        (b"II*\0\x08\0\0\0", "TIFF (or a camera’s raw picture)"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01", "CR3 (a camera’s raw picture)"),
        (b"\0\0\0\x0CJXL \r\n\x87\n", "JPEG XL"),
        (b"\0\0\x01\0\x01\0", "ICO"),
    ];
    for (bytes, format) in formats {
        assert!(refusal(bytes).starts_with(&format!("Pictures in the format {format} cannot be read here.")));
    }
}

#[test]
fn limits_are_kept() {
    assert!(refusal(&vec![0; MAX_BYTES + 1]).starts_with("This file has 64.0 MiB, more than the 64 MiB"));
    let single = refusal(&encode(gradient(1, 1), ImageFormat::Png));
    assert_eq!(single, "This picture has 1×1 pixels; at least 2×2 are needed. Choose a larger one.");
    assert!(refusal(&encode(gradient(9, 1), ImageFormat::Png)).starts_with("This picture has 9×1 pixels;"));
    // Only the header gives this size. There are no pixels, so nothing must wait or allocate memory for them.
    for (width, height) in [(15_000, 15_000), (65_536, 2), (100_000_000, 2)] {
        let error = decode(&png([width, height], [8, 2, 0, 0, 0], &[], &[0]), 1, 8, 8);
        assert_eq!(error, Err(PhotoError::TooLarge { width, height }));
    }
    let mut bmp = encode(RgbImage::new(2, 2), ImageFormat::Bmp);
    bmp[18..22].copy_from_slice(&15_000i32.to_le_bytes());
    bmp[22..26].copy_from_slice(&15_000i32.to_le_bytes());
    assert_eq!(decode(&bmp, 1, 8, 8), Err(PhotoError::TooLarge { width: 15_000, height: 15_000 }));
}

#[test]
fn incomplete_pictures_are_refused() {
    // Random noise: a file that compresses well would be complete after a small part of it.
    let mut noise =
        iter::successors(Some(1u32), |state| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223)));
    let picture = RgbImage::from_fn(40, 30, |_, _| Rgb([0; 3].map(|_| (noise.next().unwrap() >> 24) as u8)));
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp] {
        let whole = encode(picture.clone(), format);
        for tenth in 1..10 {
            let message = refusal(&whole[..whole.len() * tenth / 10]);
            assert!(message.contains("damaged or incomplete"), "{format:?}, {tenth} tenths: {message}");
        }
        // With any wrong byte, the result is a photo or an error.
        for place in 0..whole.len() {
            let mut wrong = whole.clone();
            wrong[place] ^= 0x55;
            let _ = decode(&wrong, 1, 8, 8);
        }
    }
    // Many scans of a large picture would take minutes.
    let mut large = encode(gradient(16, 16), ImageFormat::Jpeg);
    let place = |jpeg: &[u8], marker| jpeg.windows(2).position(|found| found == [0xFF, marker]).unwrap();
    let (frame, scan, end) = (place(&large, 0xC0), place(&large, 0xDA), large.len() - 2);
    large[frame + 5..frame + 9].copy_from_slice(&[7000u16.to_be_bytes(); 2].concat());
    let scans = [&large[..end], &large[scan..end].repeat(20), &large[end..]].concat();
    assert!(refusal(&scans).starts_with("This JPEG picture is damaged or incomplete."));
    // The end mark of a thumbnail is not the end of the picture.
    let mut jpeg = jpeg_with_orientation(&gradient(40, 30), 1);
    jpeg.splice(2..2, [0xFF, 0xE5, 0, 4, 0xFF, 0xD9]);
    assert!(decode(&jpeg, 1, 8, 8).is_ok());
    assert!(refusal(&jpeg[..jpeg.len() / 2]).starts_with("This JPEG picture is damaged or incomplete"));
}
