//! The operations of Key Vault that the traffic is made of.
//!
//! In: nothing. Out: one table, a row an operation: its name, its address, the permission it needs, and
//! how often each kind of workload calls it.

use crate::operation::Family::{Certificate, Key, Secret, Vault};
use crate::operation::Route::{
    Collection, Create, Deleted, DeletedCollection, FrontDoor, Import, Management, Notice, Object, Post,
    Restore, Versioned, Versions,
};

/// What an operation works on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Family {
    /// Secrets.
    Secret,
    /// Keys.
    Key,
    /// Certificates.
    Certificate,
    /// The vault itself.
    Vault,
}

impl Family {
    /// The word in addresses and permissions.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Secret => "secrets",
            Key => "keys",
            Certificate => "certificates",
            Vault => "vaults",
        }
    }

    /// The word in messages.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Secret => "secret",
            Key => "key",
            Certificate => "certificate",
            Vault => "vault",
        }
    }

    /// The word at the start of a message.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Secret => "Secret",
            Key => "Key",
            Certificate => "Certificate",
            Vault => "Vault",
        }
    }
}

/// The form of an operation's address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Route {
    /// `/secrets`
    Collection,
    /// `/deletedsecrets`
    DeletedCollection,
    /// `/secrets/NAME/versions`
    Versions,
    /// `/secrets/NAME`, of the latest version
    Object,
    /// `/secrets/NAME/VERSION`, or without the version
    Versioned,
    /// `/deletedsecrets/NAME`
    Deleted,
    /// `/keys/NAME/VERSION/VERB`, for keys in use
    Post(&'static str),
    /// `/keys/NAME/create`
    Create,
    /// `/certificates/NAME/import`
    Import,
    /// `/secrets/restore`
    Restore,
    /// Azure Resource Manager
    Management,
    /// No request at all: the vault tells of itself
    Notice,
    /// The check of the token before any operation
    FrontDoor,
}

/// What a caller is there for; decides which operations it calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Workload {
    /// Reads secrets.
    Secrets,
    /// Uses keys.
    Keys,
    /// Serves certificates.
    Certificates,
    /// Deploys, or a person at work.
    Deployment,
}

/// All workloads, in the order of [`Operation::weights`].
pub(crate) const WORKLOADS: [Workload; 4] =
    [Workload::Secrets, Workload::Keys, Workload::Certificates, Workload::Deployment];

/// One operation.
#[derive(Debug)]
pub(crate) struct Operation {
    /// `operationName`.
    pub(crate) name: &'static str,
    /// What it works on.
    pub(crate) family: Family,
    /// Form of its address.
    pub(crate) route: Route,
    /// Permission of an access policy that it needs.
    pub(crate) permission: &'static str,
    /// Data action that it needs, without the provider's prefix.
    pub(crate) action: &'static str,
    /// How often each of the [`WORKLOADS`] calls it.
    pub(crate) weights: [u64; 4],
}

impl Operation {
    /// Whether a client can ask for it at the vault's own address.
    pub(crate) fn is_data_plane(&self) -> bool {
        !matches!(self.route, Management | Notice | FrontDoor)
    }

    /// Whether it makes an object.
    pub(crate) fn creates(&self) -> bool {
        matches!(self.route, Create | Import) || self.permission == "set"
    }

    /// Whether it changes or removes something.
    pub(crate) fn writes(&self) -> bool {
        self.creates()
            || matches!(self.permission, "update" | "delete" | "purge" | "recover" | "restore" | "rotate")
    }
}

/// Makes a row of the table.
const fn row(
    name: &'static str,
    family: Family,
    route: Route,
    permission: &'static str,
    action: &'static str,
    weights: [u64; 4],
) -> Operation {
    Operation { name, family, route, permission, action, weights }
}

/// The check of the token; every 401 is logged under this name.
pub(crate) const AUTHENTICATION: usize = 0;
/// Reading the vault's settings.
pub(crate) const VAULT_GET: usize = 1;
/// Changing the vault's settings: two rows.
pub(crate) const VAULT_CHANGES: [usize; 2] = [2, 3];
/// What vaults tell of themselves: seven rows.
pub(crate) const NOTICES: [usize; 7] = [4, 5, 6, 7, 8, 9, 10];

/// Every operation.
pub(crate) const OPERATIONS: &[Operation] = &[
    row("Authentication", Vault, FrontDoor, "", "", [0; 4]),
    row("VaultGet", Vault, Management, "", "", [0; 4]),
    row("VaultPatch", Vault, Management, "", "", [0; 4]),
    row("VaultPut", Vault, Management, "", "", [0; 4]),
    row("VaultAccessPolicyChangedEventGridNotification", Vault, Notice, "", "", [0; 4]),
    row("SecretNearExpiryEventGridNotification", Secret, Notice, "", "", [0; 4]),
    row("SecretExpiredEventGridNotification", Secret, Notice, "", "", [0; 4]),
    row("KeyNearExpiryEventGridNotification", Key, Notice, "", "", [0; 4]),
    row("KeyExpiredEventGridNotification", Key, Notice, "", "", [0; 4]),
    row("CertificateNearExpiryEventGridNotification", Certificate, Notice, "", "", [0; 4]),
    row("CertificateExpiredEventGridNotification", Certificate, Notice, "", "", [0; 4]),
    row("SecretGet", Secret, Versioned, "get", "secrets/getSecret/action", [880, 60, 300, 260]),
    row("SecretList", Secret, Collection, "list", "secrets/readMetadata/action", [50, 0, 20, 120]),
    row("SecretListVersions", Secret, Versions, "list", "secrets/readMetadata/action", [20, 0, 10, 30]),
    row("SecretListDeleted", Secret, DeletedCollection, "list", "secrets/readMetadata/action", [0, 0, 0, 6]),
    row("SecretSet", Secret, Object, "set", "secrets/setSecret/action", [8, 0, 0, 60]),
    row("SecretUpdate", Secret, Versioned, "update", "secrets/update/action", [2, 0, 0, 20]),
    row("SecretDelete", Secret, Object, "delete", "secrets/delete", [1, 0, 0, 12]),
    row("SecretPurge", Secret, Deleted, "purge", "secrets/purge/action", [0; 4]),
    row("SecretBackup", Secret, Post("backup"), "backup", "secrets/backup/action", [0, 0, 0, 6]),
    row("SecretRestore", Secret, Restore, "restore", "secrets/restore/action", [0, 0, 0, 3]),
    row("KeyGet", Key, Versioned, "get", "keys/read", [20, 150, 40, 60]),
    row("KeyList", Key, Collection, "list", "keys/read", [0, 10, 0, 40]),
    row("KeyListVersions", Key, Versions, "list", "keys/read", [0, 10, 0, 10]),
    row("KeySign", Key, Post("sign"), "sign", "keys/sign/action", [0, 180, 20, 0]),
    row("KeyVerify", Key, Post("verify"), "verify", "keys/verify/action", [0, 60, 0, 0]),
    row("KeyEncrypt", Key, Post("encrypt"), "encrypt", "keys/encrypt/action", [0, 60, 0, 0]),
    row("KeyDecrypt", Key, Post("decrypt"), "decrypt", "keys/decrypt/action", [10, 140, 0, 0]),
    row("KeyWrap", Key, Post("wrapkey"), "wrapKey", "keys/wrap/action", [0, 90, 0, 0]),
    row("KeyUnwrap", Key, Post("unwrapkey"), "unwrapKey", "keys/unwrap/action", [0, 200, 0, 0]),
    row("KeyCreate", Key, Create, "create", "keys/create/action", [0, 2, 0, 12]),
    row("KeyUpdate", Key, Versioned, "update", "keys/update/action", [0, 0, 0, 4]),
    row("KeyRotate", Key, Post("rotate"), "rotate", "keys/rotate/action", [0, 1, 0, 3]),
    row("KeyDelete", Key, Object, "delete", "keys/delete", [0, 0, 0, 6]),
    row("KeyPurge", Key, Deleted, "purge", "keys/purge/action", [0; 4]),
    row("KeyBackup", Key, Post("backup"), "backup", "keys/backup/action", [0, 0, 0, 4]),
    row("KeyRestore", Key, Restore, "restore", "keys/restore/action", [0, 0, 0, 2]),
    row("CertificateGet", Certificate, Versioned, "get", "certificates/read", [10, 0, 300, 40]),
    row("CertificateList", Certificate, Collection, "list", "certificates/read", [0, 0, 30, 30]),
    row("CertificateCreate", Certificate, Create, "create", "certificates/create/action", [0, 0, 0, 6]),
    row("CertificateImport", Certificate, Import, "import", "certificates/import/action", [0, 0, 0, 8]),
    row("CertificateDelete", Certificate, Object, "delete", "certificates/delete", [0, 0, 0, 3]),
    row("CertificatePurge", Certificate, Deleted, "purge", "certificates/purge/action", [0; 4]),
];
