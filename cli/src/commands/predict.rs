//! `decoy predict`: the most probable classes of pictures.

use anyhow::Result;
use clap::Args;
use decoy::photo;
use decoy::report::Prediction;
use serde::Serialize;

use crate::networks::ModelArgs;
use crate::pictures::PictureArgs;

/// Which pictures, and how to print what is seen in them.
#[derive(Args)]
pub struct PredictArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// How many classes to print.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    top: u16,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pictures: PictureArgs,
}

#[derive(Serialize)]
struct Line<'a> {
    image: String,
    model: &'a str,
    predictions: &'a [Prediction],
}

/// Runs `decoy predict`.
pub fn run(args: &PredictArgs) -> Result<()> {
    let model = args.model.open()?;
    let skipped = args.pictures.for_each(&args.pictures.files()?, &model.family, |path, photo| {
        let pixels = photo::batch(&[photo], model.network.device());
        let answer = pollster::block_on(model.network.predict(pixels))?.remove(0);
        let predictions = Prediction::top(&answer, &model.family.labels, args.top.into());
        if args.json {
            let line = Line { image: path.display().to_string(), model: &model.entry.id, predictions: &predictions };
            println!("{}", serde_json::to_string(&line)?);
            return Ok(());
        }
        println!("{}", path.display());
        for prediction in predictions {
            println!("  {:>6.2} %  {}", 100.0 * prediction.probability, prediction.label);
        }
        Ok(())
    })?;
    skipped.into_result()
}
