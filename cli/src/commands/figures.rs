//! `decoy figures`: the numbers on the page and in the README, made from the result files.

mod lab;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use decoy::attack::AttackOptions;
use decoy::catalog::{Catalog, Family};
use decoy::metrics::{
    Interval, Summary, mean, median, over_trainings, ratio_over_pairs, ratio_over_pictures, ratio_over_trainings,
    significant, still_read,
};
use decoy::report::{Evaluation, ModelEvaluation};
use serde::Serialize;

use crate::files::write_bytes;
use crate::networks::{CatalogFile, MODELS};
use crate::results::read;
use lab::{Lab, TransferFigures};

/// What the figures are made of, and where they go.
#[derive(Args)]
pub struct FiguresArgs {
    /// Write nothing; fail if a file differs from the results.
    #[arg(long)]
    check: bool,
    /// Folder of the result files that `decoy evaluate` wrote; figures.json is written beside them.
    #[arg(long, default_value = "www/robustness")]
    results: PathBuf,
    /// Folder of the results of `decoy certify` and `decoy transfer`.
    #[arg(long, default_value = "www/lab")]
    lab: PathBuf,
    /// Folder of models.json, which names the families.
    #[arg(long, default_value = MODELS)]
    models: PathBuf,
    /// The file whose tables are updated, between <!-- figures:NAME --> and <!-- /figures -->, where NAME.json is
    /// a result file.
    #[arg(long, default_value = "README.md")]
    readme: PathBuf,
}

/// The name of the file of figures, in the folder of the results.
const FIGURES: &str = "figures.json";

/// Runs `decoy figures`.
pub fn run(args: &FiguresArgs) -> Result<()> {
    let catalog = CatalogFile::open(&args.models)?.catalog;
    let lab = Lab::read(&args.lab)?;
    let figures = Figures::new(&catalog, read_all(&args.results)?, &lab)?;
    let json = figures.json()?;
    let text = std::fs::read_to_string(&args.readme).with_context(|| args.readme.display().to_string())?;
    let readme = with_tables(&text, &figures, &lab.tables()).with_context(|| args.readme.display().to_string())?;
    for (path, expected) in [(args.results.join(FIGURES), json), (args.readme.clone(), readme)] {
        if args.check {
            let found = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            check_equal(&path, &expected, &found)?;
        } else {
            write_bytes(&path, expected.as_bytes())?;
        }
    }
    Ok(())
}

/// The result files of a folder, by name.
fn read_all(folder: &Path) -> Result<BTreeMap<String, Evaluation>> {
    let mut evaluations = BTreeMap::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(stem) = name.strip_suffix(".json").filter(|_| name != FIGURES) {
            evaluations.insert(stem.to_owned(), read(&path)?);
        }
    }
    Ok(evaluations)
}

/// Checks that a file holds the expected text; the error names the first line that differs.
fn check_equal(path: &Path, expected: &str, found: &str) -> Result<()> {
    let mut lines = (1..).zip(expected.lines().zip(found.lines()));
    if let Some((number, (expected, found))) = lines.find(|(_, (expected, found))| expected != found) {
        bail!("{}, line {number}: expected “{expected}”, found “{found}”; `decoy figures` updates it", path.display());
    }
    let (expected, found) = (expected.lines().count(), found.lines().count());
    ensure!(
        expected == found,
        "{}: expected {expected} lines, found {found}; `decoy figures` updates it",
        path.display()
    );
    Ok(())
}

/// `figures.json`: every result by noise level, without the values of single pictures.
#[derive(Serialize)]
struct Figures {
    families: Vec<FamilyFigures>,
}

/// The results of the networks of a family, and of other networks on the same data.
#[derive(Serialize)]
struct FamilyFigures {
    family: String,
    evaluations: Vec<EvaluationFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transfer: Option<TransferFigures>,
}

/// A result file.
#[derive(Serialize)]
struct EvaluationFigures {
    /// Its name, without the ending.
    name: String,
    /// The family of the networks: the one under which this result is listed, or an unshipped one trained on the same
    /// data.
    networks: String,
    /// That family's name for people.
    title: String,
    attack: AttackOptions,
    split: String,
    pictures: usize,
    /// Mean over the pictures of the upper limit on ‖Δx‖₂ for any network: half the distance to another class.
    limit: Option<f64>,
    /// The sizes ‖Δx‖₂ at which `read` of every level is given.
    radii: Vec<f64>,
    levels: Vec<Level>,
    /// How much each measure grows from σ 0 to the best level; empty where one of the two is missing.
    growth: BTreeMap<Measure, Growth>,
}

/// The networks of one σ.
#[derive(Serialize)]
struct Level {
    sigma: f64,
    /// Share of the held-out pictures that is read correctly, mean over the trainings.
    clean: f64,
    /// The same share with noise of this σ.
    noisy: f64,
    trainings: Vec<Network>,
    /// Mean over the trainings with its interval over them; with one training, the interval over the pictures.
    #[serde(flatten)]
    measures: BTreeMap<Measure, Interval>,
    /// The same for the distance predicted from errors under noise; absent if not measured.
    predicted: Option<Interval>,
    /// Share of all pictures still read correctly when each is changed by `radii`, mean over the trainings.
    read: Vec<f64>,
    /// Share of pictures that one of these networks classifies correctly by votes under noise, certified at least to
    /// each of the `radii`.
    #[serde(skip_serializing_if = "Option::is_none")]
    certified: Option<Vec<f64>>,
}

/// One network.
#[derive(Serialize)]
struct Network {
    model: String,
    seed: u32,
    clean: f64,
    noisy: f64,
    /// Pictures misread without any attack.
    clean_errors: usize,
    /// Pictures that were not fooled.
    failures: usize,
    #[serde(flatten)]
    measures: BTreeMap<Measure, Option<f64>>,
    /// The distance predicted from errors under noise: mean over the pictures that have a prediction.
    predicted: Option<f64>,
    /// Number of pictures that have a prediction.
    predicted_pictures: usize,
}

/// A measure at the level with the clearest growth, compared with σ 0.
#[derive(Serialize)]
struct Growth {
    /// The level above 0 whose interval has the highest lower end.
    sigma: f64,
    /// The measure there divided by that at σ 0, with a 95 % interval that accounts for the choice of the level.
    ratio: Interval,
    /// What the interval is computed over.
    over: Over,
    /// How many trainings there are at that level and at σ 0.
    trainings: [usize; 2],
    /// Number of trainings in which it is larger than at σ 0, of `of`.
    larger: usize,
    /// Number of trainings compared: those whose seed exists at both levels.
    of: usize,
    /// The same in words.
    text: String,
}

/// What an interval is computed over.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Over {
    /// Several trainings.
    Trainings,
    /// Pictures, where a level has one training.
    Pictures,
}

/// What is measured of ‖Δx‖ over the pictures that are read correctly.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Measure {
    MeanL2,
    MedianL2,
    MeanLinf,
    MedianLinf,
}

impl Measure {
    const ALL: [Self; 4] = [Self::MeanL2, Self::MedianL2, Self::MeanLinf, Self::MedianLinf];

    fn of(self, summary: &Summary) -> Interval {
        match self {
            Self::MeanL2 => summary.mean_l2,
            Self::MedianL2 => summary.median_l2,
            Self::MeanLinf => summary.mean_linf,
            Self::MedianLinf => summary.median_linf,
        }
    }

    fn statistic(self) -> fn(&[f64]) -> f64 {
        match self {
            Self::MeanL2 | Self::MeanLinf => mean,
            Self::MedianL2 | Self::MedianLinf => median,
        }
    }

    /// ‖Δx‖ of every picture: `None` where it is misclassified without an attack, infinite where the attack failed.
    fn column(self, network: &ModelEvaluation) -> Vec<Option<f64>> {
        let sizes = match self {
            Self::MeanL2 | Self::MedianL2 => &network.images.l2,
            Self::MeanLinf | Self::MedianLinf => &network.images.linf,
        };
        sizes.iter().map(|size| Some(size.unwrap_or(f64::INFINITY)).filter(|&size| size > 0.0)).collect()
    }

    fn words(self) -> &'static str {
        match self {
            Self::MeanL2 => "mean change",
            Self::MedianL2 => "median change",
            Self::MeanLinf => "mean of the largest change of a pixel",
            Self::MedianLinf => "median of the largest change of a pixel",
        }
    }
}

impl Figures {
    fn new(catalog: &Catalog, evaluations: BTreeMap<String, Evaluation>, lab: &Lab) -> Result<Self> {
        let mut families: Vec<FamilyFigures> = catalog
            .families
            .iter()
            .map(|family| FamilyFigures {
                family: family.id.clone(),
                evaluations: Vec::new(),
                transfer: lab.transfer(&family.id),
            })
            .collect();
        for (name, evaluation) in evaluations {
            let index = family_index(&catalog.families, &evaluation).with_context(|| name.clone())?;
            let figures = EvaluationFigures::new(name.clone(), &evaluation, lab).with_context(|| name)?;
            families[index].evaluations.push(figures);
        }
        families.retain(|family| !family.evaluations.is_empty());
        for family in &mut families {
            // The family's own networks come before others, then the result with the most trainings first.
            let own = family.family.clone();
            family.evaluations.sort_by_key(|one| (one.networks != own, std::cmp::Reverse(one.trainings())));
        }
        Ok(Self { families })
    }

    /// JSON with one line for each level, so that a diff shows what changed.
    fn json(&self) -> Result<String> {
        let whole = serde_json::to_string(self)?;
        Ok(whole.replace("{\"name\":", "\n{\"name\":").replace("{\"sigma\":", "\n{\"sigma\":") + "\n")
    }

    fn evaluation(&self, name: &str) -> Result<&EvaluationFigures> {
        let all = || self.families.iter().flat_map(|family| &family.evaluations);
        all().find(|evaluation| evaluation.name == name).with_context(|| {
            let names: Vec<&str> = all().map(|evaluation| &*evaluation.name).collect();
            format!("figures:{name}: there is no result file of that name: expected one of {}", names.join(", "))
        })
    }
}

/// Index of the family of a result; if it is not in the catalogue, of the first family on the same data.
fn family_index(families: &[Family], evaluation: &Evaluation) -> Result<usize> {
    let named = families.iter().position(|family| family.id == evaluation.origin.family);
    named.or_else(|| families.iter().position(|family| family.data == evaluation.origin.data)).with_context(|| {
        let data: Vec<&str> = families.iter().map(|family| &*family.data).collect();
        format!(
            "its data set is {}: expected that of a family in the catalogue, {}",
            evaluation.origin.data,
            data.join(", ")
        )
    })
}

impl EvaluationFigures {
    fn new(name: String, evaluation: &Evaluation, lab: &Lab) -> Result<Self> {
        let levels = by_level(&evaluation.models)?;
        let radii = radii(&evaluation.models);
        let limits = &evaluation.limits;
        Ok(Self {
            name,
            networks: evaluation.origin.family.clone(),
            title: evaluation.origin.title.clone(),
            attack: evaluation.attack.clone(),
            split: evaluation.origin.split.clone(),
            pictures: evaluation.origin.pictures.len(),
            limit: (!limits.is_empty()).then(|| round_to_five_digits(mean(limits))),
            levels: levels.iter().map(|networks| Level::new(networks, &radii, lab)).collect(),
            radii,
            growth: Measure::ALL.into_iter().filter_map(|measure| Some((measure, growth(measure, &levels)?))).collect(),
        })
    }

    fn trainings(&self) -> usize {
        self.levels.iter().map(|level| level.trainings.len()).sum()
    }
}

/// The networks of each σ, by rising σ and seed.
fn by_level(models: &[ModelEvaluation]) -> Result<Vec<Vec<&ModelEvaluation>>> {
    let mut sorted: Vec<&ModelEvaluation> = models.iter().collect();
    sorted.sort_by(|a, b| a.network.order(&b.network));
    for pair in sorted.windows(2) {
        ensure!(
            pair[0].network.order(&pair[1].network).is_ne(),
            "{} and {} both have σ {} and seed {}: expected one network for each",
            pair[0].network.model,
            pair[1].network.model,
            pair[0].network.sigma,
            pair[0].network.seed
        );
    }
    Ok(sorted.chunk_by(|a, b| a.network.sigma == b.network.sigma).map(<[_]>::to_vec).collect())
}

/// 81 radii from 0 to the largest ‖Δx‖₂ found, denser near 0, where the curves of small σ change most.
fn radii(models: &[ModelEvaluation]) -> Vec<f64> {
    const POINTS: u32 = 80;
    let largest = models.iter().flat_map(|model| &model.images.l2).flatten().copied().fold(0.0, f64::max);
    // Rounded up, so that the last radius counts every successful attack.
    let radius = |index: u32| round_to_five_digits(largest * 1.0001 * (f64::from(index) / f64::from(POINTS)).powi(2));
    (0..=POINTS).map(radius).collect()
}

impl Level {
    fn new(networks: &[&ModelEvaluation], radii: &[f64], lab: &Lab) -> Self {
        let trainings: Vec<Network> = networks.iter().map(|network| Network::new(network)).collect();
        let measures = Measure::ALL.map(|measure| {
            let interval = match networks {
                [network] => measure.of(&network.summary),
                _ => over_trainings(&figures(measure, networks)),
            };
            (measure, rounded(interval))
        });
        let predicted: Vec<f64> = trainings.iter().filter_map(|training| training.predicted).collect();
        let average = |of: &dyn Fn(&Network) -> f64| share(mean(&trainings.iter().map(of).collect::<Vec<_>>()));
        let read = |&radius: &f64| {
            let shares = networks.iter().map(|network| still_read(&network.images.l2, radius));
            share(mean(&shares.collect::<Vec<_>>()))
        };
        Self {
            sigma: networks[0].network.sigma,
            clean: average(&|training| training.clean),
            noisy: average(&|training| training.noisy),
            measures: measures.into(),
            predicted: (predicted.len() == trainings.len()).then(|| rounded(over_trainings(&predicted))),
            read: radii.iter().map(read).collect(),
            certified: networks
                .iter()
                .find_map(|measured| lab.certified_accuracy(&measured.network.sha256, radii))
                .map(|curve| curve.into_iter().map(share).collect()),
            trainings,
        }
    }
}

/// A measure of every network; infinite where an attack failed too often.
fn figures(measure: Measure, networks: &[&ModelEvaluation]) -> Vec<f64> {
    networks.iter().map(|network| measure.of(&network.summary).value.unwrap_or(f64::INFINITY)).collect()
}

impl Network {
    fn new(measured: &ModelEvaluation) -> Self {
        let predicted: Vec<f64> = measured.images.predicted.iter().flatten().copied().collect();
        let value = |measure: Measure| (measure, measure.of(&measured.summary).value.map(round_to_five_digits));
        Self {
            model: measured.network.model.clone(),
            seed: measured.network.seed,
            clean: share(measured.accuracy.test.clean),
            noisy: share(measured.accuracy.test.noisy),
            clean_errors: measured.summary.clean_errors,
            failures: measured.summary.failures,
            measures: Measure::ALL.map(value).into(),
            predicted: (!predicted.is_empty()).then(|| round_to_five_digits(mean(&predicted))),
            predicted_pictures: predicted.len(),
        }
    }
}

/// How much `measure` grows from σ 0 to the level whose interval has the highest lower end. All intervals hold
/// simultaneously, so that choosing one of them is valid.
fn growth(measure: Measure, levels: &[Vec<&ModelEvaluation>]) -> Option<Growth> {
    let (zero, noisy) = levels.split_first().filter(|(zero, _)| zero[0].network.sigma == 0.0)?;
    let all = noisy.iter().map(|level| Growth::of(measure, level, zero, noisy.len()));
    let least = |growth: &Growth| growth.ratio.low.unwrap_or(f64::NEG_INFINITY);
    let size = |growth: &Growth| growth.ratio.value.unwrap_or(f64::INFINITY);
    let mut best = all.max_by(|a, b| least(a).total_cmp(&least(b)).then(size(a).total_cmp(&size(b))))?;
    best.text = best.sentence(measure, zero[0].images.l2.len());
    Some(best)
}

impl Growth {
    /// Growth from the level `zero` to `above`. Its interval holds simultaneously with those of all `levels`; `text` is
    /// left empty.
    fn of(measure: Measure, above: &[&ModelEvaluation], zero: &[&ModelEvaluation], levels: usize) -> Self {
        let trainings = [above.len(), zero.len()];
        let over = if trainings.contains(&1) { Over::Pictures } else { Over::Trainings };
        let same_seed = |above: &ModelEvaluation| zero.iter().find(|below| below.network.seed == above.network.seed);
        let pairs: Vec<_> = above.iter().filter_map(|above| Some([*above, *same_seed(above)?])).collect();
        let ratio = match over {
            Over::Trainings if trainings == [pairs.len(); 2] => {
                let [above, below] =
                    [0, 1].map(|side| figures(measure, &pairs.iter().map(|pair| pair[side]).collect::<Vec<_>>()));
                ratio_over_pairs(&above, &below, levels)
            }
            Over::Trainings => ratio_over_trainings(&figures(measure, above), &figures(measure, zero), levels),
            Over::Pictures => {
                let columns = |networks: &[&ModelEvaluation]| -> Vec<_> {
                    networks.iter().map(|network| measure.column(network)).collect()
                };
                ratio_over_pictures(&columns(above), &columns(zero), measure.statistic(), levels)
            }
        };
        let larger = pairs.iter().filter(|pair| matches!(figures(measure, *pair)[..], [above, below] if above > below));
        let (larger, of) = (larger.count(), pairs.len());
        Self { sigma: above[0].network.sigma, ratio: rounded(ratio), over, trainings, larger, of, text: String::new() }
    }

    fn sentence(&self, measure: Measure, pictures: usize) -> String {
        let (sigma, words) = (self.sigma, measure.words());
        let Some(ratio) = self.ratio.value else {
            return format!("Too many pictures were not fooled: the {words} is infinite.");
        };
        let [best, zero] = self.trainings;
        let counted = if best == zero { counted(best, "training") } else { format!("{best} and {zero} trainings") };
        let (over, pairs) = match self.over {
            Over::Trainings => (counted, self.of),
            Over::Pictures => (format!("{}, {counted} a level", self::counted(pictures, "picture")), 0),
        };
        let in_how_many = |before: &str| match pairs {
            0 => String::new(),
            _ => format!(", {before}in {} of {pairs} trainings", self.larger),
        };
        let (Some(low), Some(high)) = (self.ratio.low, self.ratio.high) else {
            return format!(
                "No difference can be seen: at σ = {sigma}, the best level, the {words} is {ratio:.2} times as large as \
                 at σ = 0{}, and {over} differ too much for an interval.",
                in_how_many("larger ")
            );
        };
        let interval = format!("(95 % interval over {over}: {low:.2} to {high:.2})");
        if low > 1.0 {
            format!(
                "From σ = 0 to σ = {sigma} the {words} grows to {ratio:.2} times its size {interval}{}.",
                in_how_many("")
            )
        } else if high < 1.0 {
            format!(
                "The {words} is smaller at every level than at σ = 0: at σ = {sigma}, the best, it is {ratio:.2} times \
                 as large {interval}."
            )
        } else {
            format!(
                "No difference can be seen: at σ = {sigma}, the best level, the {words} is {ratio:.2} times as large as \
                 at σ = 0 {interval}{}.",
                in_how_many("larger ")
            )
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A share rounded to four decimals: one picture in ten thousand.
fn share(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// Five significant digits: more than the precision of any figure, and few enough to hide rounding differences between
/// machines.
fn round_to_five_digits(value: f64) -> f64 {
    significant(value, 5)
}

fn rounded(Interval { value, low, high }: Interval) -> Interval {
    Interval {
        value: value.map(round_to_five_digits),
        low: low.map(|low| round_to_five_digits(low.max(0.0))), // no length is negative
        high: high.map(round_to_five_digits),
    }
}

/// The text with the table between each pair of marks replaced.
fn with_tables(text: &str, figures: &Figures, lab: &BTreeMap<String, String>) -> Result<String> {
    const BEGIN: &str = "<!-- figures:";
    const END: &str = "<!-- /figures -->";
    let mut parts = text.split(BEGIN);
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(" -->").with_context(|| format!("{BEGIN} is not followed by NAME -->"))?;
        let (_, rest) = rest.split_once(END).with_context(|| format!("figures:{name} is not followed by {END}"))?;
        let table = match lab.get(name) {
            Some(table) => table.clone(),
            None => figures.evaluation(name)?.table(),
        };
        filled += &format!("{BEGIN}{name} -->\n{table}\n{END}{rest}");
    }
    Ok(filled)
}

impl EvaluationFigures {
    /// The table of the README, followed by sentences on the growth.
    fn table(&self) -> String {
        let mut lines = vec![
            "| σ | held out, clean | under its noise | mean ‖Δx‖₂ (95 %) | median ‖Δx‖₂ | mean ‖Δx‖∞ | predicted ‖Δx‖₂ | trainings |"
                .to_owned(),
            "|---|---|---|---|---|---|---|---|".to_owned(),
        ];
        lines.extend(self.levels.iter().map(Level::row));
        let text = |measure| self.growth.get(&measure).map(|growth| growth.text.clone());
        let sentences: Vec<String> = [Measure::MeanL2, Measure::MedianL2].into_iter().filter_map(text).collect();
        if !sentences.is_empty() {
            lines.extend([String::new(), sentences.join(" ")]);
        }
        lines.join("\n")
    }
}

impl Level {
    fn row(&self) -> String {
        let Interval { value, low, high } = self.measures[&Measure::MeanL2];
        let ends = low
            .zip(high)
            .map_or_else(String::new, |ends| format!(" ({}–{})", number(Some(ends.0)), number(Some(ends.1))));
        format!(
            "| {:.2} | {:.1} % | {:.1} % | {}{ends} | {} | {} | {} | {} |",
            self.sigma,
            100.0 * self.clean,
            100.0 * self.noisy,
            number(value),
            number(self.measures[&Measure::MedianL2].value),
            number(self.measures[&Measure::MeanLinf].value),
            self.predicted.map_or_else(|| "–".to_owned(), |predicted| number(predicted.value)),
            self.trainings.len(),
        )
    }
}

/// Two to four decimals, depending on the size; ∞ where too many attacks failed.
fn number(value: Option<f64>) -> String {
    match value {
        None => "∞".to_owned(),
        Some(value) if value >= 1.0 => format!("{value:.2}"),
        Some(value) if value >= 0.1 => format!("{value:.3}"),
        Some(value) => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn growth(ratio: [f64; 3], trainings: [usize; 2], larger: usize) -> Growth {
        let [value, low, high] = ratio.map(|value| Some(value).filter(|value| value.is_finite()));
        let over = if trainings.contains(&1) { Over::Pictures } else { Over::Trainings };
        let (ratio, of) = (Interval { value, low, high }, trainings[0].min(trainings[1]));
        Growth { sigma: 0.5, ratio, over, trainings, larger, of, text: String::new() }
    }

    #[test]
    fn a_sentence_says_what_the_interval_says() {
        let says = |growth: Growth| growth.sentence(Measure::MeanL2, 300);
        assert_eq!(
            says(growth([1.41, 1.3, 1.53], [5, 5], 5)),
            "From σ = 0 to σ = 0.5 the mean change grows to 1.41 times its size (95 % interval over 5 trainings: 1.30 \
             to 1.53), in 5 of 5 trainings."
        );
        assert_eq!(
            says(growth([1.1, 0.9, 1.3], [5, 5], 3)),
            "No difference can be seen: at σ = 0.5, the best level, the mean change is 1.10 times as large as at σ = 0 \
             (95 % interval over 5 trainings: 0.90 to 1.30), larger in 3 of 5 trainings."
        );
        assert_eq!(
            says(growth([1.5, 1.2, 1.8], [1, 1], 1)),
            "From σ = 0 to σ = 0.5 the mean change grows to 1.50 times its size (95 % interval over 300 pictures, 1 \
             training a level: 1.20 to 1.80)."
        );
        let fewer = says(growth([0.8, 0.7, 0.9], [3, 2], 0));
        assert!(fewer.starts_with("The mean change is smaller") && fewer.contains("over 3 and 2 trainings"), "{fewer}");
        let open = says(growth([1.5, f64::NEG_INFINITY, f64::INFINITY], [2, 2], 2));
        assert!(open.starts_with("No difference") && open.contains("2 trainings differ too much"), "{open}");
        let infinite = f64::INFINITY;
        assert!(says(growth([infinite; 3], [1, 1], 0)).starts_with("Too many pictures were not fooled"));
    }

    #[test]
    fn the_first_line_that_differs_is_named() {
        let differs =
            |expected, found| check_equal(Path::new("a"), expected, found).expect_err("it differs").to_string();
        assert!(check_equal(Path::new("a"), "1\n2\n", "1\n2\n").is_ok());
        assert!(differs("1\n2\n", "1\n3\n").starts_with("a, line 2: expected “2”, found “3”"));
        assert!(differs("1\n2\n", "1\n").starts_with("a: expected 2 lines, found 1"));
    }
}
