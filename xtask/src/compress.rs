//! Compressed copies of the files in dist/, which a web server can send in their place, and their sizes.

use std::{
    fs,
    io::Write,
    iter::Sum,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use brotli::enc::BrotliEncoderParams;
use flate2::{Compression, write::GzEncoder};
use indicatif::DecimalBytes;

use crate::{command::step, site::SITE, wasm::THREADS};

/// The endings of files that compress well.
const ENDINGS: [&str; 6] = ["css", "html", "js", "json", "svg", "wasm"];

/// How long compressing may take.
#[derive(Clone, Copy, PartialEq)]
pub enum Effort {
    /// A second or two, for daily work.
    Fast,
    /// Minutes, for the published site.
    Best,
}

/// Total bytes of one or several files: uncompressed, with gzip, with brotli.
#[derive(Clone, Copy, Default)]
struct Sizes {
    raw: u64,
    gzip: u64,
    brotli: u64,
}

impl Sum for Sizes {
    fn sum<I: Iterator<Item = Sizes>>(all: I) -> Sizes {
        all.fold(Sizes::default(), |sum, next| Sizes {
            raw: sum.raw + next.raw,
            gzip: sum.gzip + next.gzip,
            brotli: sum.brotli + next.brotli,
        })
    }
}

/// Writes `.gz` and `.br` files beside the page and its code. With [`Effort::Best`] it prints their sizes.
pub fn site(effort: Effort) -> Result<()> {
    let [mut wasm, mut glue, mut threads, mut page] = [Sizes::default(); 4];
    step("Compressing the site", || {
        for path in compressible(Path::new(SITE))? {
            let sizes = compress(&path, effort).with_context(|| format!("cannot compress {}", path.display()))?;
            let part = match path.extension().and_then(|end| end.to_str()) {
                Some("js" | "wasm") if path.iter().any(|part| part == THREADS) => &mut threads,
                Some("wasm") => &mut wasm,
                _ if path.ends_with("pkg/decoy.js") => &mut glue,
                Some("css" | "html" | "js") => &mut page,
                _ => continue, // data: fetched after the page has loaded
            };
            *part = [*part, sizes].into_iter().sum();
        }
        Ok(())
    })?;
    if effort == Effort::Fast {
        return Ok(());
    }
    println!("\n{:20}{:>12}{:>12}{:>12}", "", "raw", "gzip", "brotli");
    let sum = |parts: &[Sizes]| parts.iter().copied().sum();
    let parts = [
        ("decoy_bg.wasm", wasm),
        ("decoy.js", glue),
        ("page", page),
        ("code, page included", sum(&[wasm, glue, page])),
        ("with threads instead", sum(&[threads, page])),
    ];
    for (name, Sizes { raw, gzip, brotli }) in parts {
        let [raw, gzip, brotli] = [raw, gzip, brotli].map(|bytes| DecimalBytes(bytes).to_string());
        println!("{name:20}{raw:>12}{gzip:>12}{brotli:>12}");
    }
    Ok(())
}

/// The files to compress, by their endings; pictures are compressed already.
fn compressible(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(compressible(&path)?);
        } else if path.extension().and_then(|end| end.to_str()).is_some_and(|end| ENDINGS.contains(&end)) {
            files.push(path);
        }
    }
    Ok(files)
}

fn compress(path: &Path, effort: Effort) -> Result<Sizes> {
    let bytes = fs::read(path)?;
    let (gzip, quality) = match effort {
        Effort::Fast => (Compression::fast(), 2),
        Effort::Best => (Compression::best(), 11),
    };

    let mut gzip = GzEncoder::new(Vec::new(), gzip);
    gzip.write_all(&bytes)?;
    let gzip = gzip.finish()?;

    let mut brotli = Vec::new();
    let params = BrotliEncoderParams { quality, lgwin: 24, ..Default::default() }; // a window of 16 MB
    brotli::BrotliCompress(&mut bytes.as_slice(), &mut brotli, &params)?;

    let beside = |ending: &str| PathBuf::from(format!("{}.{ending}", path.display()));
    fs::write(beside("gz"), &gzip)?;
    fs::write(beside("br"), &brotli)?;
    Ok(Sizes { raw: bytes.len() as u64, gzip: gzip.len() as u64, brotli: brotli.len() as u64 })
}
