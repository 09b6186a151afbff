//! The description of a family of networks, from its data set.

use decoy::catalog::{Architecture, Family, patience};
use decoy_data::DataSet;

use crate::pictures::input;

/// The family of a data set, with the description of the set and without networks.
pub fn describe(set: &dyn DataSet, architecture: Architecture) -> Family {
    let about = set.about();
    let (id, title) = match architecture {
        Architecture::Original => (format!("{}-original", about.id), "The original experiment’s network"),
        _ => (about.id.to_owned(), about.title),
    };
    let input = input(about);
    Family {
        id,
        title: title.to_owned(),
        data: about.id.to_owned(),
        reader: about.reader.to_owned(),
        note: about.note.map(str::to_owned),
        patience: patience(input),
        architecture,
        input,
        crop: about.crop,
        labels: about.labels.iter().map(|label| (*label).to_owned()).collect(),
        models: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::networks::CatalogFile;

    #[test]
    fn the_shipped_families_are_described_as_their_data_sets_do() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/models");
        for family in CatalogFile::open(&folder).expect("it is shipped").catalog.families {
            let set = decoy_data::by_id(&family.data).expect("its data set is there");
            let described = Family { models: family.models.clone(), ..describe(set, family.architecture) };
            assert_eq!(family, described, "`decoy models --describe` updates {}", family.id);
        }
    }
}
