//! `decoy export`: writes a network of the catalogue as an ONNX file.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use decoy::classifier::Input;

use crate::files::{check_ending, check_writable, write_bytes};
use crate::networks::{CatalogFile, MODELS};

/// Which network, and where it goes.
#[derive(Args)]
pub struct ExportArgs {
    /// The network, as `decoy models` lists it; the first one if left out.
    #[arg(long)]
    model: Option<String>,
    /// Folder of models.json and the weights.
    #[arg(long, default_value = MODELS)]
    models: PathBuf,
    /// The file, whose input `pixels` takes [N, C, H, W] in [0, 1], and whose output is `logits`.
    #[arg(value_name = "FILE.onnx")]
    out: PathBuf,
}

/// Runs `decoy export`.
pub fn run(args: &ExportArgs) -> Result<()> {
    let file = CatalogFile::open(&args.models)?;
    check_writable(&args.out, &file.files())?;
    check_ending(&args.out, "onnx")?;
    let (family, entry) = file.model(args.model.as_deref())?;
    let bytes = family.export(entry, &file.bytes(entry)?)?;
    write_bytes(&args.out, &bytes)?;
    let Input { channels, height, width } = family.input;
    let (out, classes) = (args.out.display(), family.labels.len());
    println!("{out}: pixels [N, {channels}, {height}, {width}] in [0, 1] to logits [N, {classes}]");
    Ok(())
}
