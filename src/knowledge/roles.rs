//! What roles grant: data, dated, with its source, and overridable by the user.
//!
//! Input: `roles.toml` and an optional file of the same form, strictly parsed. Output: whether a role
//! holds a data action. A role that is not in the table (a custom one, or one local to a Managed HSM) may
//! hold anything: unknown.

use std::path::Path;
use std::sync::LazyLock;

use serde::Deserialize;
use toml::Spanned;

use super::Assignment;
use crate::data_file::{self, Mistake};
use crate::record::operation::permissions;

/// The table that comes with akvlens.
const BUILT_IN: &str = include_str!("roles.toml");

/// What stands in front of every data action of a vault.
const PREFIX: &str = "microsoft.keyvault/vaults/";

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    #[allow(dead_code, reason = "the date is for whoever reads the file; a test checks it")]
    dated: Option<String>,
    #[serde(default)]
    role: Vec<Spanned<Role>>,
}

/// One role.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Role {
    name: String,
    /// Of the role definition; a user may know the name alone.
    #[serde(default)]
    id: String,
    /// Data actions, of which each may hold one `*`.
    actions: Vec<String>,
}

/// The table of roles.
#[derive(Clone, Debug)]
pub struct Roles {
    rows: Vec<Role>,
}

/// Read once; it comes with the program, and a test reads it.
static TABLE: LazyLock<Roles> = LazyLock::new(|| match Roles::load(&[(Path::new("roles.toml"), BUILT_IN)]) {
    Ok(table) => table,
    Err(mistake) => unreachable!("{mistake}"),
});

impl Roles {
    /// The built-in table.
    pub fn built_in() -> &'static Self {
        &TABLE
    }

    /// The built-in table, extended and overridden by a user's file: a role takes the place of one with
    /// its name or its id.
    ///
    /// # Errors
    /// The file's first mistake, with its line.
    pub fn with_file(path: &Path, text: &str) -> Result<Self, Mistake> {
        Self::load(&[(path, text), (Path::new("roles.toml"), BUILT_IN)])
    }

    /// Files in order of precedence.
    fn load(files: &[(&Path, &str)]) -> Result<Self, Mistake> {
        let mut rows: Vec<Role> = Vec::new();
        for (path, text) in files {
            let file: File = data_file::read(path, text)?;
            let mine = rows.len();
            for row in file.role {
                let place = row.span();
                let role = row.into_inner().checked();
                let role = role.map_err(|what| Mistake::at(path, text, &place, what))?;
                match rows.iter().position(|other| other.is_same(&role)) {
                    Some(at) if at >= mine => {
                        let what = format!("role '{}' is there twice", role.name);
                        return Err(Mistake::at(path, text, &place, what));
                    }
                    Some(_) => {}
                    None => rows.push(role),
                }
            }
        }
        Ok(Self { rows })
    }

    /// Whether an assignment's role holds a data action (without `Microsoft.KeyVault/vaults/`); `None`
    /// where the role is not known.
    pub fn holds(&self, assignment: &Assignment, action: &str) -> Option<bool> {
        self.find(assignment).map(|role| role.holds(action))
    }

    /// The role of the table that holds all of these actions and the fewest others; nothing for an
    /// action that none holds.
    pub fn narrowest(&self, actions: &[&str]) -> Option<&str> {
        let holds_all = |role: &&Role| actions.iter().all(|action| role.holds(action));
        let breadth = |role: &&Role| {
            let held = permissions().filter(|known| role.holds(known.action));
            (held.count(), role.name.clone())
        };
        self.rows.iter().filter(holds_all).min_by_key(breadth).map(|role| role.name.as_str())
    }

    /// The row of an assignment's role. A role local to a Managed HSM has another id and another name,
    /// so that it is not found.
    fn find(&self, assignment: &Assignment) -> Option<&Role> {
        let is_it = |role: &&Role| {
            let by_name = assignment.role.as_ref().is_some_and(|name| role.name.eq_ignore_ascii_case(name));
            by_name || assignment.role_id.as_ref().is_some_and(|id| *id == role.id)
        };
        self.rows.iter().find(is_it)
    }

    /// Whether an assignment's role holds any data action on a vault; `None` where it is not known.
    pub fn holds_any(&self, assignment: &Assignment) -> Option<bool> {
        self.find(assignment).map(|role| !role.actions.is_empty())
    }
}

impl Role {
    /// The role as it is compared, or what is wrong with it: ids alone and in lower case, actions as
    /// vaults have them, without those of other services.
    fn checked(self) -> Result<Self, String> {
        if self.name.is_empty() {
            return Err("a role needs a name".to_owned());
        }
        let id = self.id.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let mut actions = Vec::new();
        for action in self.actions {
            let lower = action.to_ascii_lowercase();
            let on_vaults = lower.strip_prefix(PREFIX).unwrap_or(&lower);
            if on_vaults.starts_with("microsoft.")
                || on_vaults.matches('*').count() > 1
                || on_vaults.is_empty()
            {
                return Err(format!(
                    "role '{}': action '{action}' is none of vaults with at most one *, such as \
                     secrets/getSecret/action or keys/*",
                    self.name
                ));
            }
            actions.push(on_vaults.to_owned());
        }
        Ok(Self { name: self.name, id, actions })
    }

    fn is_same(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(&other.name) || (!self.id.is_empty() && self.id == other.id)
    }

    /// Whether it holds a data action.
    fn holds(&self, action: &str) -> bool {
        self.actions.iter().any(|pattern| matches(pattern, action))
    }
}

/// Whether a pattern in lower case with at most one `*` matches, whatever the case.
fn matches(pattern: &str, action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    match pattern.split_once('*') {
        Some((before, behind)) => action.strip_prefix(before).is_some_and(|rest| rest.ends_with(behind)),
        None => action == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::operation::built_in_role;

    fn assignment(role: &str) -> Assignment {
        Assignment {
            principal: "p".into(),
            group: false,
            role: Some(role.into()),
            role_id: None,
            scope: "/subscriptions/s".into(),
            condition: false,
        }
    }

    fn roles() -> &'static Roles {
        Roles::built_in()
    }

    #[test]
    fn the_table_is_sound() {
        let file: File = data_file::read(Path::new("x"), BUILT_IN).unwrap();
        assert_eq!(file.dated.unwrap().len(), 10);
        assert_eq!(roles().rows.len(), file.role.len());
        assert!(roles().rows.iter().all(|role| role.id.len() == 36));
    }

    #[test]
    fn a_file_overrides_and_adds() {
        let text = r#"
[[role]]
name = "key vault secrets user"
actions = ["Microsoft.KeyVault/vaults/secrets/getSecret/action"]

[[role]]
name = "Our Own Role"
id = "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/ABC"
actions = ["keys/sign/action"]
"#;
        let table = Roles::with_file(Path::new("mine.toml"), text).unwrap();
        let mut own = assignment("Key Vault Secrets User");
        assert_eq!(table.holds(&own, "secrets/getSecret/action"), Some(true));
        assert_eq!(table.holds(&own, "secrets/readMetadata/action"), Some(false));
        (own.role, own.role_id) = (None, Some("abc".to_owned()));
        assert_eq!(table.holds(&own, "keys/sign/action"), Some(true));
        assert_eq!(table.narrowest(&["keys/sign/action"]), Some("Our Own Role"));
        assert_eq!(table.rows.len(), roles().rows.len() + 1);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        let told = |text: &str| Roles::with_file(Path::new("my.toml"), text).unwrap_err().to_string();
        let row = "[[role]]\nname = \"r\"\nactions = [\"keys/*\"]\n";
        assert_eq!(
            told(&format!("{row}notDataActions = []\n")),
            "my.toml:4: unknown field `notDataActions`, expected one of `name`, `id`, `actions`"
        );
        assert_eq!(told(&format!("{row}\n{row}")), "my.toml:5: role 'r' is there twice");
        for wrong in ["*/read/*", "", "Microsoft.Storage/x/read"] {
            let told = told(&row.replace("keys/*", wrong));
            assert!(told.starts_with("my.toml:1: role 'r': action '"), "{told}");
        }
    }

    #[test]
    fn roles_hold_what_they_hold() {
        assert_eq!(
            roles().holds(&assignment("Key Vault Secrets User"), "secrets/getSecret/action"),
            Some(true)
        );
        assert_eq!(
            roles().holds(&assignment("key vault secrets user"), "secrets/setSecret/action"),
            Some(false)
        );
        assert_eq!(roles().holds(&assignment("Key Vault Reader"), "certificates/read"), Some(true));
        assert_eq!(roles().holds(&assignment("Key Vault Administrator"), "keys/rotate/action"), Some(true));
        assert_eq!(roles().holds(&assignment("Owner"), "keys/read"), Some(false));
        assert_eq!(roles().holds(&assignment("Our Own Role"), "keys/read"), None);
    }

    #[test]
    fn the_narrowest_role_is_found() {
        assert_eq!(roles().narrowest(&["secrets/getSecret/action"]), Some("Key Vault Secrets User"));
        assert_eq!(
            roles().narrowest(&["keys/wrap/action", "keys/unwrap/action"]),
            Some("Key Vault Crypto Service Encryption User")
        );
        assert_eq!(roles().narrowest(&["secrets/setSecret/action"]), Some("Key Vault Secrets Officer"));
        assert_eq!(
            roles().narrowest(&["keys/sign/action", "secrets/setSecret/action"]),
            Some("Key Vault Administrator")
        );
    }

    /// The role that a remedy names holds what was asked for.
    #[test]
    fn remedies_name_roles_that_hold_the_action() {
        for operation in [
            "SecretGet",
            "SecretSet",
            "KeyUnwrap",
            "KeyCreate",
            "KeyRelease",
            "CertificateGet",
            "CertificateImport",
        ] {
            let action = crate::record::operation::permission(operation).unwrap().action;
            assert_eq!(
                roles().holds(&assignment(built_in_role(operation).unwrap()), action),
                Some(true),
                "{operation}"
            );
        }
    }
}
