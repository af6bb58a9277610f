//! Well-known applications by their ids, first of all Microsoft's own: data, dated, with sources, and
//! overridable by the user.
//!
//! Input: `applications.toml` and an optional file of the same form, strictly parsed. Output: name and
//! use of an application id.

use std::path::Path;
use std::sync::LazyLock;

use serde::Deserialize;
use toml::Spanned;

use crate::data_file::{self, Mistake};

/// The table that comes with akvlens.
const BUILT_IN: &str = include_str!("applications.toml");

/// What an application is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    /// It calls vaults for itself, as a service of Microsoft or of the user's own.
    Service,
    /// People sign in through it: the caller is the person.
    Client,
}

/// One application.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Application (client) id, in lower case.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What for.
    #[serde(rename = "use")]
    pub used_as: Use,
    /// Where id and name were read.
    #[serde(default)]
    pub source: String,
}

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    #[allow(dead_code, reason = "the date is for whoever reads the file; a test checks it")]
    dated: Option<String>,
    #[serde(default)]
    application: Vec<Spanned<Application>>,
}

/// The table of applications.
#[derive(Clone, Debug)]
pub struct Applications {
    /// By id.
    rows: Vec<Application>,
}

/// Read once; it comes with the program, and a test reads it.
static TABLE: LazyLock<Applications> =
    LazyLock::new(|| match Applications::load(&[(Path::new("applications.toml"), BUILT_IN)]) {
        Ok(table) => table,
        Err(mistake) => unreachable!("{mistake}"),
    });

impl Applications {
    /// The built-in table.
    pub fn built_in() -> &'static Self {
        &TABLE
    }

    /// The built-in table, extended and overridden by a user's file.
    ///
    /// # Errors
    /// The file's first mistake, with its line.
    pub fn with_file(path: &Path, text: &str) -> Result<Self, Mistake> {
        Self::load(&[(path, text), (Path::new("applications.toml"), BUILT_IN)])
    }

    /// Files in order of precedence.
    fn load(files: &[(&Path, &str)]) -> Result<Self, Mistake> {
        let mut rows: Vec<Application> = Vec::new();
        for (path, text) in files {
            let file: File = data_file::read(path, text)?;
            let mine = rows.len();
            for row in file.application {
                let place = row.span();
                let wrong = |what: String| Mistake::at(path, text, &place, what);
                let mut row = row.into_inner();
                row.id = row.id.to_ascii_lowercase();
                if !is_id(&row.id) || row.name.is_empty() {
                    return Err(wrong(format!(
                        "application '{}' needs an application (client) id such as \
                         04b07795-8ddb-461a-bbee-02f9e1bf7b46, and a name",
                        row.id
                    )));
                }
                match rows.iter().position(|other| other.id == row.id) {
                    Some(at) if at >= mine => {
                        return Err(wrong(format!("application '{}' is there twice", row.id)));
                    }
                    Some(_) => {}
                    None => rows.push(row),
                }
            }
        }
        rows.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(Self { rows })
    }

    /// The application of an id, whatever its case.
    pub fn find(&self, appid: &str) -> Option<&Application> {
        let at = self.rows.binary_search_by(|application| {
            application.id.bytes().cmp(appid.bytes().map(|byte| byte.to_ascii_lowercase()))
        });
        self.rows.get(at.ok()?)
    }

    /// What an application id is used as.
    pub fn used_as(&self, appid: &str) -> Option<Use> {
        self.find(appid).map(|found| found.used_as)
    }
}

/// Whether a text has the form of an id: 8-4-4-4-12 hexadecimal digits.
fn is_id(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

    #[test]
    fn the_table_is_sound() {
        let file: File = data_file::read(Path::new("x"), BUILT_IN).unwrap();
        assert_eq!(file.dated.unwrap().len(), 10);
        let table = Applications::built_in();
        assert!(table.rows.len() > 10 && table.rows.len() == file.application.len());
        for row in &table.rows {
            assert!(!row.source.is_empty(), "{}", row.id);
            assert_eq!(table.find(&row.id.to_ascii_uppercase()), Some(row), "case does not matter");
        }
        assert_eq!(table.find("x"), None);
    }

    #[test]
    fn a_file_overrides_and_adds() {
        let text = format!(
            "[[application]]\nid = \"{}\"\nname = \"Our CLI\"\nuse = \"service\"\n\n[[application]]\nid = \
             \"11111111-2222-3333-4444-555555555555\"\nname = \"Deployer\"\nuse = \"client\"\n",
            CLI.to_ascii_uppercase()
        );
        let table = Applications::with_file(Path::new("mine.toml"), &text).unwrap();
        assert_eq!(table.find(CLI).map(|row| row.name.as_str()), Some("Our CLI"));
        assert_eq!(table.used_as(CLI), Some(Use::Service));
        assert_eq!(table.used_as("11111111-2222-3333-4444-555555555555"), Some(Use::Client));
        assert_eq!(table.rows.len(), Applications::built_in().rows.len() + 1);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let told = |text: &str| Applications::with_file(Path::new("my.toml"), text).unwrap_err().to_string();
        let row = format!("[[application]]\nid = \"{CLI}\"\nname = \"b\"\nuse = \"client\"\n");
        assert_eq!(
            told(&format!("{row}more = 1\n")),
            "my.toml:5: unknown field `more`, expected one of `id`, `name`, `use`, `source`"
        );
        assert_eq!(told(&format!("{row}\n{row}")), format!("my.toml:6: application '{CLI}' is there twice"));
        assert!(told(&row.replace(CLI, "x")).starts_with("my.toml:1: application 'x' needs an application"));
        assert!(told(&row.replace("client", "person")).starts_with("my.toml:4: unknown variant `person`"));
    }
}
