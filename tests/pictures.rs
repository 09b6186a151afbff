//! Any file is read or refused with an error message, quickly and without a panic. Tested with every picture of
//! `tests/fixtures/pictures`, whole, cut short and damaged; the README there says how they were made.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use decoy::photo::{self, Photo, PhotoError};

/// Much longer than any of these files takes, even on a busy machine: a damaged header may announce 50 million pixels.
const TOO_LONG: Duration = Duration::from_secs(30);

/// The picture files, by name.
fn pictures() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pictures");
    let entries = fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it can be listed"));
    entries
        .map(|entry| (entry.file_name().into_string().expect("names are ASCII"), entry.path()))
        .filter(|(name, _)| !matches!(name.as_str(), "README.md" | "make.py"))
        .map(|(name, path)| (name, fs::read(path).expect("it can be read")))
        .collect()
}

/// Reads a file as the page does and as the command line does; checks that both agree and that neither takes long.
fn read(name: &str, bytes: &[u8]) -> Result<Photo, PhotoError> {
    let begin = Instant::now();
    let decoded = photo::decode(bytes, 3, 24, 24);
    let cropped = photo::open(bytes).and_then(|source| {
        let preview = source.preview(16);
        assert_eq!(preview.width().max(preview.height()), 16, "{name}");
        source.crop(source.centre(1.0), 3, 24, 24)
    });
    assert!(begin.elapsed() < TOO_LONG, "{name} took {:?}", begin.elapsed());
    assert_eq!(decoded, cropped, "{name}");
    if let Err(error) = &decoded {
        let sentence = error.to_string();
        assert!(sentence.starts_with(char::is_uppercase) && sentence.ends_with('.'), "{name}: {sentence}");
    }
    decoded
}

#[test]
fn every_picture_is_read_or_refused_as_its_name_says() {
    let pictures = pictures();
    assert!(pictures.len() > 50, "{} pictures", pictures.len());
    for (name, bytes) in &pictures {
        let kind = name.split('-').next().expect("a split has a first part");
        match (kind, read(name, bytes)) {
            ("ok", Ok(_)) | ("refused", Err(_)) => {}
            ("ok", Err(error)) => panic!("{name} is refused: {error}"),
            ("refused", Ok(_)) => panic!("{name} is read"),
            _ => panic!("{name} says neither ok nor refused"),
        }
    }
}

#[test]
fn refusals_say_what_is_wrong() {
    let pictures = pictures();
    let sentences = [
        ("refused-empty.png", "This file is empty."),
        ("refused-text.png", "This file is plain text."),
        ("refused-page.jpg", "This file is a web page."),
        ("refused-drawing.svg", "This file is an SVG drawing."),
        ("refused-document.pdf", "This file is a PDF document."),
        ("refused-film.mp4", "This file is a video."),
        ("refused-raw.jpg", "Pictures in the format CR3 (a camera’s raw picture) cannot be read here."),
        ("refused-clear.png", "This picture is transparent everywhere"),
        ("refused-half-with-end.jpg", "This JPEG picture is damaged or incomplete."),
        ("refused-camera.heic", "Pictures in the format HEIC cannot be read here."),
        ("refused-tiff.jpg", "Pictures in the format TIFF (or a camera’s raw picture) cannot be read here."),
        ("refused-1x10000.png", "This picture has 1×10000 pixels; at least 2×2 are needed."),
        ("refused-corrupt.png", "This PNG picture is damaged or incomplete"),
        ("refused-palette.png", "This PNG picture is damaged or incomplete."),
        ("refused-endless-exif.webp", "This WebP picture is damaged or incomplete."),
        ("refused-small-frame.webp", "This WebP picture is damaged or incomplete."),
        ("refused-corrupt.webp", "This WebP picture is damaged or incomplete"),
        ("refused-cut.jpg", "This JPEG picture is damaged or incomplete"),
        ("refused-cut.gif", "This GIF picture is damaged or incomplete"),
    ];
    for (name, sentence) in sentences {
        let refusal = read(name, &pictures[name]).expect_err(name).to_string();
        assert!(refusal.starts_with(sentence), "{name}: {refusal}");
    }
    for format in ["png", "jpg", "gif", "bmp", "webp"] {
        let name = format!("refused-16383x14000.{format}");
        assert_eq!(
            read(&name, &pictures[&name]),
            Err(PhotoError::TooLarge { width: 16_383, height: 14_000 }),
            "{name}"
        );
    }
}

/// The mean absolute difference of two pictures, in levels of 0 to 255.
fn apart(a: &Photo, b: &Photo) -> f64 {
    let differences = a.pixels().iter().zip(b.pixels()).map(|(a, b)| f64::from(a.abs_diff(*b)));
    differences.sum::<f64>() / a.pixels().len() as f64
}

#[test]
fn the_same_picture_is_read_the_same() {
    let pictures = pictures();
    let photo = |name: &str| read(name, &pictures[name]).unwrap_or_else(|error| panic!("{name}: {error}"));
    // A picture, the largest difference allowed in levels, and files that show the same picture. A wrong orientation
    // would differ by 50 levels, wrong colours by 12.
    let groups: [(&str, f64, &[&str]); 7] = [
        (
            "ok-rgb.png",
            0.0,
            &[
                "ok-rgb.bmp",
                "ok-interlaced.png",
                "ok-16-bit.png",
                "ok-animated.png", // its first frame
                "ok-card-first.png",
                "ok-empty-first.png",
                "ok-orientation-6.png",
                "ok-orientation-8.webp",
                "ok-orientation-8-bare.webp",
                "ok-orientation-8-prefix.webp",
                "ok-png-called.jpg",
                "ok-alpha-all-zero.bmp",
                "ok-no-planes.bmp",
            ],
        ),
        (
            "ok-rgb.png",
            2.0,
            &[
                "ok-adobe-rgb.png",
                "ok-adobe-rgb.jpg",
                "ok-adobe-rgb.webp",
                "ok-gamma-1.8.png",
                "ok-corners.png",
                "ok-code-points.png",
                "ok-empty-first.webp", // first frame empty: drawn over nothing
            ],
        ),
        ("ok-grey.png", 1.5, &["ok-grey-profile.png"]),
        // JPEG and WebP, which store colours at half the resolution.
        (
            "ok-rgb.png",
            12.0,
            &[
                "ok-baseline.jpg",
                "ok-progressive.jpg",
                "ok-cmyk.jpg",
                "ok-rgb.jpg",
                "ok-scan-a-colour-420.jpg",
                "ok-scan-a-colour-422.jpg",
                "ok-scan-a-colour-440.jpg",
                "ok-thumbnail-inside.jpg",
                "ok-second-behind.jpg",
                "ok-two-exif.jpg",
                "ok-no-end.jpg",
                "ok-records-for-an-end.jpg",
                "ok-orientation-1.jpg",
                "ok-orientation-2.jpg",
                "ok-orientation-3.jpg",
                "ok-orientation-4.jpg",
                "ok-orientation-5.jpg",
                "ok-orientation-6.jpg",
                "ok-orientation-7.jpg",
                "ok-orientation-8.jpg",
                "ok-orientation-9.jpg", // an orientation that does not exist: not turned
                "ok-animated.webp",
                "ok-exif-promised.webp",
                "ok-alpha-promised.webp",
                "ok-empty-first.gif",
            ],
        ),
        ("ok-no-end.jpg", 0.0, &["ok-records-for-an-end.jpg", "ok-second-behind.jpg", "ok-two-exif.jpg"]),
        ("ok-lossy.webp", 0.0, &["ok-exif-promised.webp", "ok-alpha-promised.webp"]),
        // 16 colours.
        ("ok-still.gif", 0.0, &["ok-runs-4.bmp", "ok-runs-8.bmp", "ok-no-screen.gif", "ok-small-screen.gif"]),
    ];
    for (expected, most, names) in groups {
        for name in names {
            let levels = apart(&photo(name), &photo(expected));
            assert!(levels <= most, "{name} is {levels} levels away from {expected}");
        }
    }
}

#[test]
fn transparent_drawings_get_a_contrasting_background() {
    let pictures = pictures();
    for (name, line, ground) in [("ok-black-on-nothing.png", 0, 255), ("ok-white-on-nothing.png", 255, 0)] {
        let photo = photo::decode(&pictures[name], 1, 32, 48).expect(name);
        let level = |x: usize, y: usize| photo.pixels()[y * 48 + x];
        assert_eq!([level(9, 5), level(2, 2), level(24, 16)], [line, ground, ground], "{name}");
    }
}

#[test]
fn formats_only_browsers_read_are_named() {
    let mut arithmetic = pictures()["ok-baseline.jpg"].clone();
    let frame = arithmetic.windows(2).position(|marker| marker == [0xFF, 0xC0]).expect("a JPEG has a frame");
    arithmetic[frame + 1] = 0xC9;
    let refusal = photo::open(&arithmetic).err().expect("nothing here knows this coding").to_string();
    assert!(
        refusal.starts_with("Pictures in the format JPEG with arithmetic coding cannot be read here."),
        "{refusal}"
    );

    // Replaces the transfer function for video by one for HDR.
    let mut hdr = pictures()["ok-code-points.png"].clone();
    let points = hdr.windows(4).position(|kind| kind == b"cICP").expect("the chunk is there");
    hdr[points + 4..points + 12].copy_from_slice(&[9, 16, 0, 1, 0x4D, 0x23, 0x23, 0xFE]); // with its checksum
    let refusal = photo::open(&hdr).err().expect("brighter than white is no level").to_string();
    assert!(refusal.starts_with("Pictures in the format PNG with HDR colours cannot be read here."), "{refusal}");
}

#[test]
fn browser_decodes_what_it_shows_better() {
    let pictures = pictures();
    for (name, bytes) in &pictures {
        let turned = name.starts_with("ok-orientation-") && !name.ends_with("jpg");
        match photo::is_for_browser(bytes) {
            Ok(browser) => assert_eq!(browser, !turned, "{name}"),
            Err(error) => assert!(name.starts_with("refused-"), "{name}: {error}"),
        }
    }
    for name in ["refused-half-with-end.jpg", "refused-empty.png", "refused-1x10000.png", "refused-16383x14000.png"] {
        assert!(photo::is_for_browser(&pictures[name]).is_err(), "{name}");
    }
    // Pixels that the browser has decoded are a picture like any other.
    let [whole, parts] =
        [[255; 4 * 6], [0; 4 * 6]].map(|rgba| photo::Source::from_rgba(rgba.into(), (3, 2), (6000, 4000)));
    let source = whole.expect("it is opaque");
    assert_eq!((source.width(), source.height()), (6000, 4000));
    let photo = source.crop(source.centre(0.875), 3, 2, 2).expect("it lies inside");
    assert_eq!((source.centre(0.875).side, photo.pixels()), (3500.0, &[255; 12][..]));
    // A picture that already has the network's size is used whole.
    assert_eq!(
        [source.default_crop(0.875, 224, 224), source.default_crop(0.875, 4000, 6000)],
        [source.centre(0.875), source.centre(1.0)]
    );
    let levels: Vec<u8> = (0..6 * 4).map(|pixel| 10 * pixel).collect();
    let rgba = levels.iter().flat_map(|&level| [level, level, level, 255]).collect();
    let wide = photo::Source::from_rgba(rgba, (6, 4), (6, 4)).expect("it is opaque");
    let seen = wide.crop(wide.default_crop(0.875, 4, 6), 1, 4, 6).expect("it lies inside");
    assert_eq!(seen.pixels(), levels, "also where it is not square");
    assert_eq!(parts.err(), Some(PhotoError::Blank));
}

#[test]
fn pictures_cut_short_are_read_or_refused() {
    for (name, bytes) in pictures() {
        for tenth in 0..10 {
            let _ = read(&format!("{tenth} tenths of {name}"), &bytes[..bytes.len() * tenth / 10]);
        }
        for shorter in 1..bytes.len().min(9) {
            let _ = read(&format!("{name} without its last {shorter}"), &bytes[..bytes.len() - shorter]);
        }
    }
}

#[test]
fn damaged_pictures_are_read_or_refused() {
    for (name, bytes) in pictures() {
        // Every byte of the header, then about 64 places in the rest.
        let places = (0..bytes.len().min(64)).chain((64..bytes.len()).step_by(bytes.len() / 64 + 1));
        for place in places {
            for mask in [0xFF, 0x80, 0x01] {
                let mut wrong = bytes.clone();
                wrong[place] ^= mask;
                let _ = read(&format!("{name} with byte {place} ^ {mask}"), &wrong);
            }
        }
    }
}

#[test]
fn the_gallery_is_read_listed_and_credited() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("www/gallery/photos");
    let text = |name: &str| fs::read_to_string(folder.join(name)).expect("it is there");
    let (listed, credited) = (text("gallery.json"), text("CREDITS.md"));
    let mut photos = 0;
    for entry in fs::read_dir(&folder).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        if path.extension().is_some_and(|extension| extension == "jpg") {
            let name = path.file_name().expect("a file has a name").to_string_lossy();
            let source =
                photo::open(&fs::read(&path).expect("it can be read")).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(source.width().min(source.height()) >= 224, "{name} is smaller than what a network sees");
            assert!(source.width().max(source.height()) <= 640, "{name} is larger than need be");
            assert!(listed.contains(&format!("\"file\": \"{name}\"")), "{name} is not in gallery.json");
            assert!(credited.contains(&format!("| {name} |")), "{name} is not in CREDITS.md");
            photos += 1;
        }
    }
    assert!(photos >= 8);
    assert_eq!(listed.matches("\"file\"").count(), photos, "each photo once, and none that is not there");
}

#[test]
fn a_progressive_picture_lacks_no_scan() {
    let whole = &pictures()["ok-progressive.jpg"];
    let scans: Vec<usize> = (0..whole.len() - 1).filter(|&at| whole[at..].starts_with(&[0xFF, 0xDA])).collect();
    assert!(scans.len() > 3, "{} scans", scans.len());
    for &scan in &scans[1..] {
        let cut = [&whole[..scan], &[0xFF, 0xD9]].concat();
        for file in [&cut, &cut[..scan]] {
            assert!(read("progressive, cut", file).is_err() && photo::is_for_browser(file).is_err(), "cut at {scan}");
        }
    }
    assert!(read("without end", &whole[..whole.len() - 2]).is_err());
}

#[test]
fn impossible_fields_do_not_count() {
    let pictures = pictures();
    for name in ["ok-rgb.bmp", "ok-palette.bmp"] {
        for offset in [0_u32, 40] {
            let mut wrong = pictures[name].clone();
            wrong[10..14].copy_from_slice(&offset.to_le_bytes());
            assert_eq!(read(name, &wrong), read(name, &pictures[name]), "{name}, {offset}");
        }
    }

    let png = |prepare: &dyn Fn(&mut png::Encoder<&mut Vec<u8>>), behind: Option<&[u8]>| {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 32, 16);
        encoder.set_color(png::ColorType::Rgb);
        prepare(&mut encoder);
        let mut writer = encoder.write_header().expect("it is written to memory");
        let values: Vec<u8> = (0..32 * 16 * 3).map(|value| (value % 251) as u8).collect();
        writer.write_image_data(&values).expect("it has all pixels");
        if let Some(exif) = behind {
            writer.write_chunk(png::chunk::ChunkType(*b"eXIf"), exif).expect("it is written to memory");
        }
        writer.finish().expect("it is written to memory");
        bytes
    };
    let plain = png(&|_| {}, None);
    let dark = png(&|encoder| encoder.set_source_gamma(png::ScaledFloat::from_scaled(1)), None);
    assert_eq!(read("gamma", &dark), read("plain", &plain));
    // EXIF stands behind the pixels, and asks for a turn by 180°.
    let turned = png(&|_| {}, Some(b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x03\0\0\0\0\0\0"));
    let [upright, turned] = [&plain, &turned].map(|bytes| photo::open(bytes).expect("it is read").preview(32));
    let reversed: Vec<&[u8]> = upright.pixels().chunks(3).rev().collect();
    assert_eq!(turned.pixels().chunks(3).collect::<Vec<_>>(), reversed);
}
