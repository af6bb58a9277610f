//! What an operation name says: its plane, and the permission it needs.
//!
//! Source: facts §2, after Microsoft's table of operation names. Names that are not in any table
//! are placed by their prefix, because Microsoft adds operations without notice.

use strum::{Display, EnumString, IntoStaticStr};

/// Which door a request came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Display, EnumString, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Plane {
    /// Keys, secrets, certificates, and authentication before them; limited per vault.
    Data,
    /// The vault itself, through Azure Resource Manager.
    Control,
    /// Not a request: an Event Grid notification that the service writes by itself.
    Notification,
}

/// Whether an operation is no request but a notification: see [`Plane::Notification`].
#[inline]
pub fn is_notification(operation: &str) -> bool {
    // Most names do not end like this.
    operation.ends_with("ation") && operation.ends_with("EventGridNotification")
}

/// The plane of an operation name.
pub fn plane(operation: &str) -> Plane {
    if is_notification(operation) {
        Plane::Notification
    } else if operation.starts_with("Vault") || is_private(operation.as_bytes()) {
        Plane::Control
    } else {
        Plane::Data
    }
}

/// Whether an operation is about private links or endpoints.
fn is_private(operation: &[u8]) -> bool {
    memchr::memchr_iter(b'P', operation).any(|at| {
        let rest = operation.get(at..).unwrap_or_default();
        rest.starts_with(b"PrivateLink") || rest.starts_with(b"PrivateEndpoint")
    })
}

/// Whether an operation only reads the vault itself (Resource Graph polls `VaultGet` all day).
pub fn reads_vault(operation: &str) -> bool {
    plane(operation) == Plane::Control
        && (operation.starts_with("VaultGet")
            || operation.starts_with("VaultList")
            || operation.starts_with("Get"))
}

/// What an operation needs: the permission in an access policy and the RBAC data action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// As access policies name it, such as `secrets get`.
    pub policy: &'static str,
    /// As role definitions name it, without `Microsoft.KeyVault/vaults/`.
    pub action: &'static str,
}

/// Operation, access-policy permission, RBAC data action; sorted by operation (facts §2).
const PERMISSIONS: &[(&str, &str, &str)] = &[
    ("CertificateBackup", "certificates backup", "certificates/backup/action"),
    ("CertificateContactsDelete", "certificates managecontacts", "certificatecontacts/write"),
    ("CertificateContactsGet", "certificates managecontacts", "certificatecontacts/write"),
    ("CertificateContactsSet", "certificates managecontacts", "certificatecontacts/write"),
    ("CertificateCreate", "certificates create", "certificates/create/action"),
    ("CertificateDelete", "certificates delete", "certificates/delete"),
    ("CertificateGet", "certificates get", "certificates/read"),
    ("CertificateImport", "certificates import", "certificates/import/action"),
    ("CertificateIssuerDelete", "certificates deleteissuers", "certificatecas/delete"),
    ("CertificateIssuerGet", "certificates getissuers", "certificatecas/read"),
    ("CertificateIssuerSet", "certificates setissuers", "certificatecas/write"),
    ("CertificateIssuerUpdate", "certificates setissuers", "certificatecas/write"),
    ("CertificateList", "certificates list", "certificates/read"),
    ("CertificateListVersions", "certificates list", "certificates/read"),
    ("CertificatePurge", "certificates purge", "certificates/purge/action"),
    ("CertificateRecover", "certificates recover", "certificates/recover/action"),
    ("CertificateRestore", "certificates restore", "certificates/restore/action"),
    ("CertificateUpdate", "certificates update", "certificates/update/action"),
    ("KeyBackup", "keys backup", "keys/backup/action"),
    ("KeyCreate", "keys create", "keys/create/action"),
    ("KeyDecrypt", "keys decrypt", "keys/decrypt/action"),
    ("KeyDelete", "keys delete", "keys/delete"),
    ("KeyEncrypt", "keys encrypt", "keys/encrypt/action"),
    ("KeyGet", "keys get", "keys/read"),
    ("KeyGetDeleted", "keys get", "keys/read"),
    ("KeyImport", "keys import", "keys/import/action"),
    ("KeyList", "keys list", "keys/read"),
    ("KeyListDeleted", "keys list", "keys/read"),
    ("KeyListVersions", "keys list", "keys/read"),
    ("KeyPurge", "keys purge", "keys/purge/action"),
    ("KeyRecover", "keys recover", "keys/recover/action"),
    ("KeyRelease", "keys release", "keys/release/action"),
    ("KeyRestore", "keys restore", "keys/restore/action"),
    ("KeyRotate", "keys rotate", "keys/rotate/action"),
    ("KeyRotationPolicyGet", "keys getrotationpolicy", "keyrotationpolicies/read"),
    ("KeyRotationPolicySet", "keys setrotationpolicy", "keyrotationpolicies/write"),
    ("KeySign", "keys sign", "keys/sign/action"),
    ("KeyUnwrap", "keys unwrapKey", "keys/unwrap/action"),
    ("KeyUpdate", "keys update", "keys/update/action"),
    ("KeyVerify", "keys verify", "keys/verify/action"),
    ("KeyWrap", "keys wrapKey", "keys/wrap/action"),
    ("SecretBackup", "secrets backup", "secrets/backup/action"),
    ("SecretDelete", "secrets delete", "secrets/delete"),
    ("SecretGet", "secrets get", "secrets/getSecret/action"),
    ("SecretGetDeleted", "secrets get", "secrets/readMetadata/action"),
    ("SecretList", "secrets list", "secrets/readMetadata/action"),
    ("SecretListDeleted", "secrets list", "secrets/readMetadata/action"),
    ("SecretListVersions", "secrets list", "secrets/readMetadata/action"),
    ("SecretPurge", "secrets purge", "secrets/purge/action"),
    ("SecretRecover", "secrets recover", "secrets/recover/action"),
    ("SecretRestore", "secrets restore", "secrets/restore/action"),
    ("SecretSet", "secrets set", "secrets/setSecret/action"),
    ("SecretUpdate", "secrets set", "secrets/update/action"),
];

/// What an operation needs, where the facts know it.
pub fn permission(operation: &str) -> Option<Permission> {
    let row = PERMISSIONS.binary_search_by(|(name, ..)| (*name).cmp(operation)).ok()?;
    PERMISSIONS.get(row).map(|(_, policy, action)| Permission { policy, action })
}

/// Every permission once, with the data action of the first operation that needs it.
pub fn permissions() -> impl Iterator<Item = Permission> {
    let first =
        |index: usize, policy: &str| PERMISSIONS.iter().take(index).all(|(_, earlier, _)| *earlier != policy);
    let rows = PERMISSIONS.iter().enumerate();
    rows.filter(move |(index, (_, policy, _))| first(*index, policy))
        .map(|(_, (_, policy, action))| Permission { policy, action })
}

/// The data action of an access-policy permission.
pub fn action_of(policy: &str) -> Option<&'static str> {
    permissions().find(|permission| permission.policy.eq_ignore_ascii_case(policy)).map(|known| known.action)
}

/// A built-in role that holds what an operation needs: the narrowest of Microsoft's table of
/// built-in roles for Key Vault. The facts do not list that table, so reports say that the role is
/// to be checked.
pub fn built_in_role(operation: &str) -> Option<&'static str> {
    permission(operation)?;
    Some(match operation {
        "SecretGet" | "SecretList" | "SecretListVersions" => "Key Vault Secrets User",
        "KeyGet" | "KeyList" | "KeyListVersions" | "KeyEncrypt" | "KeyDecrypt" | "KeySign" | "KeyVerify"
        | "KeyWrap" | "KeyUnwrap" => "Key Vault Crypto User",
        "KeyRelease" => "Key Vault Crypto Service Release User",
        "CertificateGet" | "CertificateList" | "CertificateListVersions" => "Key Vault Certificate User",
        _ if operation.starts_with("Secret") => "Key Vault Secrets Officer",
        _ if operation.starts_with("Key") => "Key Vault Crypto Officer",
        _ => "Key Vault Certificates Officer",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_sorted_and_found() {
        assert!(PERMISSIONS.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(permission("SecretGet").map(|p| p.action), Some("secrets/getSecret/action"));
        assert_eq!(permission("KeyUnwrap").map(|p| p.policy), Some("keys unwrapKey"));
        assert_eq!(permission("Authentication"), None);
    }

    #[test]
    fn planes_follow_the_prefix() {
        assert_eq!(plane("VaultGet"), Plane::Control);
        assert_eq!(plane("PutPrivateEndpointConnectionProxy"), Plane::Control);
        assert_eq!(plane("VaultAccessPolicyChangedEventGridNotification"), Plane::Notification);
        assert_eq!(plane("Authentication"), Plane::Data);
        assert_eq!(plane("SecurityDomainBackup"), Plane::Data);
        assert!(
            reads_vault("VaultGet")
                && reads_vault("VaultListDeleted")
                && reads_vault("GetPrivateLinkResources")
        );
        assert!(!reads_vault("VaultPut") && !reads_vault("SecretGet"));
    }
}
