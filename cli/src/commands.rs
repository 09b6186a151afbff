//! The commands, each in its file.

mod accuracy;
mod attack;
mod certify;
mod compare;
mod evaluate;
mod export;
mod figures;
mod import;
mod models;
mod predict;
mod train;
mod transfer;

use anyhow::Result;
use clap::Subcommand;

/// What `decoy` is asked for.
#[derive(Subcommand)]
pub enum Command {
    /// List the networks there are.
    Models(models::ModelsArgs),
    /// Say what a network sees in pictures.
    Predict(predict::PredictArgs),
    /// Change pictures until a network misreads them.
    Attack(attack::AttackArgs),
    /// Attack the same pictures in several ways, and print the results side by side.
    Compare(compare::CompareArgs),
    /// Measure how often networks are right when their images are noisy.
    Accuracy(accuracy::AccuracyArgs),
    /// Attack a whole data set with every network of a family, and write a result file.
    Evaluate(evaluate::EvaluateArgs),
    /// Certify the radius within which no change alters the vote under noise.
    Certify(certify::CertifyArgs),
    /// Write a network as an ONNX file, for other runtimes.
    Export(export::ExportArgs),
    /// Measure whether adversarial pictures of one network fool the others.
    Transfer(transfer::TransferArgs),
    /// Make the figures of the page and the tables of the README from the result files.
    Figures(figures::FiguresArgs),
    /// Bring published weights into the catalogue.
    #[command(subcommand)]
    Import(import::Import),
    /// Train networks with noise on their images.
    #[command(subcommand)]
    Train(train::Train),
}

impl Command {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        match self {
            Self::Models(args) => models::run(&args),
            Self::Predict(args) => predict::run(&args),
            Self::Attack(args) => attack::run(&args),
            Self::Compare(args) => compare::run(&args),
            Self::Accuracy(args) => accuracy::run(&args),
            Self::Evaluate(args) => evaluate::run(args),
            Self::Certify(args) => certify::run(&args),
            Self::Export(args) => export::run(&args),
            Self::Transfer(args) => transfer::run(&args),
            Self::Figures(args) => figures::run(&args),
            Self::Import(import) => import::run(import),
            Self::Train(train) => train::run(train),
        }
    }
}
