//! The manual on the site: the README and the documents it links to, each as a page.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html::push_html};

/// The documents and their pages.
const PAGES: [(&str, &str); 7] = [
    ("README.md", "index.html"),
    ("docs/flags.md", "flags.html"),
    ("docs/kernels.md", "kernels.html"),
    ("docs/oracle.md", "oracle.html"),
    ("docs/upstream.md", "upstream.html"),
    ("ARCHITECTURE.md", "architecture.html"),
    ("CHANGELOG.md", "changelog.html"),
];

/// The pictures in the documents.
const PICTURES: [&str; 3] = ["docs/fooled.png", "docs/noise-strip.png", "docs/robustness.png"];

/// Address of the repository; empty if it is not known.
const SOURCE: &str = env!("CARGO_PKG_REPOSITORY");

/// The HTML around a document.
const FRAME: &str = include_str!("../manual.html");

/// Name of the archive of the source, without the weights, which are on the site.
const ARCHIVE: &str = "source.tar.gz";

/// Writes the pages into a folder. Returns where the source is, as seen from there: the repository, else an archive of
/// the last commit; nothing if the site is not built from a repository.
pub fn write(folder: &Path) -> Result<Option<&'static str>> {
    fs::create_dir_all(folder)?;
    let source = if SOURCE.is_empty() { archive(&folder.join(ARCHIVE)).then_some(ARCHIVE) } else { Some(SOURCE) };
    for (document, page) in PAGES {
        let text = fs::read_to_string(document).context(document)?;
        fs::write(folder.join(page), framed(document, &text, source)).context(page)?;
    }
    for picture in PICTURES {
        let name = Path::new(picture).file_name().context(picture)?;
        fs::copy(picture, folder.join(name)).context(picture)?;
    }
    Ok(source)
}

/// Writes the last commit as an archive, if git can.
fn archive(path: &Path) -> bool {
    let mut git = Command::new("git");
    git.args(["archive", "--format=tar.gz", "HEAD", "--output"]).arg(path);
    git.args(["--", ".", ":!www/models/*.safetensors"]).stderr(Stdio::null());
    git.status().is_ok_and(|status| status.success())
}

fn framed(document: &str, text: &str, source: Option<&str>) -> String {
    let title = text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or(document);
    let source = source.map_or(String::new(), |address| format!(" <a href=\"{address}\">Source</a>"));
    FRAME.replace("{title}", title).replace("{source}", &source).replace("{text}", &html(document, text))
}

/// A document as HTML. Links to documents lead to the pages of the manual, links to other files to the repository; a
/// link without a target becomes plain text.
fn html(document: &str, text: &str) -> String {
    let mut open = Vec::new(); // for each open link, whether it has a target
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).filter_map(|event| match event {
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let target = target(document, &dest_url);
            open.push(target.is_some());
            target.map(|target| Event::Start(Tag::Link { link_type, dest_url: CowStr::from(target), title, id }))
        }
        Event::End(TagEnd::Link) => open.pop().unwrap_or(true).then_some(event),
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            let name = dest_url.rsplit('/').next().unwrap_or_default().to_owned();
            Some(Event::Start(Tag::Image { link_type, dest_url: CowStr::from(name), title, id }))
        }
        event => Some(event),
    });
    let mut page = String::new();
    push_html(&mut page, events);
    page
}

/// The address on the site of a document's link; `None` if there is none.
fn target(document: &str, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with('#') {
        return Some(link.to_owned());
    }
    let (path, anchor) = link.split_at(link.find('#').unwrap_or(link.len()));
    let path = path.strip_prefix("../").map(str::to_owned).unwrap_or_else(|| match document.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{path}"),
        None => path.to_owned(),
    });
    let pages = BTreeMap::from(PAGES);
    match pages.get(&*path) {
        Some(page) => Some(format!("{page}{anchor}")),
        None => (!SOURCE.is_empty()).then(|| format!("{SOURCE}/blob/main/{path}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_pages_and_pictures_lie_beside_them() {
        let text =
            "# A\n[map](ARCHITECTURE.md#x), [flags](docs/flags.md), [out](https://burn.dev), ![seen](docs/fooled.png)";
        let page = html("README.md", text);
        for link in ["\"architecture.html#x\"", "\"flags.html\"", "\"https://burn.dev\"", "src=\"fooled.png\""] {
            assert!(page.contains(link), "{link}: {page}");
        }
        assert_eq!(target("docs/flags.md", "../README.md").as_deref(), Some("index.html"));
        assert_eq!(target("docs/flags.md", "oracle.md").as_deref(), Some("oracle.html"));
    }

    #[test]
    fn what_is_in_the_source_alone_is_a_link_only_where_the_source_is_known() {
        let page = html("README.md", "[results](www/robustness)");
        assert_eq!(page.contains("<a "), !SOURCE.is_empty(), "{page}");
        assert!(page.contains("results"));
    }
}
