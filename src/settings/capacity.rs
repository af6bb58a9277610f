//! What capacity is judged by: limits, assumptions, times to live, groups.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Settings, nearest, time};
use crate::cli::{AssumeArgs, Counted, PlanArgs};
use crate::error::Error;
use crate::findings::capacity::{CapacitySettings, TTLS};
use crate::findings::limits::Limits;
use crate::findings::load::Assumptions;
use crate::findings::load::key_kind::KeyKind;

/// Greatest utilisation that a split may leave, unless said otherwise: that of Microsoft's own alert.
const TARGET_PERCENT: u8 = 75;

impl Settings {
    /// Resolves what capacity is judged by.
    ///
    /// # Errors
    /// When a file cannot be read or used, or a time, key or profile is none.
    pub fn capacity(&self, plan: &PlanArgs, assume: &AssumeArgs) -> Result<CapacitySettings, Error> {
        let groups = match &plan.group {
            Some(path) => groups(path)?,
            None => BTreeMap::new(),
        };
        let after_cache =
            plan.after_cache.as_deref().map(|text| seconds("--after-cache", text)).transpose()?;
        let percent = plan.target.or(self.file.target).unwrap_or(TARGET_PERCENT);
        if !(1..=100).contains(&percent) {
            return Err(Error::Usage(format!(
                "target = {percent} in the settings file: 1 to 100 percent are meant"
            )));
        }
        Ok(CapacitySettings {
            assumptions: assumptions(assume, assume.limits.as_ref().or(self.file.limits.as_ref()))?,
            ttls: ttls(&plan.ttl, after_cache)?,
            target_per_mille: u32::from(percent) * 10,
            groups,
            after_cache,
        })
    }
}

fn assumptions(assume: &AssumeArgs, limits: Option<&PathBuf>) -> Result<Assumptions, Error> {
    let limits = match limits {
        Some(path) => Limits::with_file(path, &fs::read_to_string(path).map_err(Error::read(path))?)?,
        None => Limits::built_in(),
    };
    if let Some(name) = assume.limits_profile.as_deref().filter(|name| limits.named(name).is_none()) {
        let near = nearest(name, limits.names());
        let near = near.map_or_else(String::new, |near| format!(" (did you mean '{near}'?)"));
        let all = limits.names().collect::<Vec<_>>().join(", ");
        return Err(Error::Usage(format!(
            "--limits-profile '{name}': no such profile{near}; there are {all}"
        )));
    }
    let counts = |what: Counted| assume.count.contains(&what);
    if counts(Counted::None) && assume.count.len() > 1 {
        return Err(Error::Usage("--count none: cannot stand beside others".into()));
    }
    Ok(Assumptions {
        limits,
        profile: assume.limits_profile.clone(),
        count_failures: assume.count.is_empty() || counts(Counted::Failures),
        count_throttled: counts(Counted::Throttled),
        count_challenges: counts(Counted::Challenges),
        pooled: assume.pooled,
        assume_key: assume.assume_key.as_deref().map(key).transpose()?,
    })
}

fn key(text: &str) -> Result<KeyKind, Error> {
    let kind = KeyKind::read(text);
    if kind.is_sized() {
        return Ok(kind);
    }
    Err(Error::Usage(format!(
        "--assume-key '{text}': write type and size, such as 'RSA 2048', 'RSA-HSM 4096', EC or EC-HSM"
    )))
}

/// The times to live, that before splitting among them.
fn ttls(typed: &[String], after_cache: Option<u64>) -> Result<Vec<Option<u64>>, Error> {
    let read = |text: &String| match text.trim() {
        "rotated" => Ok(None),
        text => seconds("--ttl", text).map(Some),
    };
    let mut ttls = typed.iter().map(read).collect::<Result<Vec<_>, Error>>()?;
    if typed.is_empty() {
        ttls.extend(TTLS);
    }
    ttls.extend(after_cache.map(Some));
    // Ascending, what never ends last.
    ttls.sort_by_key(|ttl| ttl.unwrap_or(u64::MAX));
    ttls.dedup();
    Ok(ttls)
}

/// `5m`, `90s`, `8 hours`, or a plain number of seconds.
fn seconds(option: &str, text: &str) -> Result<u64, Error> {
    let plain = text.trim().parse::<u64>().ok();
    let spelt = || time::span(text).and_then(|span| u64::try_from(span.num_seconds()).ok());
    plain.or_else(spelt).filter(|seconds| (1..=31_536_000).contains(seconds)).ok_or_else(|| {
        Error::Usage(format!("{option} '{text}': write a time such as 30s, 5m, 8h or 1d, at most a year"))
    })
}

/// Reads which objects the user keeps together.
fn groups(path: &Path) -> Result<BTreeMap<String, String>, Error> {
    let text = fs::read_to_string(path).map_err(Error::read(path))?;
    read_groups(&text).map_err(|(line, what)| Error::Usage(format!("{}:{line}: {what}", path.display())))
}

/// `object,group` a line, the object as `secrets/name`, below a header that says so; the error has its
/// line.
fn read_groups(text: &str) -> Result<BTreeMap<String, String>, (u64, String)> {
    let mut groups = BTreeMap::new();
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| (1, error.to_string()))?;
    if headers.iter().map(str::to_ascii_lowercase).collect::<Vec<_>>() != ["object", "group"] {
        return Err((1, "the first line must be object,group".to_owned()));
    }
    for row in reader.records() {
        let row =
            row.map_err(|error| (error.position().map_or(1, csv::Position::line), error.to_string()))?;
        let line = row.position().map_or(1, |position| line_of(text, position.byte()));
        let (2, Some(object), Some(group)) = (row.len(), row.get(0), row.get(1)) else {
            return Err((line, format!("has {} cells; object and group are expected", row.len())));
        };
        let object = object.to_ascii_lowercase();
        let known = ["secrets/", "keys/", "certificates/", "storage/"];
        if !known
            .iter()
            .any(|collection| object.strip_prefix(collection).is_some_and(|name| !name.is_empty()))
        {
            return Err((
                line,
                format!("'{object}' is no object: write secrets/NAME, keys/NAME or certificates/NAME"),
            ));
        }
        if group.is_empty() {
            return Err((line, format!("'{object}' has no group")));
        }
        if let Some(before) = groups.insert(object.clone(), group.to_owned()).filter(|before| before != group)
        {
            return Err((line, format!("'{object}' is in two groups: '{before}' and '{group}'")));
        }
    }
    Ok(groups)
}

/// The line of the first row at or behind a byte: empty lines are passed over.
fn line_of(text: &str, byte: u64) -> u64 {
    let bytes = text.as_bytes();
    let mut at = usize::try_from(byte).unwrap_or(usize::MAX).min(bytes.len());
    while bytes.get(at).is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
        at += 1;
    }
    1 + bytes.iter().take(at).filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_read_strictly() {
        let groups = read_groups("object,group\nsecrets/A, web\nkeys/b,web\n").unwrap();
        assert_eq!(groups.get("secrets/a").map(String::as_str), Some("web"));
        let told = |text: &str| read_groups(text).unwrap_err();
        assert_eq!(told("a,b\n").0, 1);
        assert_eq!(
            told("object,group\nsecrets/a,x\nsecrets/a,y\n"),
            (3, "'secrets/a' is in two groups: 'x' and 'y'".into())
        );
        assert_eq!(told("object,group\nsecrets/a,x,y\n").0, 2);
        assert_eq!(told("object,group\n\nplain,x\n").0, 3);
        assert_eq!(told("object,group\nsecrets/a,\n").0, 2);
    }

    #[test]
    fn times_are_read_and_sorted() {
        let ttls = |typed: &[&str]| {
            ttls(&typed.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), Some(300))
        };
        assert_eq!(ttls(&["rotated", "30"]).unwrap(), [Some(30), Some(300), None]);
        assert_eq!(ttls(&[]).unwrap(), TTLS);
        assert!(ttls(&["0s"]).is_err() && ttls(&["x"]).is_err() && ttls(&["400d"]).is_err());
    }
}
