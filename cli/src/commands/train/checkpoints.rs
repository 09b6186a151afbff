//! Checkpoints, from which an interrupted training resumes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::ModuleRecord;
use decoy::catalog::{Accuracies, Accuracy};

use crate::results::write;

/// Where the state of an unfinished training is saved, so that it can resume after an interruption.
pub struct Checkpoints<'a> {
    /// Their folder.
    pub folder: &'a Path,
    /// The name of the network.
    pub id: String,
    /// A checkpoint with other settings is not resumed.
    pub settings: String,
}

/// Progress of a training; its weights and the state of the optimiser are files beside it, named by `done`.
#[derive(serde::Serialize, serde::Deserialize)]
struct Checkpoint {
    done: u32,
    settings: String,
}

impl Checkpoints<'_> {
    fn path(&self, part: &str) -> PathBuf {
        self.folder.join(format!("{}.{part}", self.id))
    }

    /// The saved state, and how many steps are done; without a checkpoint the state given, and 0.
    ///
    /// # Errors
    ///
    /// A checkpoint with other settings, or one that cannot be read.
    pub fn resume<M: Module>(&self, model: M, optimizer: ModuleOptimizer) -> Result<(M, ModuleOptimizer, u32)> {
        let path = self.path("json");
        let Some(kept) = self.kept()? else {
            return Ok((model, optimizer, 0));
        };
        ensure!(
            kept.settings == self.settings,
            "{} is of another run ({}, now {}): delete it or choose another --checkpoints",
            path.display(),
            kept.settings,
            self.settings,
        );
        eprintln!("{}: resuming after {}", self.id, kept.done);
        let [weights, state] = self.parts(kept.done);
        let model = model.load_record(ModuleRecord::load(weights)?);
        Ok((model, optimizer.load(state)?, kept.done))
    }

    /// The checkpoint, if there is one.
    fn kept(&self) -> Result<Option<Checkpoint>> {
        let path = self.path("json");
        let text = path.exists().then(|| std::fs::read_to_string(&path)).transpose()?;
        let kept = text.map(|text| serde_json::from_str(&text)).transpose();
        kept.with_context(|| format!("{} is no checkpoint: delete it to begin anew", path.display()))
    }

    /// The files of the weights and of the optimiser's state after so many steps.
    fn parts(&self, done: u32) -> [PathBuf; 2] {
        ["model", "optimizer"].map(|part| self.path(&format!("{done}.{part}")))
    }

    /// Saves the state after `done` steps, in place of the last one.
    pub fn save<M: Module>(&self, done: u32, model: &M, optimizer: &ModuleOptimizer) -> Result<()> {
        std::fs::create_dir_all(self.folder)?;
        let before = self.kept()?;
        let [weights, state] = self.parts(done);
        model.clone().into_record().save(weights)?;
        optimizer.save(state)?;
        write(&self.path("json"), &Checkpoint { done, settings: self.settings.clone() })?;
        before.filter(|before| before.done != done).map_or(Ok(()), |before| self.remove(before.done))
    }

    /// Removes the files of a checkpoint, except the one that names them.
    fn remove(&self, done: u32) -> Result<()> {
        for path in self.parts(done).iter().filter(|path| path.exists()) {
            std::fs::remove_file(path)?;
        }
        Ok(())
    }

    /// Prints the accuracy of the finished network, and removes its checkpoint. A short training may have none.
    pub fn finish(&self, accuracy: &Accuracies) -> Result<()> {
        let Accuracy { clean, noisy } = accuracy.test;
        println!("{}: held out {:.2} % right, {:.2} % under its own noise", self.id, 100.0 * clean, 100.0 * noisy);
        if let Some(kept) = self.kept()? {
            std::fs::remove_file(self.path("json"))?;
            self.remove(kept.done)?;
        }
        Ok(())
    }

    /// The error after the user has interrupted the training.
    pub fn interruption(&self) -> anyhow::Error {
        anyhow!("{}: interrupted; checkpoint in {}; run the same command to resume", self.id, self.folder.display())
    }
}
