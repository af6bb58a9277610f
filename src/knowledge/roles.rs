//! What built-in roles grant: data, dated, with its source.
//!
//! Input: `roles.toml`, strictly parsed. Output: whether a role holds a data action. A role that is
//! not in the table (a custom one, or one local to a Managed HSM) may hold anything: unknown.

use std::sync::LazyLock;

use serde::Deserialize;

use super::Assignment;
use crate::record::operation::permissions;

const BUILT_IN: &str = include_str!("roles.toml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[allow(dead_code, reason = "the date is for whoever reads the file; a test checks it")]
    dated: String,
    role: Vec<Role>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Role {
    name: String,
    id: String,
    actions: Vec<String>,
}

/// It comes with the program, and a test reads it.
static TABLE: LazyLock<File> =
    LazyLock::new(|| toml::from_str(BUILT_IN).expect("the built-in table of roles is well-formed"));

/// Whether an assignment's role holds a data action (without `Microsoft.KeyVault/vaults/`); `None`
/// where the role is not known.
pub fn holds(assignment: &Assignment, action: &str) -> Option<bool> {
    find(assignment).map(|role| role.actions.iter().any(|pattern| matches(pattern, action)))
}

/// The role of the table that holds all of these actions and the fewest others; nothing for an action
/// that none holds.
pub fn narrowest(actions: &[&str]) -> Option<&'static str> {
    let holds_all = |role: &&Role| {
        actions.iter().all(|action| role.actions.iter().any(|pattern| matches(pattern, action)))
    };
    let breadth = |role: &&Role| {
        let held =
            permissions().filter(|known| role.actions.iter().any(|pattern| matches(pattern, known.action)));
        (held.count(), role.name.clone())
    };
    TABLE.role.iter().filter(holds_all).min_by_key(breadth).map(|role| role.name.as_str())
}

/// The row of an assignment's role. A role local to a Managed HSM has another id and another name, so
/// that it is not found.
fn find(assignment: &Assignment) -> Option<&'static Role> {
    let is_it = |role: &&Role| {
        let by_name = assignment.role.as_ref().is_some_and(|name| role.name.eq_ignore_ascii_case(name));
        by_name || assignment.role_id.as_ref().is_some_and(|id| *id == role.id)
    };
    TABLE.role.iter().find(is_it)
}

/// Whether an assignment's role holds any data action on a vault; `None` where it is not known.
pub fn holds_any(assignment: &Assignment) -> Option<bool> {
    find(assignment).map(|role| !role.actions.is_empty())
}

/// Whether a pattern with at most one `*` matches, whatever the case.
fn matches(pattern: &str, action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let pattern = pattern.to_ascii_lowercase();
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

    #[test]
    fn roles_hold_what_they_hold() {
        assert_eq!(holds(&assignment("Key Vault Secrets User"), "secrets/getSecret/action"), Some(true));
        assert_eq!(holds(&assignment("key vault secrets user"), "secrets/setSecret/action"), Some(false));
        assert_eq!(holds(&assignment("Key Vault Reader"), "certificates/read"), Some(true));
        assert_eq!(holds(&assignment("Key Vault Administrator"), "keys/rotate/action"), Some(true));
        assert_eq!(holds(&assignment("Owner"), "keys/read"), Some(false));
        assert_eq!(holds(&assignment("Our Own Role"), "keys/read"), None);
        assert_eq!(TABLE.dated.len(), 10);
    }

    #[test]
    fn the_narrowest_role_is_found() {
        assert_eq!(narrowest(&["secrets/getSecret/action"]), Some("Key Vault Secrets User"));
        assert_eq!(
            narrowest(&["keys/wrap/action", "keys/unwrap/action"]),
            Some("Key Vault Crypto Service Encryption User")
        );
        assert_eq!(narrowest(&["secrets/setSecret/action"]), Some("Key Vault Secrets Officer"));
        assert_eq!(
            narrowest(&["keys/sign/action", "secrets/setSecret/action"]),
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
                holds(&assignment(built_in_role(operation).unwrap()), action),
                Some(true),
                "{operation}"
            );
        }
    }
}
