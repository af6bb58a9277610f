//! Microsoft's own applications by their well-known ids: data, dated, with sources.
//!
//! Input: `applications.toml`, strictly parsed. Output: name and use of an application id.

use std::sync::LazyLock;

use serde::Deserialize;

/// The table that comes with akvlens.
const BUILT_IN: &str = include_str!("applications.toml");

/// What an application of Microsoft is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    /// It calls vaults for itself.
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
    pub source: String,
}

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    dated: String,
    application: Vec<Application>,
}

/// Read once; it comes with the program, and a test reads it.
static TABLE: LazyLock<File> = LazyLock::new(|| {
    let mut file: File = toml::from_str(BUILT_IN).expect("the built-in table of applications is well-formed");
    file.application.sort_by(|one, other| one.id.cmp(&other.id));
    file
});

/// The date of the table.
pub fn dated() -> &'static str {
    &TABLE.dated
}

/// The application of an id, whatever its case.
pub fn find(appid: &str) -> Option<&'static Application> {
    let table = &TABLE.application;
    let at = table.binary_search_by(|application| {
        application.id.bytes().cmp(appid.bytes().map(|byte| byte.to_ascii_lowercase()))
    });
    table.get(at.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        assert!(dated().len() == 10 && TABLE.application.len() > 10);
        for row in &TABLE.application {
            assert_eq!(row.id, row.id.to_ascii_lowercase());
            assert_eq!(row.id.len(), 36, "{}", row.id);
            assert!(!row.name.is_empty() && !row.source.is_empty());
            assert_eq!(find(&row.id.to_ascii_uppercase()), Some(row), "ids are unique, case does not matter");
        }
        assert_eq!(find("x"), None);
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        let text = "dated = \"2026-01-01\"\n[[application]]\nid = \"a\"\nname = \"b\"\nuse = \"client\"\nsource = \"c\"\nmore = 1\n";
        assert!(toml::from_str::<File>(text).is_err());
    }
}
