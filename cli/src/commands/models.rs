//! `decoy models`: what the catalogue lists.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::networks::{CatalogFile, MODELS, sigma_text};

/// Where the catalogue is, and how to print it.
#[derive(Args)]
pub struct ModelsArgs {
    /// Folder of models.json and the weights.
    #[arg(long, default_value = MODELS)]
    models: PathBuf,
    /// First update all family descriptions from their data sets.
    #[arg(long)]
    describe: bool,
    /// Print the catalogue as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs `decoy models`.
pub fn run(args: &ModelsArgs) -> Result<()> {
    let mut file = CatalogFile::open(&args.models)?;
    if args.describe {
        file.describe()?;
    }
    let catalog = file.catalog;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&catalog)?);
        return Ok(());
    }
    for family in &catalog.families {
        println!("{} ({}), {} classes", family.id, family.title, family.labels.len());
        println!("  {:<28} {:>5} {:>5} {:>12} {:>12}", "model", "σ", "seed", "held out", "under σ");
        for model in &family.models {
            let test = model.accuracy.test;
            println!(
                "  {:<28} {:>5} {:>5} {:>10.2} % {:>10.2} %",
                model.id,
                sigma_text(model.sigma),
                model.seed,
                100.0 * test.clean,
                100.0 * test.noisy
            );
        }
    }
    Ok(())
}
