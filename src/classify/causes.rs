//! The table of causes: data, dated, with a source, and overridable by the user.
//!
//! Input: `causes.toml` and an optional file of the same form. Output: [`Causes`], checked and
//! compiled. Parsing is strict: an unknown key, status, flag or placeholder is an error with its
//! line.

use std::path::Path;
use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString};
use toml::Spanned;

use super::message::{Message, PLACEHOLDERS, placeholders};
use super::pattern::Pattern;
use crate::data_file::{self, Mistake};

/// The table that comes with akvlens.
const BUILT_IN: &str = include_str!("causes.toml");

/// Which side of the count a cause stands on.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumString,
    Deserialize,
    Serialize,
    JsonSchema,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It worked.
    Success,
    /// It did not.
    Failure,
    /// Part of a normal sign-in.
    Challenge,
    /// Nobody asked.
    Notification,
}

/// How much a cause matters to whoever runs the vault.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumString,
    Deserialize,
    Serialize,
    JsonSchema,
    clap::ValueEnum,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Usually the caller's own matter.
    Low,
    /// Something does not work.
    Medium,
    /// Something does not work and will not by itself.
    High,
}

/// A flag of the record whose `false` names a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum AccessFlag {
    /// `isAccessPolicyMatch`.
    #[serde(rename = "isAccessPolicyMatch")]
    PolicyMatch,
    /// `isRbacAuthorized`.
    #[serde(rename = "isRbacAuthorized")]
    RbacAuthorized,
    /// `isAddressAuthorized`.
    #[serde(rename = "isAddressAuthorized")]
    AddressAuthorized,
}

/// One status or one class of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "toml::Value")]
pub struct StatusSet {
    low: u16,
    high: u16,
}

impl StatusSet {
    /// Whether a status belongs to it.
    pub fn holds(self, status: u16) -> bool {
        (self.low..=self.high).contains(&status)
    }

    /// Whether it is a single status, which goes before a class.
    fn is_exact(self) -> bool {
        self.low == self.high
    }
}

/// `403`, or `4xx`.
impl std::fmt::Display for StatusSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_exact() { write!(f, "{}", self.low) } else { write!(f, "{}xx", self.low / 100) }
    }
}

impl TryFrom<toml::Value> for StatusSet {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        let class = |text: &str| text.strip_suffix("xx").and_then(|digit| digit.parse::<u16>().ok());
        let (low, high) = match &value {
            toml::Value::Integer(code) => {
                let code = u16::try_from(*code).unwrap_or(0);
                (code, code)
            }
            toml::Value::String(text) => class(text).map_or((0, 0), |class| (class * 100, class * 100 + 99)),
            _ => (0, 0),
        };
        if (100..600).contains(&low) {
            Ok(Self { low, high })
        } else {
            Err("no HTTP status: write 403 or \"4xx\"".into())
        }
    }
}

/// One cause, as written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// Stable kebab-case id.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// Which side of the count it stands on.
    pub outcome: Outcome,
    /// How much it matters.
    pub severity: Severity,
    /// The statuses it can have.
    pub status: Vec<StatusSet>,
    /// The statuses that mean it when nothing says more.
    #[serde(default)]
    pub default: Vec<StatusSet>,
    /// AKV codes that name it.
    #[serde(default)]
    pub akv: Vec<String>,
    /// Codes of the HTTP error, which a client sees and the log never holds.
    #[serde(default)]
    pub codes: Vec<String>,
    /// Message patterns.
    #[serde(default)]
    pub patterns: Vec<String>,
    /// The flag whose `false` means it.
    #[serde(default)]
    pub flag: Option<AccessFlag>,
    /// What it means.
    pub meaning: String,
    /// Sentences for a finding, with placeholders.
    #[serde(default)]
    pub why: Vec<String>,
    /// What to do, with placeholders.
    pub remedy: Vec<String>,
    /// Where to read on.
    pub reference: String,
}

/// The file as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    dated: Option<String>,
    #[serde(default)]
    #[allow(dead_code, reason = "kept in the file for its reader")]
    source: Option<String>,
    #[serde(default)]
    cause: Vec<Spanned<Cause>>,
}

/// A cause's index in [`Causes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CauseId(u16);

impl CauseId {
    /// The index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The causes that the code itself must name.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// `success`.
    pub success: CauseId,
    /// `notification`.
    pub notification: CauseId,
    /// `auth-challenge`.
    pub auth_challenge: CauseId,
    /// `unanswered-challenge`.
    pub unanswered_challenge: CauseId,
}

/// The table of causes, ready to classify.
#[derive(Debug)]
pub struct Causes {
    causes: Vec<Cause>,
    /// One a cause; built at the first message, as many runs meet few or none.
    patterns: Vec<OnceLock<Vec<Pattern>>>,
    known: Known,
    dated: String,
}

impl Causes {
    /// The built-in table.
    ///
    /// # Panics
    /// Never: a test loads it.
    pub fn built_in() -> Self {
        match Self::load(&[(Path::new("src/classify/causes.toml"), BUILT_IN)]) {
            Ok(causes) => causes,
            Err(error) => unreachable!("{error}"),
        }
    }

    /// The built-in table, extended and overridden by a user's file.
    ///
    /// # Errors
    /// The file's first mistake, with its line.
    pub fn with_file(path: &Path, text: &str) -> Result<Self, Mistake> {
        Self::load(&[(path, text), (Path::new("src/classify/causes.toml"), BUILT_IN)])
    }

    /// Files in order of precedence.
    fn load(files: &[(&Path, &str)]) -> Result<Self, Mistake> {
        let mut causes: Vec<Cause> = Vec::new();
        let mut dated = None;
        for (path, text) in files {
            let file: File = data_file::read(path, text)?;
            dated = dated.or(file.dated);
            let mine = causes.len();
            // A test checks the built-in ones: to compile all patterns takes longer than a small log does.
            let is_built_in = *text == BUILT_IN;
            for cause in file.cause {
                let place = cause.span();
                let cause = cause.into_inner();
                if !is_built_in {
                    check(&cause).map_err(|what| Mistake::at(path, text, &place, what))?;
                }
                let (earlier, here) = causes.split_at(mine);
                if here.iter().any(|other| other.id == cause.id) {
                    let what = format!("cause '{}' is there twice", cause.id);
                    return Err(Mistake::at(path, text, &place, what));
                }
                if !earlier.iter().any(|other| other.id == cause.id) {
                    causes.push(cause);
                }
            }
        }
        Ok(Self::assemble(causes, dated.unwrap_or_default()))
    }

    fn assemble(causes: Vec<Cause>, dated: String) -> Self {
        let find = |id: &str| {
            let index = causes.iter().position(|cause| cause.id == id).unwrap_or(0);
            CauseId(u16::try_from(index).unwrap_or(0))
        };
        let known = Known {
            success: find("success"),
            notification: find("notification"),
            auth_challenge: find("auth-challenge"),
            unanswered_challenge: find("unanswered-challenge"),
        };
        let patterns = causes.iter().map(|_| OnceLock::new()).collect();
        Self { causes, patterns, known, dated }
    }

    /// The causes that the code itself must name.
    pub fn known(&self) -> Known {
        self.known
    }

    /// The day the table was last checked against its sources.
    pub fn dated(&self) -> &str {
        &self.dated
    }

    /// All causes, in the order in which their patterns are tried.
    pub fn iter(&self) -> impl Iterator<Item = &Cause> {
        self.causes.iter()
    }

    /// One cause.
    pub fn get(&self, id: CauseId) -> &Cause {
        &self.causes[id.index()]
    }

    /// A cause by its id.
    pub fn find(&self, id: &str) -> Option<&Cause> {
        self.causes.iter().find(|cause| cause.id == id)
    }

    /// The first cause whose patterns or codes a message matches. Without a status (a pasted text)
    /// every cause is tried.
    pub fn match_text(&self, status: Option<u16>, message: &Message) -> Option<CauseId> {
        let position = self.causes.iter().enumerate().position(|(index, cause)| {
            let possible = status.is_none_or(|status| cause.status.iter().any(|set| set.holds(status)));
            let code = || message.akv_code().is_some_and(|code| cause.akv.iter().any(|akv| akv == code));
            possible && (code() || self.patterns(index).iter().any(|pattern| message.matches(pattern)))
        })?;
        u16::try_from(position).ok().map(CauseId)
    }

    /// The compiled patterns of a cause.
    fn patterns(&self, index: usize) -> &[Pattern] {
        self.patterns[index]
            .get_or_init(|| self.causes[index].patterns.iter().map(|pattern| Pattern::new(pattern)).collect())
    }

    /// The cause that a `false` flag means.
    pub(super) fn of_flag(&self, flag: AccessFlag, status: u16) -> Option<CauseId> {
        let found = self
            .causes
            .iter()
            .position(|cause| cause.flag == Some(flag) && cause.status.iter().any(|set| set.holds(status)))?;
        u16::try_from(found).ok().map(CauseId)
    }

    /// The cause that a status alone means: an exact one before a class.
    pub fn of_status(&self, status: u16) -> CauseId {
        let by = |exact: bool| {
            let holds = |set: &StatusSet| set.is_exact() == exact && set.holds(status);
            self.causes.iter().position(|cause| cause.default.iter().any(holds))
        };
        let index = by(true).or_else(|| by(false)).and_then(|index| u16::try_from(index).ok());
        index.map_or(self.known.success, CauseId)
    }
}

/// Whether a cause can be used as written.
fn check(cause: &Cause) -> Result<(), String> {
    let kebab = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if cause.id.is_empty() || !cause.id.bytes().all(kebab) {
        return Err(format!("id '{}' must be lower-case words joined by dashes", cause.id));
    }
    if cause.remedy.is_empty() || cause.title.is_empty() || cause.meaning.is_empty() {
        return Err(format!("cause '{}' needs a title, a meaning and at least one remedy", cause.id));
    }
    for pattern in &cause.patterns {
        Pattern::check(pattern)
            .map_err(|error| format!("cause '{}': pattern '{pattern}': {error}", cause.id))?;
    }
    for name in cause.why.iter().chain(&cause.remedy).flat_map(|text| placeholders(text)) {
        if !PLACEHOLDERS.contains(&name) {
            return Err(format!(
                "cause '{}': no placeholder {{{name}}}; there are {}",
                cause.id,
                PLACEHOLDERS.join(", ")
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_table_is_sound() {
        let causes = Causes::built_in();
        causes.causes.iter().for_each(|cause| check(cause).unwrap());
        assert_eq!(causes.get(causes.known().success).id, "success");
        assert_eq!(causes.get(causes.known().unanswered_challenge).id, "unanswered-challenge");
        for status in 100..600 {
            let cause = causes.get(causes.of_status(status));
            assert!(cause.status.iter().any(|set| set.holds(status)), "{status} means {}", cause.id);
            assert_eq!(cause.outcome == Outcome::Success, status < 400);
        }
        assert!(causes.dated().starts_with("20"));
    }

    #[test]
    fn a_file_overrides_and_adds() {
        let text = r#"
[[cause]]
id = "not-found"
title = "Mine"
outcome = "failure"
severity = "high"
status = [404]
default = [404]
meaning = "m"
remedy = ["look in {vault}"]
reference = "r"

[[cause]]
id = "gateway"
title = "Blocked by our proxy"
outcome = "failure"
severity = "low"
status = [403]
patterns = ["blocked by proxy"]
meaning = "m"
remedy = ["r"]
reference = "r"
"#;
        let causes = Causes::with_file(Path::new("mine.toml"), text).unwrap();
        assert_eq!(causes.find("not-found").unwrap().title, "Mine");
        let id = causes.match_text(Some(403), &Message::new("[X] Blocked by proxy 7")).unwrap();
        assert_eq!(causes.get(id).id, "gateway");
        assert_eq!(causes.get(causes.of_status(404)).title, "Mine");
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let entry = |extra: &str| {
            format!(
                "dated = \"2026-01-01\"\n\n[[cause]]\nid = \"x\"\ntitle = \"t\"\noutcome = \"failure\"\nseverity = \"low\"\nstatus = [403]\nmeaning = \"m\"\nremedy = [\"r\"]\nreference = \"r\"\n{extra}\n"
            )
        };
        let told = |text: &str| Causes::with_file(Path::new("my.toml"), text).unwrap_err().to_string();
        assert_eq!(
            told(&entry("colour = \"red\"")),
            "my.toml:12: unknown field `colour`, expected one of `id`, `title`, `outcome`, `severity`, `status`, `default`, `akv`, `codes`, `patterns`, `flag`, `meaning`, `why`, `remedy`, `reference`"
        );
        assert!(told(&entry("patterns = [\"(\"]")).starts_with("my.toml:3: cause 'x': pattern '('"));
        assert!(
            told(&entry("why = [\"{nobody}\"]")).starts_with("my.toml:3: cause 'x': no placeholder {nobody}")
        );
        assert!(told(&entry("default = [\"9xx\"]")).starts_with("my.toml:12: "));
        assert!(told("[[cause]\n").starts_with("my.toml:1: "));
    }
}
